"""An audit as one HTML page that needs nothing else: no script, no font, no network; light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from emoscope.audit.examination import Audit
from emoscope.audit.sections import Cells, Section, sections
from emoscope.audit.terminal import is_figure

MOST_ROWS = 500
"""Rows shown of a table."""

STYLE = """
:root { color-scheme: light dark; --text: #1c2430; --muted: #5d6878; --line: #dde2e9; --back: #f6f7f9; --card: #fff;
  --bar: #cfe0fb; --wrong: #b3261e; --wrong-back: #fbe6e4; --hint: #7a5200; --hint-back: #fcf1d8; --fine: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ee; --muted: #9aa5b4; --line: #313945; --back: #14181e;
  --card: #1c222a; --bar: #2a4468; --wrong: #ff9c94; --wrong-back: #43211f; --hint: #f2c666; --hint-back: #3c3016;
  --fine: #7fd6a0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 70rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 0; }
p { color: var(--muted); margin: .3rem 0 0; }
section, details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin-top: 1rem;
  padding: .9rem 1.1rem; overflow-x: auto; }
summary { cursor: pointer; } summary h2 { display: inline; }
ul { list-style: none; margin: 1.2rem 0 0; padding: 0; }
li { margin-top: .4rem; padding: .35rem .7rem; border-radius: 6px; }
.wrong { background: var(--wrong-back); color: var(--wrong); }
.hint { background: var(--hint-back); color: var(--hint); }
.fine { color: var(--fine); } li b { display: inline-block; width: 4.2rem; }
table { border-collapse: collapse; margin-top: .6rem; width: 100%; }
th { text-align: left; color: var(--muted); font-weight: 600; }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; }
td.figure, th.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.short { white-space: nowrap; }
""".strip()


def audit_page(audit: Audit) -> str:
    """The whole page, UTF-8; of each table the first MOST_ROWS rows."""
    return "\n".join(_page(audit)) + "\n"


def _page(audit: Audit) -> Iterator[str]:
    title = f"Audit of {escape(audit.name)}"
    rows = sum(split.rows for split in audit.splits.values())
    yield f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>"
    splits = ", ".join(f"{split} {summary.rows:,}" for split, summary in audit.splits.items())
    yield f"<p>{rows:,} rows ({escape(splits)}), {len(audit.labels)} labels</p>"
    yield from _problems(audit)
    for section in sections(audit):
        yield from _section(section)
    yield "</body>\n</html>"


def _problems(audit: Audit) -> Iterator[str]:
    yield "<ul>"
    if not any(problem.certain for problem in audit.problems):
        yield '<li class="fine">Nothing is wrong for certain.</li>'
    for problem in audit.problems:
        kind = "wrong" if problem.certain else "hint"
        yield f'<li class="{kind}"><b>{kind}</b>{escape(problem.message)}</li>'
    yield "</ul>"


def _section(section: Section) -> Iterator[str]:
    is_list = section.header[-1] == "text"
    count = f" ({len(section.rows):,})" if is_list else ""
    heading = f"<h2>{escape(section.title)}{count}</h2>"
    yield f"<details><summary>{heading}</summary>" if is_list else f"<section>{heading}"
    if section.note:
        yield f"<p>{escape(section.note)}</p>"
    yield "<table>"
    if any(section.header):
        heads = zip(section.header, section.rows[-1], strict=True)
        yield f"<tr>{''.join(_head(cell, below) for cell, below in heads)}</tr>"
    yield from (f"<tr>{_cells(row)}</tr>" for row in section.rows[:MOST_ROWS])
    yield "</table>"
    if len(section.rows) > MOST_ROWS:
        yield f"<p>The first {MOST_ROWS:,}; --json has all.</p>"
    yield "</details>" if is_list else "</section>"


def _head(cell: str, below: str) -> str:
    return f'<th class="figure">{escape(cell)}</th>' if is_figure(below) else f"<th>{escape(cell)}</th>"


def _cells(row: Cells) -> str:
    return "".join(map(_cell, row[:-1])) + _cell(row[-1], last=True)


def _cell(cell: str, last: bool = False) -> str:
    if not is_figure(cell):
        return f"<td>{escape(cell)}</td>" if last else f'<td class="short">{escape(cell)}</td>'
    if not cell.endswith("%"):
        return f'<td class="figure">{cell}</td>'
    bar = f"background: linear-gradient(to left, var(--bar) {cell}, transparent {cell})"
    return f'<td class="figure" style="{bar}">{cell}</td>'
