"""An audit for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from emoscope.audit.examination import Audit
from emoscope.audit.sections import Cells, Section, sections
from emoscope.terminal import printable, shortened

WIDTH = 110
"""Columns of the terminal."""

EXAMPLES = 5
"""Rows shown of a long table of texts."""

WIDEST_CELL = 34
"""Characters of a cell that is not the last of its row."""


def audit_text(audit: Audit) -> str:
    """What is wrong, then the tables, each with its first rows; at most WIDTH columns, nothing a terminal acts on."""
    return "\n\n".join("\n".join(map(printable, part)) for part in (_problems(audit), *map(_table, sections(audit))))


def _problems(audit: Audit) -> Iterator[str]:
    rows = sum(split.rows for split in audit.splits.values())
    yield f"{audit.name}: {rows:,} rows ({', '.join(audit.splits)}), {len(audit.labels)} labels"
    problems = audit.problems
    if not any(problem.certain for problem in problems):
        yield "nothing is wrong for certain"
    for problem in problems:
        yield f"{'WRONG' if problem.certain else 'hint':<7}{problem.message}"


def _table(section: Section) -> Iterator[str]:
    is_list = section.header[-1] == "text"
    shown = section.rows[:EXAMPLES] if is_list else section.rows
    yield section.title + (f" ({len(section.rows):,})" if is_list else "")
    cells = [tuple(shortened(cell, WIDEST_CELL) for cell in row[:-1]) + row[-1:] for row in (section.header, *shown)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells if any(section.header) else cells[1:]:
        yield shortened("  ".join(_aligned(row, widths)).rstrip(), WIDTH)
    if len(shown) < len(section.rows):
        yield f"... and {len(section.rows) - len(shown):,} more, see --json or --report"
    yield from wrap(section.note, WIDTH)


def _aligned(row: Cells, widths: list[int]) -> Iterator[str]:
    for cell, width in zip(row, widths, strict=True):
        yield cell.rjust(width) if is_figure(cell) else cell.ljust(width)


def is_figure(cell: str) -> bool:
    """Whether a cell is a number or a share, which stands at the right of its column."""
    return cell.rstrip("%").replace(",", "").replace(".", "", 1).isdecimal()
