"""Columns of any type as the text of their cells, in CSV and in JSON."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_NUMBERS: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
)
_NEVER_IN_NUMBERS = ",;|\t"  # delimiters that no number and no time contains
_DAY = re.compile(r"^(-?\d+-\d\d-\d\d) ")
_ZONE = re.compile(r"([+-]\d\d)(\d\d)$")


def csv_cells(column: pa.ChunkedArray, delimiter: str) -> pa.Array:
    """Cells of a column, strings (rows,), null for null.

    Text with the delimiter, a quote or a line break is quoted. Empty text is `""`, since an empty cell is null.
    Numbers, dates and times are as Arrow writes them, nested values are JSON.
    """
    values = text_cells(column)
    if _is_plain(column.type) and delimiter in _NEVER_IN_NUMBERS:
        return values
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(values, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(values, f'[{re.escape(delimiter)}"\r\n]|^$'), quoted, values)


def text_cells(column: pa.ChunkedArray) -> pa.Array:
    """The same cells without quotes: text as it is, null for null."""
    values = _decoded(column)
    if _is_plain(values.type):
        return values.cast(pa.string())
    if pa.types.is_string(values.type):
        return values
    plain = map(_plain, _in_python(values))
    cells = (cell if isinstance(cell, str | None) else json.dumps(cell, ensure_ascii=False) for cell in plain)
    return pa.array(cells, pa.string())


def json_cells(column: pa.ChunkedArray) -> pa.Array:
    """Cells of a column as JSON, strings (rows,) without nulls: null, infinity and NaN are `null`."""
    values = _decoded(column)
    if any(is_type(values.type) for is_type in (pa.types.is_boolean, pa.types.is_integer, pa.types.is_duration)):
        return values.cast(pa.string()).fill_null("null")
    if pa.types.is_floating(values.type):
        finite = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
        return finite.cast(pa.string()).fill_null("null")
    write = encode_basestring if pa.types.is_string(values.type) else _json
    return pa.array(["null" if value is None else write(value) for value in _in_python(values)], pa.string())


def _decoded(column: pa.ChunkedArray) -> pa.Array:
    """The column in one array, with text of any type as strings."""
    inner = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    text = pa.types.is_large_string(inner) or pa.types.is_string_view(inner)
    plain = column.cast(pa.string() if text else inner) if text or inner != column.type else column
    return plain.combine_chunks()


def _is_plain(arrow_type: pa.DataType) -> bool:
    """Whether Arrow writes values of a type as text: numbers, truth values, dates and times."""
    inner = arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type
    return _is_time(inner) or any(is_type(inner) for is_type in _NUMBERS)


def _is_time(arrow_type: pa.DataType) -> bool:
    return pa.types.is_temporal(arrow_type) and not pa.types.is_interval(arrow_type)


def _has_times(arrow_type: pa.DataType) -> bool:
    inner = (arrow_type.field(i).type for i in range(arrow_type.num_fields))
    return _is_time(arrow_type) or any(map(_has_times, inner))


def _in_python(values: pa.Array) -> list[Any]:
    """The values as Python objects, but dates and times as ISO text: Python has no nanoseconds and no year 10000."""
    if _is_time(values.type):
        return [text and _iso(text) for text in values.cast(pa.string()).to_pylist()]
    return list(map(_with_times, values)) if _has_times(values.type) else values.to_pylist()


def _with_times(value: pa.Scalar) -> Any:
    if not value.is_valid:
        return None
    if isinstance(value, pa.StructScalar):
        return {name: _with_times(inner) for name, inner in value.items()}
    if isinstance(value, pa.MapScalar):
        return [list(map(_with_times, entry)) for entry in zip(*value.values.flatten(), strict=True)]
    if isinstance(value, pa.ListScalar):
        return list(map(_with_times, value.values))
    if pa.types.is_duration(value.type):
        return value.cast(pa.int64()).as_py()
    return _iso(value.cast(pa.string()).as_py()) if _is_time(value.type) else value.as_py()


def _iso(text: str) -> str:
    """A date or time of Arrow in ISO 8601: "2024-05-06T07:08:09+02:00" for "2024-05-06 07:08:09+0200"."""
    return _ZONE.sub(r"\1:\2", _DAY.sub(r"\1T", text))


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value in the types of JSON: bytes in base64, anything else as `str` writes it."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if value is None or isinstance(value, str | bool | int) else str(value)
