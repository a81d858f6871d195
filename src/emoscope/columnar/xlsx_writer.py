"""Writes tables into the sheet of a new workbook, .xlsx. Needs the extra `excel`.

Text stays text, whatever it looks like: no text becomes a formula, a link or a number.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa

from emoscope.errors import DataError, require_extra

MAX_ROWS, MAX_COLUMNS, MAX_CHARACTERS = 1_048_575, 16_384, 32_767
"""Limits of the format: rows below the header, columns, and characters of a cell in UTF-16."""
_INSTEAD = "write .csv or .parquet instead"
_MAX_EXACT = 2**53
_CREATED = datetime(2000, 1, 1)

AsText = Callable[[pa.ChunkedArray], pa.Array]
"""Returns a column of any type as strings."""


class XlsxWriter:
    """Writes tables with one schema below a header; equal tables give equal bytes."""

    def __init__(self, sink: Any, schema: pa.Schema, as_text: AsText) -> None:
        """Begin the workbook.

        Args:
            sink: takes the bytes when the writer is closed; it is not closed.
            schema: schema of the tables.
            as_text: how columns are written that are not text, numbers, truth values, dates or times of day on a date.

        Raises:
            DataError: there are too many columns.
            MissingExtraError: the extra "excel" is not installed.
        """
        require_extra("excel")
        import xlsxwriter

        if len(schema) > MAX_COLUMNS:
            raise DataError(f"the table has {len(schema):,} columns, and .xlsx holds {MAX_COLUMNS:,}; {_INSTEAD}")
        self._sink, self._as_text, self._row = sink, as_text, 0
        self._file = TemporaryFile()  # noqa: SIM115
        self._book: Any = xlsxwriter.Workbook(self._file, {"constant_memory": True})
        self._book.set_properties({"created": _CREATED})
        self._formats = {
            date: self._book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        self._sheet: Any = self._book.add_worksheet()
        for at, name in enumerate(schema.names):
            self._write(at, name)

    def write_table(self, table: pa.Table) -> None:
        """Write the rows.

        Raises:
            DataError: the format cannot hold them.
        """
        columns = [_cells(column, self._as_text) for column in table.columns]
        for cells in zip(*columns, strict=True):
            self._row += 1
            if self._row > MAX_ROWS:
                raise DataError(f"the table has more than {MAX_ROWS:,} rows, which .xlsx cannot hold; {_INSTEAD}")
            for at, cell in enumerate(cells):
                if cell is not None:
                    self._write(at, cell)

    def close(self) -> None:
        """Finish the workbook, and write its bytes."""
        self._book.close()
        self._file.seek(0)
        shutil.copyfileobj(self._file, self._sink, 1 << 20)
        self._file.close()

    def _write(self, at: int, cell: Any) -> None:
        if isinstance(cell, str):
            if len(cell) > MAX_CHARACTERS // 2 and len(cell.encode("utf-16-le")) > 2 * MAX_CHARACTERS:
                raise DataError(
                    f"row {self._row} has a text of {len(cell):,} characters, and a cell of .xlsx holds "
                    f"{MAX_CHARACTERS:,}; {_INSTEAD}"
                )
            self._sheet.write_string(self._row, at, cell)
        elif isinstance(cell, bool):
            self._sheet.write_boolean(self._row, at, cell)
        elif isinstance(cell, date):
            self._sheet.write_datetime(self._row, at, cell, self._formats[type(cell)])
        else:
            self._sheet.write_number(self._row, at, cell)


def _cells(column: pa.ChunkedArray, as_text: AsText) -> Iterator[Any]:
    """The cells of a column as they are written: str, bool, int, float, date, datetime or None."""
    kind = column.type
    if pa.types.is_float32(kind):  # with the digits of float32, not those of the nearest float64
        return (_number(None if cell is None else float(cell)) for cell in column.cast(pa.string()).to_pylist())
    if pa.types.is_float64(kind) or pa.types.is_integer(kind):
        return map(_number, column.to_pylist())
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return iter(column.to_pylist())
    texts = as_text(column).to_pylist()
    if pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None):
        try:
            dates = column.cast(pa.date32() if pa.types.is_date(kind) else pa.timestamp("us")).to_pylist()
        except (pa.ArrowInvalid, OverflowError, ValueError):
            return iter(texts)
        in_range = (cell is not None and cell.year > 1900 for cell in dates)
        return (day if fits else text for day, text, fits in zip(dates, texts, in_range, strict=True))
    return iter(texts)


def _number(cell: float | None) -> Any:
    """A number as a cell holds it: whole numbers of more than 15 digits are text, infinity and NaN are nothing."""
    if isinstance(cell, int):
        return cell if abs(cell) <= _MAX_EXACT else str(cell)
    return cell if cell is not None and math.isfinite(cell) else None
