"""Rows of JSON lines, ready for further fields."""

from __future__ import annotations

import json

import pytest

from emoscope.rows.json_rows import json_field, json_rows
from emoscope.rows.lines import LineDecoder, TextRow


def rows_of(content: bytes) -> list[TextRow]:
    return list(json_rows(LineDecoder(100).feed(content, final=True), "text", ("joy",), 100))


def test_fields_are_added_to_an_object_as_it_is() -> None:
    rows = rows_of(b'{"text": "a", "n":1e2 } \n\n  {}\n')
    assert [(row.line, row.problem) for row in rows] == [(1, None), (3, None)]
    extended = [f"{row.raw}{json_field('é', '0.5')}}}" for row in rows]
    assert extended == ['{"text": "a", "n":1e2, "é": 0.5}', '  {"é": 0.5}']
    assert [json.loads(line)["é"] for line in extended] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"[1]", "a JSON list, not an object; allowed: one JSON object a line"),
        (b"no", "not JSON (Expecting value); allowed: one JSON object a line"),
        (b"[" * 99, "not JSON"),
        (b'{"text": 5}', "'text' is int; allowed: a string, or null"),
        (b'{"joy": 1}', "there is a column 'joy' already; rename it, or choose the columns to add"),
        (b'{"text": "\xff"}', "the byte 0xff is not valid UTF-8"),
        (b'{"text": "' + b"x" * 100 + b'"}', "the row is longer than 100 bytes"),
    ],
)
def test_problems_of_lines(line: bytes, problem: str) -> None:
    (row,) = rows_of(line)
    assert (row.problem or "").startswith(problem)


@pytest.mark.parametrize("line", [b'{"text": null}', b"{}", b'{"text": ""}'])
def test_text_may_be_null_missing_or_empty(line: bytes) -> None:
    (row,) = rows_of(line)
    assert row.problem is None and not row.values.get("text")
