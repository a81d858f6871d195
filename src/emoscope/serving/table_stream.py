"""Tables in, the same tables with emotions out, row by row: the formats of `POST /v1/score`. Knows no HTTP.

A row is copied unchanged, followed by its new cells. A row that cannot be read keeps its place: the last added column
has the reason, and the other added cells are empty.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring
from typing import NamedTuple

import numpy as np

from emoscope.errors import DataError
from emoscope.labels import NEUTRAL
from emoscope.prediction import MIN_NEUTRAL
from emoscope.rows.columns import EMOTION, SCORE, available_columns, check_columns, chosen_columns
from emoscope.rows.csv_records import csv_line
from emoscope.rows.csv_rows import CsvRows
from emoscope.rows.json_rows import json_field, json_rows
from emoscope.rows.lines import Block
from emoscope.serving.cache import Row

MAX_ROW_BYTES = 512 * 1024
"""Maximum size of a row, in bytes."""
MAX_COLUMNS = 2_000
"""Maximum number of columns in a table: a row that cannot be read is returned with as many empty cells."""

ERROR = "emotion_error"
"""Name of the last added column, with the reason why a row cannot be read."""


class TableRow(NamedTuple):
    """A row of a table.

    Attributes:
        raw: the row as it is in the table, ready for more cells.
        text: the text to score; None if there is none.
        problem: why the row cannot be read; None if it can.
    """

    raw: str
    text: str | None
    problem: str | None = None


def added_columns(chosen: str | None, labels: Sequence[str], *, has_neutral: bool = False) -> tuple[str, ...]:
    """Names of the columns to add to a table.

    Args:
        chosen: names separated by commas; None for all.
        labels: label names of the model.
        has_neutral: whether the model gives the probability of neutral.

    Raises:
        DataError: a name does not exist, or is chosen twice; or a label has the name of another added column.
    """
    every = available_columns(labels, *[NEUTRAL] * has_neutral, ERROR)
    return chosen_columns(None if chosen is None else chosen.split(","), every)


class Table(ABC):
    """Rows of one format in, the same rows with new cells out."""

    def __init__(
        self, text_column: str, added: Sequence[str], labels: Sequence[str], *, neutral_as_label: bool = False
    ) -> None:
        """Reads nothing yet.

        Args:
            text_column: name of the column with the texts.
            added: names of the columns to add.
            labels: label names of the model.
            neutral_as_label: whether the emotion of a neutral text is "neutral".
        """
        self._text_column, self._added, self._labels = text_column, added, labels
        self._neutral_as_label = neutral_as_label

    @abstractmethod
    def rows(self, block: Block) -> Iterator[TableRow]:
        """The rows of the next lines; a row that may continue is kept for the next call.

        Raises:
            DataError: the header cannot be read, or the table lacks a column or has one of the added ones.
        """

    def header(self) -> str:
        """The line before the rows, known once the first rows were read; empty for a format without a header."""
        return ""

    @abstractmethod
    def line(self, row: TableRow, scores: Row | None) -> str:
        """A row with its new cells."""

    def _cells(self, row: TableRow, scores: Row | None) -> dict[str, str | None]:
        """The new cells as text, by column; None for null. Numbers have the fewest digits that float32 needs."""
        cells = {ERROR: row.problem}
        if scores:
            values, best, _, neutral = scores
            numbers = [str(np.float32(value)) for value in values]
            cells |= dict(zip(self._labels, numbers, strict=True))
            cells |= {EMOTION: self._labels[best], SCORE: numbers[best]}
            if neutral is not None:
                cells[NEUTRAL] = str(np.float32(neutral))
                if self._neutral_as_label and neutral >= MIN_NEUTRAL:
                    cells |= {EMOTION: NEUTRAL, SCORE: cells[NEUTRAL]}
        return {name: cells.get(name) for name in self._added}


class CsvTable(Table):
    """CSV, without a header if the text column is named by a number, as in `emoscope score`."""

    def __init__(
        self, text_column: str, added: Sequence[str], labels: Sequence[str], *, neutral_as_label: bool = False
    ) -> None:
        super().__init__(text_column, added, labels, neutral_as_label=neutral_as_label)
        self._csv = CsvRows(",", MAX_ROW_BYTES, has_header=not text_column.isdecimal(), check=self._check)
        self._text_index = 0

    def _check(self, columns: list[str]) -> None:
        if len(columns) > MAX_COLUMNS:
            raise DataError(f"the first line has {len(columns):,} columns, at most {MAX_COLUMNS:,} are allowed")
        check_columns(columns, [self._text_column], self._added)
        self._text_index = columns.index(self._text_column)

    def rows(self, block: Block) -> Iterator[TableRow]:
        """See `Table`."""
        for row in self._csv.rows(block):
            if row.problem:
                yield TableRow("," * (len(self._csv.columns) - 1), None, f"line {row.line}: {row.problem}")
            else:
                yield TableRow(row.raw, row.values[self._text_index])

    def header(self) -> str:
        """The header with the new columns; empty without one."""
        return f"{self._csv.header},{csv_line(self._added)}\n" if self._csv.header else ""

    def line(self, row: TableRow, scores: Row | None) -> str:
        """See `Table`."""
        return f"{row.raw},{csv_line([cell or '' for cell in self._cells(row, scores).values()])}\n"


class JsonlTable(Table):
    """JSON lines: one object per line. An object gets `emotion_error` only if it has an error."""

    def rows(self, block: Block) -> Iterator[TableRow]:
        """See `Table`."""
        for row in json_rows(block, self._text_column, self._added, MAX_ROW_BYTES):
            if row.problem:
                yield TableRow(row.raw, None, f"line {row.line}: {row.problem}")
            else:
                yield TableRow(row.raw, row.values.get(self._text_column))

    def line(self, row: TableRow, scores: Row | None) -> str:
        """See `Table`."""
        cells = {name: c for name, c in self._cells(row, scores).items() if (name == ERROR) == bool(row.problem)}
        fields = [json_field(name, _json_value(name, cell)) for name, cell in cells.items()]
        return f"{row.raw if fields else row.raw.removesuffix(', ')}{', '.join(fields)}}}\n"


def _json_value(name: str, cell: str | None) -> str:
    if cell is None:
        return "null"
    return encode_basestring(cell) if name in (EMOTION, ERROR) else cell
