"""Rows of JSON lines, ready for further fields."""

from __future__ import annotations

import json

import pytest

from emoscope.errors import DataError
from emoscope.rows.json_rows import check_json_lines, json_field, json_rows, json_text
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


@pytest.mark.parametrize(
    ("first", "found"),
    [
        ('[{"text": "a"}, {"text": "b"}]', "a JSON array"),
        ('[{"text": "a"},', "a JSON array"),
        ("[", "a JSON array"),
        ("{", "an object that goes on in the next lines"),
        ('{"text": "a"},', "objects with commas between them"),
    ],
)
def test_json_of_another_layout_is_an_error(first: str, found: str) -> None:
    lines = ["  \n", f" {first}\n", '{"text": "c"}\n']
    with pytest.raises(DataError, match=f"^the first line begins {found}; allowed: one JSON object a line"):
        check_json_lines(lines)
    with pytest.raises(DataError, match="the first line begins"):
        rows_of("".join(lines).encode())


@pytest.mark.parametrize("first", ["", "[1]", "[]", '["text"]', '{"text": "a', "no", "a,b,", '"x",', "[1,"])
def test_another_broken_first_line_is_a_rejected_row(first: str) -> None:
    check_json_lines([f"{first}\n", '{"text": "c"}\n'])
    assert [row.problem is None for row in rows_of(f'{first}\n{{"text": "c"}}\n'.encode())][-1]


def test_lone_surrogates_are_replaced_and_stay_in_the_raw_row() -> None:
    line = rb'{"text": "so \ud83d", "a": ["\udc00 \ud83d\ude00"]}'
    (row,) = rows_of(line)
    assert (row.problem, row.values) == (None, {"text": "so \ufffd", "a": ["\ufffd 😀"]})
    assert row.raw == line.decode()[:-1] + ", "


def test_numbers_that_json_does_not_have_are_null() -> None:
    (row,) = rows_of(b'{"text": "NaN", "a": NaN, "b": [Infinity, {"c": -Infinity}], "d": 1.50}')
    assert row.problem is None and row.values["text"] == "NaN"
    assert json.loads(row.raw[:-2] + "}", parse_constant=pytest.fail) == {
        "text": "NaN",
        "a": None,
        "b": [None, {"c": None}],
        "d": 1.5,
    }
    (same,) = rows_of(b'{"text": "NaN", "a":1e2}')
    assert same.raw == '{"text": "NaN", "a":1e2, '


def test_json_text_is_json() -> None:
    values = {"a": float("nan"), "b": [float("inf"), 1.5, None, "é"], "c": {"d": -float("inf")}}
    assert json_text(values) == '{"a": null, "b": [null, 1.5, null, "é"], "c": {"d": null}}'
