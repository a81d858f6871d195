"""An audit as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from emoscope.audit.report import Audit
from emoscope.audit.sections import Cells, Section, is_figure, sections
from emoscope.terminal import counted, printable, shortened

WIDTH = 110
"""Columns of the terminal."""

EXAMPLES = 5
"""Rows shown of a table of texts."""

MAX_CELL = 34
"""Maximum number of characters in a cell, except the last one of its row."""


def audit_text(audit: Audit) -> str:
    """The issues, then the tables with their first rows, in at most WIDTH printable columns."""
    return "\n\n".join("\n".join(map(printable, part)) for part in (_issues(audit), *map(_table, sections(audit))))


def _issues(audit: Audit) -> Iterator[str]:
    rows = sum(split.rows for split in audit.splits.values())
    yield f"{audit.name}: {counted(rows, 'row')} ({', '.join(audit.splits)}), {counted(len(audit.labels), 'label')}"
    if not any(issue.certain for issue in audit.issues):
        yield "no errors"
    for issue in audit.issues:
        yield f"{'ERROR' if issue.certain else 'hint':<7}{issue.message}"


def _table(section: Section) -> Iterator[str]:
    shown = section.rows[:EXAMPLES] if section.lists_texts else section.rows
    yield section.title + (f" ({len(section.rows):,})" if section.lists_texts else "")
    cells = [tuple(shortened(cell, MAX_CELL) for cell in row[:-1]) + row[-1:] for row in (section.header, *shown)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells if any(section.header) else cells[1:]:
        yield shortened("  ".join(_aligned(row, widths)).rstrip(), WIDTH)
    if len(shown) < len(section.rows):
        yield f"... and {len(section.rows) - len(shown):,} more, see --json or --report"
    yield from wrap(section.note, WIDTH)


def _aligned(row: Cells, widths: list[int]) -> Iterator[str]:
    for cell, width in zip(row, widths, strict=True):
        yield cell.rjust(width) if is_figure(cell) else cell.ljust(width)
