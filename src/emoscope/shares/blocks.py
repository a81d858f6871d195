"""Columns of a table as arrays, some thousand rows at a time, so that memory does not grow with the rows.

pyarrow reads a table about ten times as fast as `labelled_rows`, if it is installed. Where it fails, and from the first
value on that is not what its column holds, the table is read row by row, so that errors name the row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError
from emoscope.labelled_rows import CellOptions, Cells, format_of, read_cells, short
from emoscope.rows.formats import Format
from emoscope.rows.lines import UTF_8

BLOCK_ROWS = 65_536
"""Maximum number of rows of a block."""
BLOCK_BYTES = 4 << 20
"""Bytes of CSV that are read at once."""


@dataclass(frozen=True)
class TextFormat:
    """How text files are written.

    Attributes:
        delimiter: the character between the cells of `.csv`; None for a comma.
        encoding: name of the encoding.
    """

    delimiter: str | None = None
    encoding: str = UTF_8

    def cells(self, file: Path, columns: Sequence[str]) -> Iterator[Cells]:
        """Some cells of each row of a file."""
        if file.suffix == ".txt":
            raise DataError(f"{file}: a .txt has no columns; give a table, such as a .csv")
        return read_cells(file, CellOptions(tuple(columns), self.delimiter, self.encoding))

    def has(self, file: Path, column: str) -> bool:
        """Whether a file that can be read has a column."""
        try:
            next(self.cells(file, [column]), None)
        except DataError:
            return False
        return True


@dataclass(frozen=True)
class Texts:
    """A column of texts.

    Attributes:
        values: the texts that occur, each once.
        codes: index of the text of each row, int64 (rows,).
    """

    values: tuple[str, ...]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, cells: Sequence[str]) -> Texts:
        """The texts of some rows."""
        indices = {text: index for index, text in enumerate(dict.fromkeys(cells))}
        return cls(tuple(indices), np.array([indices[text] for text in cells], np.int64))

    def without(self, text: str) -> Texts:
        """The same column, with the code -1 for rows with a text."""
        empty = self.values.index(text) if text in self.values else -1
        return Texts(self.values, np.where(self.codes == empty, -1, self.codes))

    def at(self, kept: NDArray[np.bool_]) -> Texts:
        """The texts of the rows that are kept, (rows,)."""
        return Texts(self.values, self.codes[kept])


@dataclass(frozen=True)
class Wanted:
    """The columns that are read.

    Attributes:
        texts: names of columns of texts.
        probabilities: names of columns of numbers from 0 to 1.
    """

    texts: tuple[str, ...] = ()
    probabilities: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns, each once."""
        return tuple(dict.fromkeys((*self.texts, *self.probabilities)))


@dataclass(frozen=True)
class Block:
    """Some rows that follow one another.

    Attributes:
        first: number of the first one in its table, from 1.
        texts: the columns of texts.
        probabilities: the columns of numbers, float64 (rows, columns), NaN for an empty cell.
        rows: number of rows.
    """

    first: int
    texts: tuple[Texts, ...]
    probabilities: NDArray[np.float64]
    rows: int


class _UnreadableError(Exception):
    """pyarrow is missing, or cannot read this table as it should."""


def read_blocks(file: Path, form: TextFormat, wanted: Wanted) -> Iterator[Block]:
    """The rows of a table, in order.

    Raises:
        DataError: the file cannot be read, lacks a column, or has a number that is not from 0 to 1.
    """
    done = 0
    try:
        for batch in _batches(file, form, wanted):
            block = _arrow_block(batch, wanted, done + 1)
            done += block.rows
            yield block
    except _UnreadableError:
        yield from _slow_blocks(file, form, wanted, done)


def _slow_blocks(file: Path, form: TextFormat, wanted: Wanted, done: int) -> Iterator[Block]:
    """The rows after the first `done` ones."""
    rows = islice(form.cells(file, wanted.columns), done, None)
    at = [wanted.columns.index(name) for name in wanted.probabilities]
    while chunk := list(islice(rows, BLOCK_ROWS)):
        texts = tuple(
            Texts.of([text_of(row.values[wanted.columns.index(name)]) for row in chunk]) for name in wanted.texts
        )
        numbers = [
            [probability(row, row.values[i], name) for i, name in zip(at, wanted.probabilities, strict=True)]
            for row in chunk
        ]
        yield Block(done + 1, texts, np.array(numbers, np.float64).reshape(len(chunk), len(at)), len(chunk))
        done += len(chunk)


def text_of(value: Any) -> str:
    """The text of a cell; empty for none."""
    return "" if value is None else str(value)


def probability(row: Cells, value: Any, column: str) -> float:
    """The number in a cell; NaN for an empty one.

    Raises:
        DataError: it is not a number from 0 to 1.
    """
    if value in (None, ""):
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise DataError(f"{row.place}: {column} is {short(value)}; allowed: a number from 0 to 1")
    return number


def _batches(file: Path, form: TextFormat, wanted: Wanted) -> Iterator[Any]:
    """The wanted columns as Arrow record batches.

    Raises:
        _UnreadableError: pyarrow is missing or fails.
    """
    kind = format_of(file)
    if kind is None or kind.compression or form.encoding.lower() != UTF_8:
        raise _UnreadableError
    try:
        import pyarrow as pa
    except ImportError:
        raise _UnreadableError from None
    try:
        yield from _opened(file, form, kind, wanted)
    except (pa.ArrowException, OSError):
        raise _UnreadableError from None


def _opened(file: Path, form: TextFormat, kind: Format, wanted: Wanted) -> Iterator[Any]:
    if kind.name in ("csv", "tsv"):
        from pyarrow import csv, float64, string

        types = {name: string() for name in wanted.texts} | {name: float64() for name in wanted.probabilities}
        yield from csv.open_csv(
            file,
            csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
            csv.ParseOptions(delimiter=form.delimiter or kind.delimiter or ",", newlines_in_values=True),
            csv.ConvertOptions(column_types=types, null_values=[""], include_columns=list(wanted.columns)),
        )
    elif kind.name == "parquet":
        from pyarrow.parquet import ParquetFile

        with ParquetFile(file, buffer_size=1 << 20) as table:
            if set(wanted.columns) - set(table.schema_arrow.names):
                raise _UnreadableError
            for group in range(table.num_row_groups):  # one at a time: what was read of the others is released
                yield from table.iter_batches(BLOCK_ROWS, row_groups=[group], columns=list(wanted.columns))
    else:
        raise _UnreadableError


def _arrow_block(batch: Any, wanted: Wanted, first: int) -> Block:
    """The columns of a batch.

    Raises:
        _UnreadableError: a value is not what its column holds.
    """
    import pyarrow as pa

    try:
        texts = tuple(_arrow_texts(batch.column(name)) for name in wanted.texts)
        columns = [batch.column(name).cast(pa.float64()).to_numpy(False) for name in wanted.probabilities]
    except (pa.ArrowException, KeyError):
        raise _UnreadableError from None
    numbers = np.column_stack(columns) if columns else np.zeros((batch.num_rows, 0))
    if not ((numbers >= 0) & (numbers <= 1) | np.isnan(numbers)).all():
        raise _UnreadableError
    return Block(first, texts, numbers, batch.num_rows)


def _arrow_texts(column: Any) -> Texts:
    import pyarrow as pa

    encoded = column.cast(pa.string()).fill_null("").dictionary_encode()
    return Texts(tuple(encoded.dictionary.to_pylist()), encoded.indices.to_numpy(False).astype(np.int64))
