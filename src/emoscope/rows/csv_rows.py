"""Rows of CSV whose lines come in blocks, each checked against the header.

A blank line is not a row, but in a table of one column it is a row with an empty cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from emoscope.errors import DataError
from emoscope.rows.csv_records import Record, csv_records, quote_stays_open
from emoscope.rows.lines import Block, row_problem


class CsvRow(NamedTuple):
    """A row, or why there is none.

    Attributes:
        line: number of the line where it begins, from 1.
        raw: the row as it is in the file, without its line end.
        cells: its cells.
        problem: why the row cannot be used; None if it can.
    """

    line: int
    raw: str
    cells: list[str]
    problem: str | None


class CsvRows:
    """Reads rows from blocks of lines; a row whose last line has not come yet waits for the next block.

    Attributes:
        columns: names of the columns, or "0", "1", ... without a header; empty until the first row has come.
        header: the header as it is in the file, without its line end; "" without one.
        line: number of the first line that is not used yet, from 1.
    """

    def __init__(
        self,
        delimiter: str,
        max_bytes: int,
        *,
        has_header: bool = True,
        check: Callable[[list[str]], None] | None = None,
    ) -> None:
        """Nothing is read yet.

        Args:
            delimiter: the character between cells.
            max_bytes: length of the longest row.
            has_header: whether the first row has the names of the columns.
            check: called with the columns once, when they are known; it may raise a DataError.
        """
        self.columns: list[str] = []
        self.header = ""
        self.line = 1
        self._delimiter, self._max_bytes = delimiter, max_bytes
        self._has_header, self._check = has_header, check
        self._header_lines = 0
        self._pending: list[str] = []
        self._characters = 0
        self._doubtful = False

    def read_header(self, block: Block, *, final: bool = True) -> bool:
        """Read the names of the columns from the first block, which `rows` takes later.

        Returns:
            Whether they are known: with `final`, always.

        Raises:
            DataError: the first line cannot be read, or the columns are not as they must be.
        """
        record = next(csv_records(block.lines, self._delimiter, longest=self._max_bytes, final=final), None)
        if record is None and not final:
            return False
        raw = "".join(block.lines[: record.end]).rstrip("\r\n") if record else ""
        problem = (record and record.problem) or row_problem(raw, self._max_bytes)
        if problem:
            raise DataError(f"the first line cannot be read ({problem})")
        if not record or not record.fields:
            raise DataError("the first line is blank; allowed: the names of the columns")
        if self._has_header:
            self.columns, self.header, self._header_lines = record.fields, raw, record.end
        else:
            self.columns = list(map(str, range(len(record.fields))))
        if self._check:
            self._check(self.columns)
        return True

    def rows(self, block: Block) -> Iterator[CsvRow]:
        """The rows of further lines.

        Raises:
            DataError: as `read_header`.
        """
        waits = self._stays_open(block)
        self._pending += block.lines
        self._characters += sum(map(len, block.lines))
        self._doubtful |= block.doubtful
        # Twice the limit, so that a row that is too long is not given up, and the rest read again, line by line.
        if waits and self._characters <= 2 * self._max_bytes:
            return
        lines = self._pending
        if not self.columns and not self.read_header(Block(lines), final=block.final):
            return
        used = self._header_lines if self.line == 1 else 0
        for record in csv_records(lines, self._delimiter, start=used, longest=self._max_bytes, final=block.final):
            used = record.end
            if row := self._row(record, "".join(lines[record.begin : used]).rstrip("\r\n")):
                yield row
        self.line += used
        self._pending = lines[used:]
        self._characters = sum(map(len, self._pending))
        self._doubtful &= bool(self._pending)

    def _stays_open(self, block: Block) -> bool:
        """Whether the row that waits goes on through all of the block."""
        return bool(self._pending) and not block.final and quote_stays_open(block.lines, self._delimiter)

    def _row(self, record: Record, raw: str) -> CsvRow | None:
        cells, problem, width = record.fields, record.problem, len(self.columns)
        if not problem and (self._doubtful or len(raw) > self._max_bytes // 4):
            problem = row_problem(raw, self._max_bytes)
        if not cells and not problem:
            if width > 1:
                return None
            cells = [""]
        if not problem and len(cells) != width:
            problem = f"{len(cells)} fields; allowed: {width}, as in the first line"
        return CsvRow(self.line + record.begin, raw, cells, problem)
