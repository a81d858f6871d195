"""Scored tables to CSV, JSON lines, Parquet, Arrow or .xlsx, as bytes that depend on the tables alone."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emoscope.columnar import XlsxWriter
from emoscope.errors import DataError, first_line
from emoscope.rows.csv_records import csv_line
from emoscope.rows.formats import Format
from emoscope.rows.json_rows import json_field
from emoscope.scoring.cell_text import csv_cells, json_cells, text_cells


@dataclass(frozen=True)
class Output:
    """A file that is written.

    Attributes:
        file: takes the bytes; it is not closed.
        format: the format to write.
        on_disk: whether it is on a disk, not a pipe: Arrow is written to a pipe in its stream format.
    """

    file: BinaryIO
    format: Format
    on_disk: bool


def open_writer(output: Output, schema: pa.Schema, raw_at: int | None = None, header: str = "") -> Writer:
    """A writer of tables with this schema.

    Args:
        output: where the bytes go.
        schema: schema of the tables.
        raw_at: index of a column with rows of a text file of the same format, to which the columns behind it are
            added; None to write every column.
        header: the header of these rows; "" where they have none.

    Raises:
        DataError: the format cannot hold such columns.
    """
    sink = _compressed(_KeptOpen(output.file), output.format.compression)
    name = output.format.name
    if name == "parquet":
        return _ParquetWriter(sink, schema)
    if name == "xlsx":
        return XlsxWriter(sink, schema, text_cells)
    if name == "arrow":
        return _ArrowWriter(sink, schema, on_disk=output.on_disk)
    if name == "jsonl":
        return _LineWriter(sink, b"", lambda table: _jsonl_lines(table, raw_at))
    delimiter = output.format.delimiter or ","
    names = csv_line(schema.names[_first_added(raw_at) :], delimiter)
    head = f"{names}\n" if raw_at is None else header and f"{header}{delimiter}{names}\n"
    return _LineWriter(sink, head.encode(), lambda table: _csv_lines(table, delimiter, raw_at))


def _compressed(sink: _KeptOpen, compression: str | None) -> Any:
    """A compressed file whose bytes depend on its content alone: it records no time and no name."""
    if compression == "gzip":
        return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=sink, mtime=0)
    if compression == "zstd":
        return pa.CompressedOutputStream(pa.PythonFile(sink, "w"), "zstd")
    return sink


class _KeptOpen(io.RawIOBase):
    """A file that stays open when its user closes it. After a failure it ignores writes: closing cannot fail."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._failed = False

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        if self._failed:
            return len(content)
        try:
            return self._file.write(content)
        except OSError:
            self._failed = True
            raise


class _LineWriter:
    """Writes lines of text, a table at a time."""

    def __init__(self, sink: Any, header: bytes, lines: Callable[[pa.Table], pa.Array]) -> None:
        self._sink, self._lines = sink, lines
        sink.write(header)

    def write_table(self, table: pa.Table) -> None:
        lines = self._lines(table)
        _, _, content = lines.buffers()
        if content is not None:
            self._sink.write(memoryview(content)[: pc.sum(pc.binary_length(lines)).as_py()])

    def close(self) -> None:
        self._sink.close()


class _ParquetWriter:
    """Writes a row group for each table."""

    def __init__(self, sink: Any, schema: pa.Schema) -> None:
        repeating = [field.name for field in schema if not pa.types.is_floating(field.type)]
        try:
            self._writer = pq.ParquetWriter(sink, schema, use_dictionary=repeating)
        except pa.ArrowNotImplementedError as error:
            raise DataError(
                f"Parquet cannot hold such columns ({first_line(error)}); leave them out, or write .arrow or .jsonl"
            ) from None

    def write_table(self, table: pa.Table) -> None:
        self._writer.write_table(_for_parquet(table), row_group_size=table.num_rows)

    def close(self) -> None:
        self._writer.close()


def _for_parquet(table: pa.Table) -> pa.Table:
    """The table, without nulls among the values of dictionaries: Parquet has nulls only among the rows.

    Raises:
        DataError: a decimal has more digits than its type, and would be written as another number.
    """
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) and any(chunk.dictionary.null_count for chunk in table[i].chunks):
            table = table.set_column(i, field, _without_null_values(table[i]))
        elif pa.types.is_decimal(field.type):
            try:
                table[i].validate(full=True)
            except pa.ArrowInvalid as error:
                raise DataError(f"the column {field.name!r}: {first_line(error)}; write .arrow or .jsonl") from None
    return table


def _without_null_values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    index = column.type.index_type
    chunks = (chunk.dictionary_decode().dictionary_encode() for chunk in column.chunks)
    return pa.chunked_array(
        [
            pa.DictionaryArray.from_arrays(c.indices.cast(index), c.dictionary, ordered=column.type.ordered)
            for c in chunks
        ],
        column.type,
    )


class _ArrowWriter:
    """Writes a batch for each table, in the file format or in the stream format.

    Dictionaries are written as their values: in the file format all tables would have to share their values.
    """

    def __init__(self, sink: Any, schema: pa.Schema, *, on_disk: bool) -> None:
        self._sink = sink
        self._schema = pa.schema([_as_values(field) for field in schema], schema.metadata)
        self._writer = (pa.ipc.new_file if on_disk else pa.ipc.new_stream)(sink, self._schema)

    def write_table(self, table: pa.Table) -> None:
        self._writer.write_table(table.cast(self._schema).combine_chunks())

    def close(self) -> None:
        self._writer.close()
        self._sink.close()


Writer = _LineWriter | _ParquetWriter | _ArrowWriter | XlsxWriter
"""Writes tables with one schema; `close` writes the end of the file, which itself stays open."""


def _as_values(field: pa.Field) -> pa.Field:
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field


def _csv_lines(table: pa.Table, delimiter: str, raw_at: int | None) -> pa.Array:
    cells = _raw_cells(table, raw_at)
    for i in range(_first_added(raw_at), table.num_columns):
        cells.append(_cells(table, i, lambda column: csv_cells(column, delimiter)))
    rows = pc.binary_join_element_wise(*cells, delimiter, null_handling="replace", null_replacement="")
    return pc.binary_join_element_wise(rows, "\n", "")


def _jsonl_lines(table: pa.Table, raw_at: int | None) -> pa.Array:
    parts: list[Any] = _raw_cells(table, raw_at) or ["{"]
    names = table.schema.names  # made anew at each access
    for i in range(_first_added(raw_at), table.num_columns):
        comma = ", " if len(parts) > 1 else ""
        parts += [comma + json_field(names[i], ""), _cells(table, i, json_cells)]
    return pc.binary_join_element_wise(*parts, "}\n", "")


def _raw_cells(table: pa.Table, raw_at: int | None) -> list[pa.Array]:
    return [] if raw_at is None else [table.column(raw_at).combine_chunks()]


def _first_added(raw_at: int | None) -> int:
    """Index of the first column that is written behind the raw rows."""
    return 0 if raw_at is None else raw_at + 1


def _cells(table: pa.Table, index: int, write: Callable[[pa.ChunkedArray], pa.Array]) -> pa.Array:
    """The cells of a column.

    Raises:
        DataError: it cannot be written as text.
    """
    try:
        return write(table.column(index))
    except (pa.ArrowException, ValueError, OverflowError) as error:
        field = table.field(index)
        raise DataError(
            f"the column {field.name!r} ({field.type}) cannot be written as text ({first_line(error)}); "
            "leave it out, or write .parquet or .arrow"
        ) from None
