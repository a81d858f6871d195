"""All sources as one stream of Arrow tables with one schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from emoscope.columnar import BROKEN
from emoscope.errors import DataError, broken_data
from emoscope.rows.blocks import read_blocks
from emoscope.rows.columns import column_list
from emoscope.rows.formats import COLUMNAR, CONVERSATION
from emoscope.scoring.columnar_reader import ColumnarReader
from emoscope.scoring.conversation_reader import ConversationReader
from emoscope.scoring.csv_reader import CsvReader
from emoscope.scoring.jsonl_reader import JsonlReader, schema_of
from emoscope.scoring.projection import Projection
from emoscope.scoring.reader import Reader
from emoscope.scoring.rejected import RejectedRows
from emoscope.scoring.sources import Source

READERS: Mapping[str, type[Reader]] = MappingProxyType(
    {"csv": CsvReader, "tsv": CsvReader, "jsonl": JsonlReader, CONVERSATION: ConversationReader}
    | dict.fromkeys(COLUMNAR, ColumnarReader)
)
"""Names of formats, to their readers."""


class Reading:
    """The rows of all sources, in order.

    Attributes:
        schema: schema of the tables.
        header: the header of a text file as it is there; "" where there is none.
        rows: number of rows read so far.
        expected: estimated number of rows, from how much of the files has been read; None for a pipe.
        notes: how the sources that have been read were read, in words.
    """

    def __init__(self, sources: Sequence[Source], projection: Projection, rejected: RejectedRows) -> None:
        """Open the first source, and look at the columns of the others.

        Raises:
            DataError: one of them cannot be read, or its columns are not those of the first.
        """
        self._sources, self._projection, self._rejected = sources, projection, rejected
        self.schema: Any = self._schema_of_json()
        self._first = self._open(sources[0])
        self.schema = self._first.schema
        self.header = self._first.header
        self.rows = 0
        self.notes: list[str] = []
        self.expected: int | None = None
        if sources[0].format.name != "jsonl":
            self.schema = self._common_schema()

    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables with `schema`."""
        total, before = sum(source.size or 0 for source in self._sources), 0
        for source, reader in zip(self._sources, chain([self._first], map(self._open, self._sources[1:])), strict=True):
            for table in reader.tables():
                self.rows += table.num_rows
                done = before + reader.position()
                self.expected = round(self.rows * max(1, total / done)) if total and done else None
                yield _widened(table, self.schema, source)
            reader.close()
            self.notes += [f"{source.name}: {reader.note}"] if reader.note else []
            before += source.size or 0

    def _open(self, source: Source) -> Reader:
        return READERS[source.format.name](source, self._projection, self._rejected, self.schema)

    def _schema_of_json(self) -> pa.Schema | None:
        """For several files of JSON lines, the schema of the first file that begins with an object."""
        if self._sources[0].format.name != "jsonl" or len(self._sources) == 1:
            return None
        for source in self._sources:
            content, _ = source.open()
            schema = schema_of(source, self._projection, next(read_blocks(content, [], source.format.encoding)).lines)
            content.close()
            if schema:
                return schema
        return None

    def _common_schema(self) -> pa.Schema:
        schemas = [self.schema]
        for source in self._sources[1:]:
            reader = self._open(source)
            reader.close()
            self._check_columns(source, reader.columns)
            schemas.append(reader.schema)
        try:
            common = pa.unify_schemas(schemas, promote_options="permissive")
        except BROKEN as error:
            raise DataError(
                f"the files have different types in one column ({broken_data(error)}); score them separately"
            ) from None
        for source, schema in zip(self._sources, schemas, strict=True):
            nulls = pa.Table.from_arrays([pa.nulls(1, field.type) for field in schema], schema=schema)
            _widened(nulls, common, source)
        return common

    def _check_columns(self, source: Source, columns: list[str]) -> None:
        """Reject a file with other columns than the first, or in another order where rows of CSV are copied."""
        first, same = self._first.columns, sorted(columns) == sorted(self._first.columns)
        if columns != first and (not same or (self._projection.raw and source.format.delimiter)):
            order = " in the same order, or write another format" if same else ""
            raise DataError(
                f"{source.name} has the columns {column_list(columns)}, "
                f"{self._sources[0].name} has {column_list(first)}; give files with the same columns{order}"
            )


def _widened(table: pa.Table, schema: pa.Schema, source: Source) -> pa.Table:
    """The rows of a source in the common types of all."""
    if table.schema.equals(schema):
        return table
    columns = []
    for field in schema:
        column = table.column(field.name)
        try:
            columns.append(column.cast(field.type))
        except BROKEN as error:
            raise DataError(
                f"{source.name}: the column {field.name!r} is {column.type}, with the other files {field.type}, where "
                f"its values do not fit ({broken_data(error)}); score the files separately"
            ) from None
    return pa.Table.from_arrays(columns, schema=schema)
