"""Rows of spreadsheets, .xlsx and .ods, as their users make them. Needs the extra `excel`.

A workbook is read as a whole. The header is the first row with the column of texts, so that titles and empty rows above
it do not matter; the sheet is the one that has such a row. Empty rows are skipped. A formula counts as the value that
the program which saved the file computed.

A column of numbers, dates or truth values alone has that type; any other column, and that of the texts, is text.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

from emoscope.columnar.files import MAX_ROWS, ColumnarFile
from emoscope.errors import DataError, broken_data, first_line, require_extra

MAX_HEADER_ROW = 50
"""Number of rows, empty ones not counted, among which the header is looked for."""
_READ_AT_ONCE = 1 << 20
_MIDNIGHT = time()


class _Sheet(NamedTuple):
    """The cells of a sheet: number of each row that is not empty, from 1, and its cells; and the first column."""

    name: str
    numbers: list[int]
    rows: list[list[Any]]
    first_column: int


class SheetFile(ColumnarFile):
    """The rows of one sheet of a workbook."""

    def _begin(self) -> pa.Schema:
        require_extra("excel")
        sheet, header = self._choose(self._sheets())
        has_header = not self._is_numbered
        names, start = sheet.rows[header] if has_header else [], header + has_header
        self._numbers, rows = sheet.numbers[start:], sheet.rows[start:]
        width = max(map(len, [names, *rows]))
        columns = [[row[at] if at < len(row) else None for row in rows] for at in range(width)]
        if has_header:
            names = _names([*names, *[None] * (width - len(names))], sheet.first_column, self._texts)
            kept = [at for at in range(width) if names[at] or any(cell is not None for cell in columns[at])]
        else:
            names, kept = list(map(str, range(width))), list(range(width))
        names = [names[at] or f"column {_letters(sheet.first_column + at)}" for at in kept]
        arrays = [_column(columns[at], as_text=name in self._texts) for at, name in zip(kept, names, strict=True)]
        self._table = pa.Table.from_arrays(arrays, names)
        self._check_texts(sheet.name)
        self._done = 0
        self.position = lambda: self._size * self._done / max(1, len(self._numbers))
        return self._table.schema

    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""
        for start in range(0, self._table.num_rows, MAX_ROWS):
            part = self._table.slice(start, MAX_ROWS)
            self._done += part.num_rows
            yield part

    def row_number(self, index: int) -> int:
        """Number of a row of the tables in the sheet, from 1."""
        return self._numbers[index]

    @property
    def _is_numbered(self) -> bool:
        """Whether columns are named by numbers, which means that there is no header."""
        return bool(self._texts) and all(name.isdecimal() for name in self._texts)

    def _sheets(self) -> list[_Sheet]:
        """The visible sheets that have cells."""
        import python_calamine as calamine

        try:
            stored = b"".join(iter(partial(self._content.read, _READ_AT_ONCE), b""))  # a pipe cannot tell its size
            workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(stored))
            found = [
                _sheet(workbook.get_sheet_by_name(sheet.name))
                for sheet in workbook.sheets_metadata
                if sheet.typ == calamine.SheetTypeEnum.WorkSheet and sheet.visible == calamine.SheetVisibleEnum.Visible
            ]
        except calamine.PasswordError:
            raise DataError(f"{self._name}: the workbook has a password; save a copy without it") from None
        except (calamine.CalamineError, OSError) as error:
            raise DataError(f"{self._name}: not a spreadsheet that can be read ({broken_data(error)})") from None
        if not (with_cells := [sheet for sheet in found if sheet.rows]):
            raise DataError(f"{self._name}: the workbook is empty; there must be at least one row")
        return with_cells

    def _choose(self, sheets: list[_Sheet]) -> tuple[_Sheet, int]:
        """The sheet to read, and the index of its header among its rows.

        Raises:
            DataError: several sheets may be meant.
        """
        headers = [0 if self._is_numbered else _header(sheet, self._texts) for sheet in sheets]
        fitting = [(sheet, header) for sheet, header in zip(sheets, headers, strict=True) if header is not None]
        if len(fitting) > 1:
            names = ", ".join(repr(sheet.name) for sheet, _ in fitting)
            what = "has cells" if self._is_numbered else f"has the column {next(iter(self._texts), '')!r}"
            raise DataError(
                f"{self._name}: more than one sheet {what}: {names}; save the one to read as a file of its own"
            )
        return fitting[0] if fitting else (sheets[0], 0)

    def _check_texts(self, sheet: str) -> None:
        """Check that there are texts: formulas that were never computed leave none."""
        for name in self._texts:
            if self._table.num_rows and self._table.schema.names.count(name) == 1:
                column = self._table.column(name)
                if column.null_count == len(column):
                    raise DataError(
                        f"{self._name}: the column {name!r} of the sheet {sheet!r} has no values in {len(column):,} "
                        "rows; if it has formulas, open the file in a spreadsheet program and save it once"
                    )


def _sheet(sheet: Any) -> _Sheet:
    """The rows of a sheet that have cells; empty cells are None."""
    rows = [[None if cell == "" else cell for cell in row] for row in sheet.iter_rows()]
    numbers = [number for number, row in enumerate(rows, start=1) if any(cell is not None for cell in row)]
    return _Sheet(sheet.name, numbers, [rows[number - 1] for number in numbers], (sheet.start or (0, 0))[1])


def _header(sheet: _Sheet, texts: Any) -> int | None:
    """Index of the first row that has all columns of texts; None if there is none."""
    for index, row in enumerate(sheet.rows[:MAX_HEADER_ROW]):
        if set(texts) <= set(map(_name, row)):
            return index
    return None


def _name(cell: Any) -> str:
    return "" if cell is None else " ".join(_text(cell).split())


def _names(cells: list[Any], first_column: int, texts: Any) -> list[str]:
    """The names in a header, "" for none; a repeated one gets the letters of its column, unless it is needed."""
    names = list(map(_name, cells))
    return [
        f"{name} ({_letters(first_column + at)})" if name and name in names[:at] and name not in texts else name
        for at, name in enumerate(names)
    ]


def _letters(column: int) -> str:
    """The letters of a column, by its index from 0: "A", ..., "Z", "AA"."""
    letters = ""
    while column >= 0:
        column, letter = divmod(column, 26)
        letters = chr(ord("A") + letter) + letters
        column -= 1
    return letters


def _column(cells: list[Any], *, as_text: bool) -> pa.Array:
    """The cells of a column, of one type if all cells have it."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if not as_text:
        for types, convert, arrow_type in _TYPES:
            if kinds and kinds <= types and (array := _typed(cells, convert, arrow_type)) is not None:
                return array
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _typed(cells: list[Any], convert: Callable[[Any], Any], arrow_type: pa.DataType) -> pa.Array | None:
    """The converted cells; None if one does not fit the type."""
    try:
        return pa.array([None if cell is None else convert(cell) for cell in cells], arrow_type)
    except (pa.ArrowException, ValueError, OverflowError):
        return None


def _whole(cell: float) -> int:
    if cell != cell // 1 or abs(cell) > 2**53:
        raise ValueError(first_line(None))
    return int(cell)


_TYPES: tuple[tuple[set[type], Callable[[Any], Any], pa.DataType], ...] = (
    ({bool}, bool, pa.bool_()),
    ({int, float}, _whole, pa.int64()),
    ({int, float}, float, pa.float64()),
    ({date}, lambda cell: cell, pa.date32()),
    (
        {date, datetime},
        lambda cell: datetime.combine(cell, _MIDNIGHT) if type(cell) is date else cell,
        pa.timestamp("us"),
    ),
)
"""Types of cells that may share a column, how they are converted, and the type of the column."""


def _text(cell: Any) -> str:
    """A cell as text: numbers without a fraction as whole numbers, dates and times in ISO form."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell == cell // 1 and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    return cell if isinstance(cell, str) else str(cell)
