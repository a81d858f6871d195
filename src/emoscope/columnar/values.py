"""Values of columns: whether they fit their types, and columns in types that all of Arrow's functions can read."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow as pa

from emoscope.columnar.errors import BROKEN

_STORED_AS = {
    pa.date64(): pa.int64(),
    pa.time32("s"): pa.int32(),
    pa.time32("ms"): pa.int32(),
    pa.time64("us"): pa.int64(),
    pa.time64("ns"): pa.int64(),
}
_PLAIN = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}


def unreadable(schema: pa.Schema) -> str | None:
    """Why a column cannot be read; None if all can."""
    for i in range(len(schema)):
        try:
            field = schema.field(i)
            name = field.name
            pa.nulls(0, field.type)
        except UnicodeDecodeError as error:
            return f"the name of a column is not UTF-8 ({error.object!r}); rename it"
        except KeyError:
            return f"the column {name!r} is {field.type}, which pyarrow cannot read; leave it out"
    return None


def plain_schema(schema: pa.Schema, texts: Collection[str] = ()) -> pa.Schema:
    """The schema that `checked` and `plain_table` return."""
    fields = [field.with_type(_plain_type(field.type, as_text=field.name in texts)) for field in schema]
    return pa.schema(fields, schema.metadata)


def checked(batch: pa.RecordBatch, texts: Collection[str] = ()) -> pa.Table:
    """The rows, after a check that the values fit their types: text is UTF-8, and no value is outside its array.

    Days with a time, times of more than a day and decimals with too many digits are left as they are. Views become
    large strings and large binaries, which more of Arrow's functions can read.

    Args:
        batch: any rows.
        texts: names of columns of texts; binary values in them are read as text in UTF-8.

    Raises:
        pa.ArrowException, OSError, ValueError, NotImplementedError: a value does not fit its type.
    """
    try:
        batch.validate(full=True)
    except BROKEN:
        batch.validate()
        for column in batch.columns:
            _check(column)
    return plain_table(pa.Table.from_batches([batch]), texts)


def plain_table(table: pa.Table, texts: Collection[str] = ()) -> pa.Table:
    """The table in the types of `plain_schema`; raises the errors of `checked`."""
    schema = plain_schema(table.schema, texts)
    columns = [_cast(column, field.type) for column, field in zip(table.columns, schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in the type of `plain_schema`."""
    return _cast(column, _plain_type(column.type))


def _check(column: pa.Array) -> None:
    try:
        column.validate(full=True)
    except BROKEN:
        stored = _stored_type(column.type)
        if stored == column.type:
            raise
        column.view(stored).validate(full=True)


def _stored_type(arrow_type: pa.DataType) -> pa.DataType:
    """The type with the same bytes of which every value is allowed, but for text."""
    if pa.types.is_decimal(arrow_type):
        return pa.binary(arrow_type.byte_width)
    return _STORED_AS.get(arrow_type) or _with_inner(arrow_type, _stored_type)


def _plain_type(arrow_type: pa.DataType, *, as_text: bool = False) -> pa.DataType:
    if as_text and _is_binary(arrow_type):
        return pa.large_string()
    if pa.types.is_dictionary(arrow_type):
        return pa.dictionary(
            arrow_type.index_type, _plain_type(arrow_type.value_type, as_text=as_text), arrow_type.ordered
        )
    return _PLAIN.get(arrow_type) or _with_inner(arrow_type, _plain_type)


def _with_inner(arrow_type: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """The type with its inner types changed; other nested types stay as they are."""
    inner = [arrow_type.field(i) for i in range(arrow_type.num_fields)]
    changed = [field.with_type(change(field.type)) for field in inner]
    if pa.types.is_struct(arrow_type):
        return pa.struct(changed)
    if pa.types.is_list(arrow_type):
        return pa.list_(changed[0])
    if pa.types.is_large_list(arrow_type):
        return pa.large_list(changed[0])
    return arrow_type


def _is_binary(arrow_type: pa.DataType) -> bool:
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(is_type(arrow_type) for is_type in kinds)


def _cast(column: pa.ChunkedArray, arrow_type: pa.DataType) -> pa.ChunkedArray:
    if column.type == arrow_type:
        return column
    if not pa.types.is_dictionary(arrow_type):
        return column.cast(arrow_type)
    values = (chunk.dictionary.cast(arrow_type.value_type) for chunk in column.chunks)
    pairs = zip(column.chunks, values, strict=True)
    chunks = [pa.DictionaryArray.from_arrays(chunk.indices, v, ordered=arrow_type.ordered) for chunk, v in pairs]
    return pa.chunked_array(chunks, arrow_type)
