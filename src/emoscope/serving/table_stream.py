"""Tables in, tables with emotions out, row by row as they come: the formats of `POST /v1/score`. Knows no HTTP.

A row is copied as it is, with the new cells behind it. A row that cannot be read keeps its place: the reason is in the
last of the added columns, and the other added cells are empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring
from typing import NamedTuple, Protocol

import numpy as np

from emoscope.errors import DataError
from emoscope.rows.columns import EMOTION, SCORE, AddedColumns, check_columns, chosen_columns
from emoscope.rows.csv_records import csv_line
from emoscope.rows.csv_rows import CsvRows
from emoscope.rows.json_rows import JsonRows, json_field
from emoscope.rows.lines import Block
from emoscope.serving.cache import Row

MAX_ROW_BYTES = 512 * 1024
"""Maximum length of a row, in bytes."""
MAX_COLUMNS = 2_000
"""Maximum number of columns of a table; a row that cannot be read is answered with as many empty cells."""

ERROR = "emotion_error"
"""Name of the last added column: why a row could not be read."""


class TableRow(NamedTuple):
    """A row that was read.

    Attributes:
        raw: the row as it is in the table, ready for further cells.
        text: the text to be scored; None where there is none.
        problem: why the row cannot be read; None if it can.
    """

    raw: str
    text: str | None
    problem: str | None = None


class Table(Protocol):
    """Rows of one format."""

    def rows(self, block: Block) -> Iterator[TableRow]:
        """The rows of further lines; one that may go on is kept for the next call.

        Raises:
            DataError: the columns are not as they must be.
        """
        ...

    def head(self) -> str:
        """What precedes the rows; known when the first rows were read."""
        ...

    def line(self, row: TableRow, scores: Row | None) -> str:
        """A row with its new cells."""
        ...


def added_columns(chosen: str | None, labels: Sequence[str]) -> AddedColumns:
    """The columns that are added.

    Args:
        chosen: names separated by commas; None for all.
        labels: the labels of the model.

    Raises:
        DataError: a name that does not exist, or is chosen twice.
    """
    available = (EMOTION, SCORE, *labels, ERROR)
    names = chosen_columns(None if chosen is None else chosen.split(","), available)
    return AddedColumns(names, "choose among the added ones with columns=")


class CsvTable:
    """CSV with a header."""

    def __init__(self, text_column: str, added: AddedColumns, labels: Sequence[str]) -> None:
        """Nothing is read yet.

        Args:
            text_column: name of the column of texts.
            added: the columns to add.
            labels: the labels of the model.
        """
        self._text_column, self._added, self._labels = text_column, added, labels
        self._csv = CsvRows(",", MAX_ROW_BYTES, check=self._check)
        self._text_at = 0

    def rows(self, block: Block) -> Iterator[TableRow]:
        """The rows of further lines; see `Table`."""
        for row in self._csv.rows(block):
            if row.problem:
                yield TableRow("," * (len(self._csv.columns) - 1), None, f"line {row.line}: {row.problem}")
            else:
                yield TableRow(row.raw, row.cells[self._text_at])

    def _check(self, columns: list[str]) -> None:
        if len(columns) > MAX_COLUMNS:
            raise DataError(f"the first line has {len(columns):,} columns, at most {MAX_COLUMNS:,} are allowed")
        check_columns(columns, [self._text_column], self._added)
        self._text_at = columns.index(self._text_column)

    def head(self) -> str:
        """The header with the new columns."""
        return f"{self._csv.header},{csv_line(self._added.names)}\n"

    def line(self, row: TableRow, scores: Row | None) -> str:
        """The row with its new cells."""
        cells = _cells(self._added.names, self._labels, scores, row.problem)
        return f"{row.raw},{csv_line([cell or '' for cell in cells])}\n"


class JsonlTable:
    """One JSON object a line."""

    def __init__(self, text_column: str, added: AddedColumns, labels: Sequence[str]) -> None:
        """Nothing is read yet; the arguments are those of `CsvTable`."""
        self._text_column, self._added, self._labels = text_column, added, labels
        self._json = JsonRows(text_column, added, MAX_ROW_BYTES)

    def rows(self, block: Block) -> Iterator[TableRow]:
        """The rows of further lines; see `Table`."""
        for row in self._json.rows(block):
            if row.problem:
                yield TableRow(row.open, None, f"line {row.line}: {row.problem}")
            else:
                yield TableRow(row.open, row.fields.get(self._text_column))

    def head(self) -> str:
        """Nothing: a file of JSON lines has no header."""
        return ""

    def line(self, row: TableRow, scores: Row | None) -> str:
        """The object with its new fields; `emotion_error` only where there is one."""
        names = self._added.names
        cells = zip(names, _cells(names, self._labels, scores, row.problem), strict=True)
        fields = [
            json_field(name, _json_value(name, cell)) for name, cell in cells if (name == ERROR) == bool(row.problem)
        ]
        return f"{row.raw if fields else row.raw.removesuffix(', ')}{', '.join(fields)}}}\n"


def _json_value(name: str, cell: str | None) -> str:
    if cell is None:
        return "null"
    return encode_basestring(cell) if name in (EMOTION, ERROR) else cell


def _cells(added: Sequence[str], labels: Sequence[str], scores: Row | None, problem: str | None) -> list[str | None]:
    """The new cells of a row as text, None for null; numbers are the shortest that float32 reads back."""
    known: dict[str, str | None] = {ERROR: problem}
    if scores:
        values, best, *_ = scores
        numbers = [str(np.float32(value)) for value in values]
        known |= dict(zip(labels, numbers, strict=True)) | {EMOTION: labels[best], SCORE: numbers[best]}
    return [known.get(name) for name in added]
