"""Which rows a fix drops or edits: no errors are left, and the other rows stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.made_rows import LABELS
from emoscope.audit import audit, plan_fix
from emoscope.data import Examples
from emoscope.errors import DataError

ROWS = st.lists(
    st.tuples(st.sampled_from(["a", " a", "a &amp; b", "a &#38;amp; b", "a & b", "c", "&nbsp;"]), st.integers(0, 1))
)


def examples(pairs: list[tuple[str, int]], split: str) -> Examples:
    return Examples([text for text, _ in pairs], np.array([i for _, i in pairs]), LABELS, "made", split)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_no_errors_are_left(train: list[tuple[str, int]], test: list[tuple[str, int]]) -> None:
    train, test = [*train, ("stays in train", 0)], [*test, ("stays in test", 1)]
    splits = {"train": examples(train, "train"), "test": examples(test, "test")}
    changes = {(change.row.split, change.row.number): change.new_text for change in plan_fix(splits)}
    fixed = {}
    for split, pairs in (("train", train), ("test", test)):
        texts = [(changes.get((split, n), text), i) for n, (text, i) in enumerate(pairs, 1)]
        fixed[split] = [(text, i) for text, i in texts if text is not None]
    texts = [text for part in fixed.values() for text, _ in part]
    assert len(set(texts)) == len(texts) and all(text.strip() for text in texts)
    fixed_splits = {split: examples(pairs, split) for split, pairs in fixed.items()}
    found = audit(fixed_splits)
    assert {issue.kind for issue in found.issues if issue.certain} <= {"missing label"}
    assert plan_fix(fixed_splits) == []


def test_each_dropped_row_has_a_reason() -> None:
    train = [("twice", 0), ("twice", 0), ("torn", 0), ("torn", 1), ("most", 0), ("most", 1), ("most", 1), ("leak", 0)]
    changes = plan_fix({"train": examples(train, "train"), "test": examples([("leak", 1)], "test")})
    assert [(change.row.split, change.row.number, change.reason) for change in changes] == [
        ("train", 2, "repeats row 1"),
        ("train", 3, "the same text has the labels calm, cross, equally often"),
        ("train", 4, "the same text has the labels calm, cross, equally often"),
        ("train", 5, "repeats row 6, which is cross"),
        ("train", 7, "repeats row 6"),
        ("train", 8, "also in test, as cross"),
    ]


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("tom &amp; jerry", "tom & jerry"),
        ("tom &amp;amp; jerry", "tom & jerry"),
        ("1 &amp;lt; 2,&amp;nbsp; &#38;#233;", "1 < 2, é"),
        ("a &nosuchentity; b", "a &nosuchentity; b"),
    ],
)
def test_entities_are_decoded_however_often_they_were_escaped(text: str, fixed: str) -> None:
    assert [change.new_text for change in plan_fix({"all": examples([(text, 0)], "all")})] == [fixed] * (text != fixed)


@pytest.mark.parametrize(
    ("text", "fixed", "reason"),
    [
        ("isn\x92t it\x85", "isn’t it…", "broken encoding"),
        ("isnâ€™t Ã¢â‚¬Å“itÃ¢â‚¬\x9d", "isn’t “it”", "broken encoding"),
        (r"isn\u2019t\nit", "isn’t it", "escaped character"),
        (r"isn\x27t", "isn't", "escaped character"),
        ("isn&rsquo;t  it", "isn’t it", "HTML entity"),
        ("is n't it", "is n't it", ""),
        ("isn\ufffdt it", "isn\ufffdt it", ""),
    ],
)
def test_wrong_encodings_are_decoded(text: str, fixed: str, reason: str) -> None:
    changes = [(change.new_text, change.reason) for change in plan_fix({"all": examples([(text, 0)], "all")})]
    assert changes == [(fixed, reason)] * (text != fixed)


def test_a_split_without_any_rows_left_is_an_error() -> None:
    train = examples([("two", 1), ("one", 0)], "train")
    test = examples([("two", 1), ("one", 0), ("three", 1)], "test")
    message = (
        "the fixed copy would have no rows in train: all 2 would be dropped, 2 of them with the reason 'also in test'; "
        "read the audit, then split the rows again or remove that split"
    )
    with pytest.raises(DataError) as error:
        plan_fix({"train": train, "test": test})
    assert str(error.value) == message
