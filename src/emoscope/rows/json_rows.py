"""Reads rows of JSON lines, one object a line, and keeps each as it is so that fields can be added to it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from json.encoder import encode_basestring
from math import isfinite
from typing import Any

from emoscope.errors import DataError
from emoscope.rows.columns import conflict
from emoscope.rows.lines import Block, TextRow, row_problem

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ALLOWED = "allowed: one JSON object a line"


def json_rows(block: Block, text_column: str, added: Sequence[str], max_bytes: int) -> Iterator[TextRow]:
    """The rows of some lines; blank lines are skipped. The raw row of a line that is not an object is "{".

    Lone surrogates in the values become U+FFFD, and stay as they are in the raw row. NaN and infinities, which are not
    JSON, become null in both.

    Args:
        block: the lines.
        text_column: field of the texts: a string, null or missing.
        added: fields that will be added: an object must not have them.
        max_bytes: maximum length of a row.

    Raises:
        DataError: the first line of the file begins something else than JSON lines.
    """
    if block.number == 1:
        check_json_lines(block.lines)
    for number, line in enumerate(block.lines, start=block.number):
        if line.isspace():
            continue
        problem = row_problem(line.rstrip("\r\n"), max_bytes, block.encoding) if block.doubtful else None
        fields = problem or json_object(line)
        if isinstance(fields, str):
            yield TextRow(number, "{", {}, fields)
            continue
        try:
            sound, fields = _sound(line, fields)
        except RecursionError:
            yield TextRow(number, "{", {}, f"not JSON (nested too deeply); {_ALLOWED}")
            continue
        text = fields.get(text_column)
        if text is None or isinstance(text, str):
            problem = conflict(fields, added)
        else:
            problem = f"{text_column!r} is {type(text).__name__}; allowed: a string, or null"
        yield TextRow(number, open_object(sound, fields), fields, problem)


def check_json_lines(lines: Iterable[str]) -> None:
    """Check that a file with these first lines is not JSON of another layout.

    Raises:
        DataError: it begins with an array of objects, an object over several lines, or a comma behind an object.
    """
    first = next((line.strip() for line in lines if not line.isspace()), "")
    if found := _other_layout(first):
        raise DataError(
            f"the first line begins {found}; {_ALLOWED}, as jq writes them: "
            f"jq -c {'.[]' if first.startswith('[') else '.'} IN.json > OUT.jsonl"
        )


def _other_layout(first: str) -> str | None:
    if first == "{":
        return "an object that goes on in the next lines"
    if first.endswith(",") and isinstance(json_object(first[:-1]), dict):
        return "objects with commas between them"
    if not first.startswith("["):
        return None
    try:
        rows = json.loads(first)
    except (ValueError, RecursionError):
        begins_object = first[1:].lstrip().startswith("{")
        return "a JSON array" if begins_object or first == "[" else None
    return "a JSON array" if rows and all(isinstance(row, dict) for row in rows) else None


def json_object(line: str) -> dict[str, Any] | str:
    """The object of a line, or what is wrong with the line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error.msg if isinstance(error, json.JSONDecodeError) else error}); {_ALLOWED}"
    return row if isinstance(row, dict) else f"a JSON {type(row).__name__}, not an object; {_ALLOWED}"


def json_text(value: Any) -> str:
    """A value as JSON: NaN and infinities, which Python would write by their names, are null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False)


def _sound(line: str, fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A line and its object without what JSON or UTF-8 cannot hold."""
    if ("NaN" in line or "Infinity" in line) and (finite := _finite(fields)) != fields:
        line, fields = json.dumps(finite), finite
    return line, _encodable(fields) if _ESCAPED_SURROGATE.search(line) else fields


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    return _mapped(_finite, value)


def _encodable(value: Any) -> Any:
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else _mapped(_encodable, value)


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """A list or an object with the function applied to its values; any other value as it is."""
    if isinstance(value, dict):
        return {name: function(inner) for name, inner in value.items()}
    return [function(inner) for inner in value] if isinstance(value, list | tuple) else value


def open_object(line: str, fields: dict[str, Any]) -> str:
    """The object of a line as it is there but without its closing brace, ready for further fields."""
    return line[: line.rindex("}")].rstrip() + (", " if fields else "")


def json_field(name: str, value: str) -> str:
    """A field of an object; the value is JSON already."""
    return f"{encode_basestring(name)}: {value}"
