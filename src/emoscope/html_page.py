"""The frame of an HTML page that needs nothing else: no script, no font, no network; light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

STYLE = """
:root { color-scheme: light dark; --text: #1c2430; --muted: #5d6878; --line: #dde2e9; --back: #f6f7f9; --card: #fff;
  --bar: #cfe0fb; --wrong: #b3261e; --wrong-back: #fbe6e4; --hint: #7a5200; --hint-back: #fcf1d8; --fine: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ee; --muted: #9aa5b4; --line: #313945; --back: #14181e;
  --card: #1c222a; --bar: #2a4468; --wrong: #ff9c94; --wrong-back: #43211f; --hint: #f2c666; --hint-back: #3c3016;
  --fine: #7fd6a0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 70rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0; }
p { color: var(--muted); margin: .3rem 0 0; }
section, details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin-top: 1rem;
  padding: .9rem 1.1rem; overflow-x: auto; }
summary { cursor: pointer; } summary h2 { display: inline; }
table { border-collapse: collapse; margin-top: .6rem; width: 100%; }
th { text-align: left; color: var(--muted); font-weight: 600; }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; }
td.figure, th.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.short { white-space: nowrap; }
""".strip()
"""Colours, type, cards and tables."""


_NOT_FOR_HTML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def escaped(text: str) -> str:
    """The text as HTML shows it, with U+FFFD for what HTML cannot hold: control characters and lone surrogates."""
    return escape(_NOT_FOR_HTML.sub("\ufffd", text))


def html_page(title: str, body: Iterable[str], style: str = "") -> str:
    """The whole page, UTF-8.

    Args:
        title: in plain text, of the window and above the page.
        body: what follows, in HTML.
        style: what it needs beyond STYLE, in CSS.
    """
    lines = [
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escaped(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>\n{STYLE}\n{style}</style>\n</head>\n<body>\n<main>\n<h1>{escaped(title)}</h1>",
        *body,
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(lines)
