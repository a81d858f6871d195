"""The frame that every HTML page and report shares: one style, light, dark and printable; no script, font or network.

It also holds what fragments for notebooks share with pages: escaping, and the colours of labels. It knows no report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import cycle
from typing import Protocol, TypeVar

from emoscope.labels import EMOTIONS

LIGHT = ("#3f6fc4", "#b58300", "#cf4d8a", "#c43d2f", "#7a55b0", "#1f8a7d", "#8a5a38", "#5c8a2f")
DARK = ("#6f9bea", "#e0b03c", "#ec7fb2", "#ef7468", "#ab8be0", "#4cc0b0", "#c08f6a", "#94c25f")
"""Colours of labels: first those of the six emotions, then two that only other labels have."""


def _variables(colours: Iterable[str]) -> str:
    return " ".join(f"--label-{index}: {colour};" for index, colour in enumerate(colours))


STYLE = f"""
:root {{ color-scheme: light dark; --text: #1c2430; --muted: #5d6878; --line: #dde2e9; --back: #f6f7f9; --card: #fff;
  --bar: #7da7ee; --error: #b3261e; --error-back: #fbe6e4; --hint: #7a5200; --hint-back: #fcf1d8; --fine: #1b6e3c;
  {_variables(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ --text: #e4e8ee; --muted: #9aa5b4; --line: #313945;
  --back: #14181e; --card: #1c222a; --bar: #4d7cc0; --error: #ff9c94; --error-back: #43211f; --hint: #f2c666;
  --hint-back: #3c3016; --fine: #7fd6a0;
  {_variables(DARK)} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 70rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.6rem; margin: 0; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.05rem; margin: 0; }}
p {{ margin: .3rem 0 0; overflow-wrap: anywhere; }}
.note {{ color: var(--muted); }}
section, details {{ background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin-top: 1rem;
  padding: .9rem 1.1rem; overflow-x: auto; }}
summary {{ cursor: pointer; }} summary h2 {{ display: inline; }}
table {{ border-collapse: collapse; margin-top: .6rem; width: 100%; }}
th {{ text-align: left; color: var(--muted); font-weight: 600; }}
th, td {{ padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }}
td {{ overflow-wrap: anywhere; min-width: 4.6rem; }}
td:last-child:not(.figure, :empty, [colspan]) {{ min-width: 12rem; }}
td.figure {{ min-width: 0; }}
td.figure, th.figure {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
td.short {{ white-space: nowrap; }}
mark {{ border-radius: .2em; }}
@media print {{ :root {{ color-scheme: light; --back: #fff; }} body {{ max-width: none; padding: 0; }}
  * {{ print-color-adjust: exact; }}
  details::details-content {{ content-visibility: visible; }}
  section, details {{ overflow: visible; }} tr, svg {{ break-inside: avoid; }} h2, h3 {{ break-after: avoid; }} }}
""".strip()
"""Colours, type, cards and tables."""

FRAGMENTS_STYLE = """
section p { font-size: 1.1rem; line-height: 1.7; white-space: pre-wrap; overflow-wrap: anywhere; }
section svg { margin: .5rem 0; }
""".lstrip()

MAX_FRAGMENTS = 20
"""Maximum number of items of a list that a notebook shows."""


class Fragment(Protocol):
    """What a notebook shows as HTML."""

    def _repr_html_(self) -> str: ...


Item = TypeVar("Item", bound=Fragment)

_NOT_FOR_HTML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def escaped(text: str) -> str:
    """The text as HTML shows it, with U+FFFD for what HTML cannot hold: control characters and lone surrogates."""
    return escape(_NOT_FOR_HTML.sub("\ufffd", text))


def label_colours(names: Sequence[str]) -> list[int]:
    """For each label the index of its colour: an emotion has its own in every order, other labels have the others."""
    taken = {EMOTIONS.index(name) for name in names if name in EMOTIONS}
    free = cycle([index for index in range(len(LIGHT)) if index not in taken])
    return [EMOTIONS.index(name) if name in EMOTIONS else next(free) for name in names]


def label_colour(index: int) -> str:
    """CSS colour at an index of `label_colours`: the page's, and in a notebook one that suits light and dark themes."""
    index %= len(LIGHT)
    return f"var(--label-{index}, {LIGHT[index]})"


def note(html: str) -> str:
    """A remark in muted type."""
    return f'<p class="note">{html}</p>'


def html_page(title: str, body: Iterable[str], style: str = "") -> str:
    """A whole page, in UTF-8.

    Args:
        title: plain text, for the window and the heading of the page.
        body: what follows the heading, in HTML.
        style: CSS that it needs beyond STYLE.
    """
    lines = [
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escaped(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>\n{STYLE}\n{style}</style>\n</head>\n<body>\n<main>\n<h1>{escaped(title)}</h1>",
        *body,
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(lines)


class Fragments(list[Item]):
    """A list that notebooks show: the fragment of each item, below one another."""

    def _repr_html_(self) -> str:
        """The first MAX_FRAGMENTS items, each as it shows itself, and how many others there are."""
        others = [note(f"and {len(self) - MAX_FRAGMENTS:,} more")] if len(self) > MAX_FRAGMENTS else []
        return "".join([*(item._repr_html_() for item in self[:MAX_FRAGMENTS]), *others])


def fragments_page(title: str, fragments: Iterable[str], legend: str) -> str:
    """A whole page of HTML fragments that notebooks show too, each on a card.

    Args:
        title: as `html_page` takes it.
        fragments: the fragments.
        legend: what their colours mean, as plain text.
    """
    cards = (f"<section>{fragment}</section>" for fragment in fragments)
    return html_page(title, [note(escaped(legend)), *cards], FRAGMENTS_STYLE)
