"""Rows of Parquet and Arrow files, checked value by value: no file is trusted to hold what its types say.

A row with text that is not UTF-8 is rejected alone. If a Parquet row group cannot be decoded, the rest of its rows are
rejected; the file's footer has their number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emoscope.columnar.errors import BROKEN
from emoscope.errors import DataError, broken_data

MAX_ROWS = 16_384
"""Maximum number of rows decoded at once."""

MAX_BYTES = 4 << 20
"""Approximate maximum number of bytes decoded at once; long rows are decoded in smaller numbers."""

_MAGIC = b"ARROW1\0\0"


class ColumnarFile(ABC):
    """The rows of an open file.

    Attributes:
        schema: schema of its tables.
        position: returns about how many bytes have been read; None where the position in the content says it.
    """

    schema: pa.Schema
    position: Callable[[], float] | None = None

    def __init__(self, content: Any, name: str, size: int, reject: Callable[..., None]) -> None:
        """Read the schema.

        Args:
            content: the open file.
            name: its name in errors.
            size: its size in bytes; 0 for a pipe.
            reject: called with the reason, the number of the row from 1 (`row`), and for several the number of rows
                (`rows`), for rows that cannot be used.

        Raises:
            DataError: it is not such a file.
        """
        self._content, self._name, self._size, self._reject = content, name, size, reject
        self._begin()

    @abstractmethod
    def _begin(self) -> None:
        """Read the beginning; sets `schema`."""

    @abstractmethod
    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""

    def _sound_rows(self, batch: pa.RecordBatch, done: int) -> pa.Table:
        """The rows whose values fit their types, with `done` rows before them; the others are rejected."""
        if _flaw(batch) is None:
            return pa.Table.from_batches([batch])
        sound = []
        for i in range(batch.num_rows):
            row = batch.slice(i, 1)
            if problem := _flaw(row):
                self._reject(f"broken values ({problem}); allowed: text in UTF-8", row=done + i + 1)
            else:
                sound.append(row)
        return pa.Table.from_batches(sound, batch.schema)


class ParquetFile(ColumnarFile):
    """Reads row groups one after the other, a few rows at a time."""

    def _begin(self) -> None:
        try:
            self._file = pq.ParquetFile(self._content, buffer_size=1 << 20)
            self.schema = self._file.schema_arrow
            _check_counts(self._file.metadata)
        except BROKEN as error:
            raise DataError(f"{self._name}: not a Parquet file that can be read ({broken_data(error)})") from None
        self._done = 0
        size, rows = self._size, self._file.metadata.num_rows
        self.position = lambda: size * self._done / max(1, rows)

    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""
        for group in range(self._file.num_row_groups):
            yield from self._group(group)

    def _group(self, group: int) -> Iterator[pa.Table]:
        metadata = self._file.metadata.row_group(group)
        end, reason = self._done + metadata.num_rows, "the file has fewer rows than its footer says"
        rows = MAX_BYTES * metadata.num_rows // max(1, metadata.total_byte_size)
        size = max(1, min(MAX_ROWS, rows))
        try:
            for batch in self._file.iter_batches(size, row_groups=[group], use_threads=False):
                before, self._done = self._done, min(end, self._done + batch.num_rows)
                yield self._sound_rows(batch.slice(0, end - before), before)
        except BROKEN as error:
            reason = f"the rows cannot be decoded ({broken_data(error)})"
        if self._done < end:
            self._reject(reason, row=self._done + 1, rows=end - self._done)
            self._done = end


def _check_counts(metadata: Any) -> None:
    rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if min(rows, default=0) < 0 or sum(rows) != metadata.num_rows:
        raise pa.ArrowInvalid(f"its footer has {metadata.num_rows} rows, in groups of {rows[:9]}")


class ArrowFile(ColumnarFile):
    """Reads an Arrow file or stream batch by batch; the file format is the stream format with a frame around it."""

    def _begin(self) -> None:
        try:
            head = self._content.read(len(_MAGIC))
            self._framed = head == _MAGIC
            self._batches = pa.ipc.open_stream(self._content if self._framed else _Rejoined(head, self._content))
        except BROKEN as error:
            raise DataError(f"{self._name}: not an Arrow file that can be read ({broken_data(error)})") from None
        self.schema = self._batches.schema

    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""
        done = 0
        try:
            for batch in self._batches:
                batch.validate()
                for start in range(0, batch.num_rows, MAX_ROWS):
                    yield self._sound_rows(batch.slice(start, MAX_ROWS), done + start)
                done += batch.num_rows
            if self._framed and not self._content.read().endswith(_MAGIC.rstrip(b"\0")):
                raise pa.ArrowInvalid("it breaks off")
        except BROKEN as error:
            reason = f"the file is broken ({broken_data(error)}); everything from here on is lost"
            self._reject(reason, row=done + 1)


def _flaw(batch: pa.RecordBatch) -> str | None:
    try:
        batch.validate(full=True)
    except BROKEN as error:
        return broken_data(error)
    return None


class _Rejoined:
    """A file whose first bytes have been read already, and are put back."""

    closed = False

    def __init__(self, head: bytes, file: Any) -> None:
        self._head = head
        self._file = file

    def read(self, size: int) -> bytes:
        head, self._head = self._head[:size], self._head[size:]
        rest: bytes = self._file.read(size - len(head))
        return head + rest
