"""An audit as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from emoscope.audit.report import Audit
from emoscope.audit.sections import Cells, Section, is_figure, sections
from emoscope.html_page import escaped, html_page, note
from emoscope.terminal import counted

MAX_ROWS = 500
"""Maximum number of rows shown of a table."""

STYLE = """
ul { list-style: none; margin: 1.2rem 0 0; padding: 0; }
li { display: flex; margin-top: .4rem; padding: .35rem .7rem; border-radius: 6px; }
.error { background: var(--error-back); color: var(--error); }
.hint { background: var(--hint-back); color: var(--hint); }
.fine { color: var(--fine); } li b { flex: 0 0 3.6rem; }
.share { display: inline-block; width: 8rem; height: .7em; margin-right: .6rem; }
@media (max-width: 60rem) { .share { width: 4.5rem; } } @media (max-width: 40rem) { .share { display: none; } }
""".lstrip()


def audit_page(audit: Audit) -> str:
    """A whole page in UTF-8, with the first MAX_ROWS rows of each table."""
    return html_page(f"Audit of {audit.name}", _body(audit), STYLE)


def _body(audit: Audit) -> Iterator[str]:
    rows = sum(split.rows for split in audit.splits.values())
    splits = ", ".join(f"{split} {summary.rows:,}" for split, summary in audit.splits.items())
    yield note(f"{counted(rows, 'row')} ({escaped(splits)}), {counted(len(audit.labels), 'label')}")
    yield from _issues(audit)
    for section in sections(audit):
        yield from _section(section)


def _issues(audit: Audit) -> Iterator[str]:
    yield "<ul>"
    if not any(issue.certain for issue in audit.issues):
        yield '<li class="fine">No errors.</li>'
    for issue in audit.issues:
        severity = "error" if issue.certain else "hint"
        yield f'<li class="{severity}"><b>{severity}</b>{escaped(issue.message)}</li>'
    yield "</ul>"


def _section(section: Section) -> Iterator[str]:
    count = f" ({len(section.rows):,})" if section.lists_texts else ""
    heading = f"<h2>{escaped(section.title)}{count}</h2>"
    yield f"<details><summary>{heading}</summary>" if section.lists_texts else f"<section>{heading}"
    if section.note:
        yield note(escaped(section.note))
    yield "<table>"
    if any(section.header):
        heads = zip(section.header, section.rows[-1], strict=True)
        yield f"<tr>{''.join(_head(cell, below) for cell, below in heads)}</tr>"
    yield from (f"<tr>{_cells(row)}</tr>" for row in section.rows[:MAX_ROWS])
    yield "</table>"
    if len(section.rows) > MAX_ROWS:
        yield note(f"The first {MAX_ROWS:,} rows; --json prints all.")
    yield "</details>" if section.lists_texts else "</section>"


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
    return f'<td class="figure"><span class="share" style="{bar}"></span>{cell}</td>'
