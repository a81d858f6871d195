"""What callers pass as texts: any column of strings is read, and everything else is an error that says what to pass."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from emoscope.inputs import as_texts, is_missing

TEXTS = ["i feel happy", "i feel sad"]


def columns() -> dict[str, Any]:
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    return {
        "tuple": tuple(TEXTS),
        "iterator": iter(TEXTS),
        "values of a dict": dict(enumerate(TEXTS)).values(),
        "pipeline": [{"text": text, "text_pair": None} for text in TEXTS],
        "mixed": [TEXTS[0], {"text": TEXTS[1]}],
        "numpy": np.array(TEXTS),
        "numpy objects": np.array(TEXTS, object),
        "pandas": pd.Series(TEXTS, index=[5, 7]),
        "pandas objects": pd.Series(TEXTS, dtype=object),
        "pandas category": pd.Series(TEXTS, dtype="category"),
        "pandas index": pd.Index(TEXTS),
        "Polars": pl.Series(TEXTS),
        "Arrow": pa.array(TEXTS),
        "Arrow chunks": pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
        "Arrow dictionary": pa.array(TEXTS).dictionary_encode(),
        "Arrow view": pa.array(TEXTS, pa.string_view()),
    }


def test_columns_of_texts_are_read() -> None:
    assert {name: list(as_texts(column)) for name, column in columns().items()} == dict.fromkeys(columns(), TEXTS)


def test_a_list_is_not_copied() -> None:
    assert as_texts(TEXTS) is TEXTS


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("text", "got a single str; write predict([text])"),
        (b"text", "got bytes; decode it: predict([texts.decode()])"),
        (memoryview(b"text"), "got memoryview; decode it"),
        ({"text": "a"}, 'got dict; pass its texts, such as [row["text"]]'),
        ({"a", "b"}, "texts must be in an order, got a set; pass a list, such as sorted(texts)"),
        (frozenset("ab"), "texts must be in an order, got a frozenset"),
        (None, "got NoneType; pass a list of str"),
        (3, "got int; pass a list of str"),
        (np.array("text"), "got ndarray; pass a list of str"),
        (["a", b"b"], "texts[1] must be a str, got bytes: b'b'; decode it first"),
        (["a", ["b"]], "texts[1] must be a str, got list: ['b']"),
        (np.array([["a"]]), "texts[0] must be a str, got ndarray"),
        ([{"text": "a", "label": 1}], "texts[0] is {'text': 'a', 'label': 1}; allowed: a str, or {\"text\": str}"),
        ([{"text": None}], "texts[0] is {'text': None}; allowed"),
        ([{"text": "a", "text_pair": "b"}], "texts[0] has a text_pair, but the model reads single texts"),
    ],
)
def test_anything_else_is_an_error_that_says_what_to_pass(inputs: Any, message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        as_texts(inputs)


def test_tables_are_errors() -> None:
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    rows = {"text": TEXTS}
    table = pa.table(rows)
    for inputs in (pd.DataFrame(rows), pl.DataFrame(rows), pl.DataFrame(rows).lazy(), table, table.to_batches()[0]):
        with pytest.raises(TypeError, match=r'a \w+; pass its column of texts, such as df\["text"\]'):
            as_texts(inputs)


def test_a_missing_value_is_an_error_that_names_the_first() -> None:
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    missing = ["a", None, "b", None, None]
    for inputs in (
        missing,
        pd.Series(missing),
        pd.Series(missing, dtype="string"),
        pl.Series(missing),
        pa.array(missing),
    ):
        with pytest.raises(TypeError, match=r"texts\[1\] is missing \(.*\), and 2 more; leave these rows out"):
            as_texts(inputs)
    assert all(map(is_missing, [None, float("nan"), np.float64("nan"), pd.NA, pd.NaT]))
    assert not any(map(is_missing, ["", 0, 0.0, "nan", [], ()]))


def test_positions_of_a_stream_go_on() -> None:
    with pytest.raises(TypeError, match=r"texts\[7\] must be a str"):
        as_texts(["a", 1], first=6)
