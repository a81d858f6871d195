"""The reader of JSON lines: to tables of the text and the raw object, or of every field with a type.

As columns, the names and types are those of the first rows (the first MiB of the first file that begins with any); an
object that does not fit them is rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from emoscope.errors import DataError, broken_data
from emoscope.rows.blocks import MAX_ROW_BYTES
from emoscope.rows.json_rows import check_json_lines, json_object, json_rows, json_text, open_object
from emoscope.rows.lines import Block, TextRow
from emoscope.scoring.line_reader import LineReader
from emoscope.scoring.projection import Projection
from emoscope.scoring.sources import Source

_TYPES_FOR: dict[type, tuple[Callable[[pa.DataType], bool], ...]] = {
    bool: (pa.types.is_boolean,),
    int: (pa.types.is_integer, pa.types.is_floating),
    float: (pa.types.is_floating,),
    str: (pa.types.is_string,),
    list: (),
    dict: (),
}
_SURROGATE = re.compile("[\ud800-\udfff]")  # names with lone surrogates cannot be names of columns
_UNFIT = (pa.ArrowException, TypeError, ValueError, OverflowError)


class JsonlReader(LineReader):
    """Reads every field as a column, or the required fields and the raw object."""

    def _read_head(self, lines: list[str], schema: pa.Schema | None) -> None:
        projection = self._projection
        try:
            check_json_lines(lines)
        except DataError as error:
            raise DataError(f"{self._source.name}: {error}") from None
        self.schema = schema or schema_of(self._source, projection, lines) or _schema_of_text(projection)
        self.columns = self.schema.names

    def _table(self, block: Block) -> pa.Table:
        rows, projection = [], self._projection
        types = dict(zip(self.schema.names, self.schema.types, strict=True))
        for row in json_rows(block, projection.text_column, projection.added, MAX_ROW_BYTES):
            problem = row.problem or (None if projection.raw else _unfit_row(row.values, types))
            if problem:
                self._reject(problem, line=row.line)
            else:
                rows.append(row)
        try:
            return self._table_of(rows)
        except _UNFIT:
            return self._table_of([row for row in rows if self._fits(row)])

    def _table_of(self, rows: Sequence[TextRow]) -> pa.Table:
        if self._projection.raw:
            columns = list(map(list, zip(*map(self._raw, rows), strict=True))) or [[] for _ in self.schema]
        else:
            columns = [[row.values.get(name) for row in rows] for name in self.schema.names]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def _raw(self, row: TextRow) -> list[str | None]:
        """The cells that are looked into and the object as it is; with the text last, written again without it."""
        cells = (row.values.get(name) for name in self._projection.required)
        text, *others = (None if cell is None else str(cell) for cell in cells)
        if not self._projection.text_last:
            return [text, *others, row.raw]
        rest = {name: value for name, value in row.values.items() if name != self._projection.text_column}
        return [*others, open_object(json_text(rest), rest), text]

    def _fits(self, row: TextRow) -> bool:
        try:
            self._table_of([row])
        except _UNFIT as error:
            self._reject(f"a value does not fit its column ({broken_data(error)})", line=row.line)
            return False
        return True


def schema_of(source: Source, projection: Projection, lines: list[str]) -> pa.Schema | None:
    """The schema of the first lines of a file; None if there is no object among them.

    Raises:
        DataError: no object among them has the text column.
    """
    rows = [row for row in map(json_object, lines) if isinstance(row, dict) and not _SURROGATE.search("".join(row))]
    if not rows:
        return None
    projection.check(source.name, _names(rows))
    if projection.raw:
        return _schema_of_text(projection)
    types = {name: _type_of([row.get(name) for row in rows]) for name in _names(rows)}
    return pa.schema(list((types | {projection.text_column: pa.string()}).items()))


def _schema_of_text(projection: Projection) -> pa.Schema:
    names = projection.raw_names if projection.raw else projection.required
    return pa.schema([(name, pa.string()) for name in names])


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _type_of(values: list[Any]) -> pa.DataType:
    """The type that holds all values; if there is none, that of the first."""
    known = [value for value in values if value is not None]
    for some in (known, known[:1]):
        try:
            found = pa.infer_type(some)
        except _UNFIT:
            continue
        return pa.string() if pa.types.is_null(found) else found
    return pa.string()


def _unfit(value: Any, arrow_type: pa.DataType, name: str) -> str | None:
    """Why a value does not fit a column of this type, where Arrow would silently cut it or drop fields of it."""
    if isinstance(value, dict) and pa.types.is_struct(arrow_type):
        return _unfit_row(value, _types_of_fields(arrow_type), f"{name}.")
    if isinstance(value, list) and pa.types.is_list(arrow_type):
        return next(filter(None, (_unfit(item, arrow_type.value_type, name) for item in value)), None)
    if value is None or any(is_type(arrow_type) for is_type in _TYPES_FOR[type(value)]):
        return None
    return f"the field {name!r} is {type(value).__name__}, among the first rows {arrow_type}"


@cache
def _types_of_fields(struct: pa.DataType) -> dict[str, pa.DataType]:
    return {field.name: field.type for field in struct}


def _unfit_row(row: dict[str, Any], types: Mapping[str, pa.DataType], prefix: str = "") -> str | None:
    for name, value in row.items():
        if name not in types:
            return f"the first rows have no field {prefix + name!r}"
        if problem := _unfit(value, types[name], prefix + name):
            return problem
    return None
