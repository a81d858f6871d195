"""Rows of JSON lines: one object a line, kept as it is so that fields can be added to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from emoscope.rows.columns import AddedColumns
from emoscope.rows.lines import Block, row_problem

_ALLOWED = "allowed: one JSON object a line"


class JsonRow(NamedTuple):
    """An object of a line, or why there is none.

    Attributes:
        line: number of the line, from 1.
        open: the object as it is in the file but without its closing brace, ready for further fields; "{" if the line
            is not an object.
        fields: its fields; none if the line is not an object.
        problem: why the row cannot be used; None if it can.
    """

    line: int
    open: str
    fields: dict[str, Any]
    problem: str | None


class JsonRows:
    """Reads objects from blocks of lines; blank lines are skipped.

    Attributes:
        line: number of the next line, from 1.
    """

    def __init__(self, text_column: str, added: AddedColumns, max_bytes: int) -> None:
        """Nothing is read yet.

        Args:
            text_column: field of the texts: a string, null or missing.
            added: fields that will be added: an object must not have them.
            max_bytes: length of the longest line.
        """
        self.line = 1
        self._text_column, self._added, self._max_bytes = text_column, added, max_bytes

    def rows(self, block: Block) -> Iterator[JsonRow]:
        """The rows of further lines."""
        for line in block.lines:
            number, self.line = self.line, self.line + 1
            if not line.isspace():
                problem = row_problem(line.rstrip("\r\n"), self._max_bytes) if block.doubtful else None
                yield self._row(number, line, problem)

    def _row(self, number: int, line: str, problem: str | None) -> JsonRow:
        fields = problem or json_object(line)
        if isinstance(fields, str):
            return JsonRow(number, "{", {}, fields)
        text = fields.get(self._text_column)
        if text is not None and not isinstance(text, str):
            problem = f"{self._text_column!r} is {type(text).__name__}; allowed: a string, or null"
        return JsonRow(number, open_object(line, fields), fields, problem or self._added.conflict(fields))


def json_object(line: str) -> dict[str, Any] | str:
    """The object of a line, or what is wrong with the line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error.msg if isinstance(error, json.JSONDecodeError) else error}); {_ALLOWED}"
    return row if isinstance(row, dict) else f"a JSON {type(row).__name__}, not an object; {_ALLOWED}"


def open_object(line: str, fields: dict[str, Any]) -> str:
    """The object of a line as it is there but without its closing brace, ready for further fields."""
    return line[: line.rindex("}")].rstrip() + (", " if fields else "")


def json_field(name: str, value: str) -> str:
    """A field of an object; the value is JSON already."""
    return f"{encode_basestring(name)}: {value}"
