"""Rows of Parquet and Arrow files, checked value by value: no file is trusted to hold what its types say.

A row with text that is not UTF-8 is rejected alone. If a Parquet row group cannot be decoded, the rest of its rows are
rejected; the file's footer has their number.

An Arrow file is read as its footer says: what is before its first batch differs between the programs that write it. A
file without a footer has broken off, and is read like a stream.
"""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from typing import Any
from weakref import finalize

import pyarrow as pa
import pyarrow.parquet as pq

from emoscope.columnar.errors import BROKEN
from emoscope.columnar.values import checked, plain_schema, unreadable
from emoscope.errors import DataError, broken_data

MAX_ROWS = 16_384
"""Maximum number of rows decoded at once."""

MAX_BYTES = 4 << 20
"""Approximate maximum number of bytes decoded at once; long rows are decoded in smaller numbers."""

_MAGIC = b"ARROW1\0\0"
_COPIED_AT_ONCE = 64 << 10
_ARROW_SCHEMA = b"ARROW:schema"  # key in the footer of a Parquet file; written anew with the schema


class ColumnarFile(ABC):
    """The rows of an open file.

    Attributes:
        schema: schema of its tables.
        position: returns about how many bytes have been read; None where the position in the content says it.
        breaks: number of places so far behind which rows are lost, in unknown number.
    """

    breaks = 0
    schema: pa.Schema
    position: Callable[[], float] | None = None

    def __init__(
        self, content: Any, name: str, size: int, reject: Callable[..., None], texts: Collection[str] = ()
    ) -> None:
        """Read the schema.

        Args:
            content: the open file.
            name: its name in errors.
            size: its size in bytes; 0 for a pipe.
            reject: called with the reason, the number of the row from 1 (`row`), and for several the number of rows
                (`rows`), for rows that cannot be used.
            texts: names of columns of texts; binary values in them are read as text in UTF-8, and in a spreadsheet they
                decide which row is the header.

        Raises:
            DataError: it is not such a file, or has a column that cannot be read.
        """
        self._content, self._name, self._size, self._reject, self._texts = content, name, size, reject, texts
        schema = self._begin()
        if problem := unreadable(schema):
            raise DataError(f"{name}: {problem}")
        self.schema = plain_schema(schema, texts)

    @abstractmethod
    def _begin(self) -> pa.Schema:
        """Read the beginning; returns the schema of the file."""

    @abstractmethod
    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""

    def row_number(self, index: int) -> int:
        """Number of a row as errors name it, by its index in the tables from 0."""
        return index + 1

    def _sound_rows(self, batch: pa.RecordBatch, done: int) -> pa.Table:
        """The rows whose values fit their types, with `done` rows before them; the others are rejected."""
        try:
            return checked(batch, self._texts)
        except BROKEN:
            sound = [checked(batch.slice(0, 0), self._texts)]
        for i in range(batch.num_rows):
            try:
                sound.append(checked(batch.slice(i, 1), self._texts))
            except BROKEN as error:
                self._reject(f"broken values ({broken_data(error)}); allowed: text in UTF-8", row=done + i + 1)
        return pa.concat_tables(sound)


class ParquetFile(ColumnarFile):
    """Reads row groups one after the other, a few rows at a time."""

    def _begin(self) -> pa.Schema:
        try:
            self._file = pq.ParquetFile(self._content, buffer_size=1 << 20)
            schema, footer = self._file.schema_arrow, self._file.metadata
            _check_counts(footer)
        except BROKEN as error:
            raise DataError(f"{self._name}: not a Parquet file that can be read ({broken_data(error)})") from None
        self._done = 0
        size, rows = self._size, footer.num_rows
        self.position = lambda: size * self._done / max(1, rows)
        others = {key: value for key, value in (footer.metadata or {}).items() if key != _ARROW_SCHEMA}
        return schema.with_metadata({**others, **(schema.metadata or {})})

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
    """Reads an Arrow file or stream batch by batch."""

    def _begin(self) -> pa.Schema:
        try:
            head = self._content.read(len(_MAGIC))
            is_framed = head == _MAGIC
            self._reader = self._framed() if is_framed else pa.ipc.open_stream(_Rejoined(head, self._content))
            schema = self._reader.schema
        except BROKEN as error:
            raise DataError(f"{self._name}: not an Arrow file that can be read ({broken_data(error)})") from None
        self._has_footer = isinstance(self._reader, pa.RecordBatchFileReader)
        self._breaks_off = is_framed and not self._has_footer
        self._number = 0
        if self._has_footer:
            self.position = lambda: self._size * self._number / max(1, self._reader.num_record_batches)
        return schema

    def _framed(self) -> Any:
        """The reader of a file whose first bytes have been read."""
        content = self._content
        try:
            content.seek(len(_MAGIC))
        except BROKEN:
            content = self._on_disk()
        try:
            return pa.ipc.open_file(content)
        except BROKEN:
            content.seek(len(_MAGIC))
            return pa.ipc.open_stream(content)

    def _on_disk(self) -> Any:
        """A copy of a pipe or of compressed content, as far as it can be read: the footer is at its end."""
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        finalize(self, copy.close)
        copy.write(_MAGIC)
        try:
            shutil.copyfileobj(self._content, copy, _COPIED_AT_ONCE)
        except BROKEN as error:
            broken_data(error)
        return pa.PythonFile(copy, "r")

    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""
        done = 0
        while (batch := self._next_batch(done)) is not None:
            for start in range(0, batch.num_rows, MAX_ROWS):
                yield self._sound_rows(batch.slice(start, MAX_ROWS), done + start)
            done += batch.num_rows
        if self._breaks_off:
            self._lose("it breaks off", done)

    def _next_batch(self, done: int) -> pa.RecordBatch | None:
        """The next batch that can be read; None if there is none."""
        while not self._has_footer or self._number < self._reader.num_record_batches:
            self._number += 1
            try:
                batch = self._reader.get_batch(self._number - 1) if self._has_footer else self._reader.read_next_batch()
                batch.validate()
                return batch
            except StopIteration:
                return None
            except BROKEN as error:
                self._lose(broken_data(error), done)
                if not self._has_footer:
                    self._breaks_off = False
                    return None
        return None

    def _lose(self, reason: str, done: int) -> None:
        self.breaks += 1
        what = "the batch that begins here" if self._has_footer else "everything from here on"
        self._reject(f"the file is broken ({reason}); {what} is lost", row=done + 1)


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
