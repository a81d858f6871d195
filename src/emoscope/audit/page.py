"""An audit as one HTML page that needs nothing else: no script, no font, no network; light and dark."""

from __future__ import annotations

from collections.abc import Iterator

from emoscope.audit.examination import Audit
from emoscope.audit.sections import Cells, Section, sections
from emoscope.audit.terminal import is_figure
from emoscope.html_page import escaped, html_page, note

MAX_ROWS = 500
"""Rows shown of a table."""

STYLE = """
ul { list-style: none; margin: 1.2rem 0 0; padding: 0; }
li { margin-top: .4rem; padding: .35rem .7rem; border-radius: 6px; }
.wrong { background: var(--wrong-back); color: var(--wrong); }
.hint { background: var(--hint-back); color: var(--hint); }
.fine { color: var(--fine); } li b { display: inline-block; width: 4.2rem; }
""".lstrip()


def audit_page(audit: Audit) -> str:
    """The whole page, UTF-8; of each table the first MAX_ROWS rows."""
    return html_page(f"Audit of {audit.name}", _body(audit), STYLE)


def _body(audit: Audit) -> Iterator[str]:
    rows = sum(split.rows for split in audit.splits.values())
    splits = ", ".join(f"{split} {summary.rows:,}" for split, summary in audit.splits.items())
    yield note(f"{rows:,} rows ({escaped(splits)}), {len(audit.labels)} labels")
    yield from _problems(audit)
    for section in sections(audit):
        yield from _section(section)


def _problems(audit: Audit) -> Iterator[str]:
    yield "<ul>"
    if not any(problem.certain for problem in audit.problems):
        yield '<li class="fine">Nothing is wrong for certain.</li>'
    for problem in audit.problems:
        kind = "wrong" if problem.certain else "hint"
        yield f'<li class="{kind}"><b>{kind}</b>{escaped(problem.message)}</li>'
    yield "</ul>"


def _section(section: Section) -> Iterator[str]:
    is_list = section.header[-1] == "text"
    count = f" ({len(section.rows):,})" if is_list else ""
    heading = f"<h2>{escaped(section.title)}{count}</h2>"
    yield f"<details><summary>{heading}</summary>" if is_list else f"<section>{heading}"
    if section.note:
        yield note(escaped(section.note))
    yield "<table>"
    if any(section.header):
        heads = zip(section.header, section.rows[-1], strict=True)
        yield f"<tr>{''.join(_head(cell, below) for cell, below in heads)}</tr>"
    yield from (f"<tr>{_cells(row)}</tr>" for row in section.rows[:MAX_ROWS])
    yield "</table>"
    if len(section.rows) > MAX_ROWS:
        yield note(f"The first {MAX_ROWS:,}; --json has all.")
    yield "</details>" if is_list else "</section>"


def _head(cell: str, below: str) -> str:
    return f'<th class="figure">{escaped(cell)}</th>' if is_figure(below) else f"<th>{escaped(cell)}</th>"


def _cells(row: Cells) -> str:
    return "".join(map(_cell, row[:-1])) + _cell(row[-1], last=True)


def _cell(cell: str, last: bool = False) -> str:
    if not is_figure(cell):
        return f"<td>{escaped(cell)}</td>" if last else f'<td class="short">{escaped(cell)}</td>'
    if not cell.endswith("%"):
        return f'<td class="figure">{cell}</td>'
    bar = f"background: linear-gradient(to left, var(--bar) {cell}, transparent {cell})"
    return f'<td class="figure" style="{bar}">{cell}</td>'
