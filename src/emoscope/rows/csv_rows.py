"""Reads rows of CSV from blocks of lines, and checks each against the header.

A blank line is not a row, but in a table of one column it is a row with an empty cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from emoscope.errors import DataError
from emoscope.rows.csv_records import Record, csv_records, quote_stays_open
from emoscope.rows.lines import UTF_8, Block, TextRow, row_problem

_EXCEL_SEPARATOR = re.compile("sep=(.)", re.IGNORECASE)
_DELIMITERS = (";", "\t", "|", ",")


def check_delimiter(delimiter: str | None) -> None:
    """Check that a delimiter, if one is given, can separate cells.

    Raises:
        DataError: it cannot.
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise DataError(f"the delimiter must be one character, not a quote or a line end, got {delimiter!r}")


class CsvRows:
    """Reads rows from blocks of lines; a row whose last line has not come yet waits for the next block.

    Attributes:
        columns: names of the columns, or "0", "1", ... without a header; empty until the first row has come.
        header: the header as it is in the file, without its line end; "" without one.
    """

    def __init__(
        self,
        delimiter: str,
        max_bytes: int,
        *,
        has_header: bool = True,
        required: Sequence[str] = (),
        check: Callable[[list[str]], None] | None = None,
    ) -> None:
        """Nothing is read yet.

        Args:
            delimiter: the character between cells.
            max_bytes: maximum length of a row.
            has_header: whether the first row has the names of the columns.
            required: columns that are needed, to find the delimiter of a table that has only one column.
            check: called with the columns when they are known; it may raise a DataError.
        """
        self.columns: list[str] = []
        self.header = ""
        self._delimiter, self._max_bytes, self._has_header, self._check = delimiter, max_bytes, has_header, check
        self._required = required
        self._header_lines = self._characters = 0
        self._waiting: list[str] = []
        self._doubtful, self._encoding = False, UTF_8

    def read_header(self, lines: list[str], *, final: bool = True) -> bool:
        """Read the names of the columns from the first lines, which `rows` takes later.

        Returns:
            Whether they are known: with `final`, always.

        Raises:
            DataError: the first line cannot be read, or the check fails.
        """
        record = next(csv_records(lines, self._delimiter, longest=self._max_bytes, final=final), None)
        if record is None and not final:
            return False
        raw = "".join(lines[: record.end]).rstrip("\r\n") if record else ""
        if separator := _EXCEL_SEPARATOR.fullmatch(raw):
            shown = "\\t" if separator[1] == "\t" else separator[1]
            raise DataError(f"the first line is {raw!r}, which is for Excel; remove it, and give --delimiter '{shown}'")
        if not record or record.problem or len(record.fields) < 2:
            self._check_delimiter(raw)
        if problem := (record and record.problem) or row_problem(raw, self._max_bytes):
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

    def _check_delimiter(self, line: str) -> None:
        """Reject a table whose first line only another delimiter splits into the required columns."""
        for delimiter in (self._delimiter, *_DELIMITERS) if self._required else ():
            record = next(csv_records([line], delimiter, longest=0, final=True), None)
            cells = record.fields if record else []
            if set(self._required) <= set(cells if self._has_header else map(str, range(len(cells)))):
                if delimiter != self._delimiter:
                    shown = "\\t" if delimiter == "\t" else delimiter
                    raise DataError(f"its columns are separated by '{shown}'; give --delimiter '{shown}'")
                return

    def rows(self, block: Block) -> Iterator[TextRow]:
        """The rows of further lines; raises the errors of `read_header`."""
        number = block.number - len(self._waiting)
        stays_open = bool(self._waiting) and not block.final and quote_stays_open(block.lines, self._delimiter)
        self._waiting += block.lines
        self._characters += sum(map(len, block.lines))
        self._doubtful, self._encoding = self._doubtful or block.doubtful, block.encoding
        # Twice the limit, so that a row that is too long is not given up, and the rest read again, line by line.
        if stays_open and self._characters <= 2 * self._max_bytes:
            return
        lines = self._waiting
        if not self.columns and not self.read_header(lines, final=block.final):
            return
        used = self._header_lines if number == 1 else 0
        for record in csv_records(lines, self._delimiter, start=used, longest=self._max_bytes, final=block.final):
            used = record.end
            if row := self._row(record, "".join(lines[record.begin : used]).rstrip("\r\n"), number):
                yield row
        self._waiting = lines[used:]
        self._characters = sum(map(len, self._waiting))
        self._doubtful &= bool(self._waiting)

    def _row(self, record: Record, raw: str, number: int) -> TextRow | None:
        cells, problem, width = record.fields, record.problem, len(self.columns)
        if not problem and (self._doubtful or len(raw) > self._max_bytes // 4):
            problem = row_problem(raw, self._max_bytes, self._encoding)
        if not cells and not problem:
            if width > 1:
                return None
            cells = [""]
        if not problem and len(cells) != width:
            problem = f"{len(cells)} fields; allowed: {width}, as in the first line"
        return TextRow(number + record.begin, raw, cells, problem)
