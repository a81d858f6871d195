"""Columns of any type to the text of their cells, in CSV and in JSON."""

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

_WRITTEN_BY_ARROW: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_temporal,
)


def csv_cells(column: pa.ChunkedArray, delimiter: str) -> pa.Array:
    """Cells of a column, strings (rows,), null for null.

    Text with the delimiter, a quote or a line break stands in quotes, and empty text as `""`, since an empty cell is
    null. Numbers, dates and times are as Arrow writes them, nested values are JSON.
    """
    values = _decoded(column)
    if not pa.types.is_string(values.type) and any(is_type(values.type) for is_type in _WRITTEN_BY_ARROW):
        return values.cast(pa.string())
    if not pa.types.is_string(values.type):
        values = pa.array([None if value is None else _cell(value) for value in values.to_pylist()], pa.string())
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(values, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(values, f'[{re.escape(delimiter)}"\r\n]|^$'), quoted, values)


def json_cells(column: pa.ChunkedArray) -> pa.Array:
    """Cells of a column as JSON, strings (rows,) without nulls: null is `null`, as are infinity and NaN."""
    values = _decoded(column)
    if pa.types.is_boolean(values.type) or pa.types.is_integer(values.type):
        return values.cast(pa.string()).fill_null("null")
    if pa.types.is_floating(values.type):
        finite = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
        return finite.cast(pa.string()).fill_null("null")
    write = encode_basestring if pa.types.is_string(values.type) else _json
    return pa.array(["null" if value is None else write(value) for value in values.to_pylist()], pa.string())


def _decoded(column: pa.ChunkedArray) -> pa.Array:
    """The column in one array, its text as strings."""
    inner = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    text = pa.types.is_large_string(inner) or pa.types.is_string_view(inner)
    plain = column.cast(pa.string() if text else inner) if text or inner != column.type else column
    return plain.combine_chunks()


def _cell(value: Any) -> str:
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value of the types that JSON has: dates and times in ISO form, bytes in base64, all else as `str` has it."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if value is None or isinstance(value, str | bool | int):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
