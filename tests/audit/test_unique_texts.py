"""Folds and places of rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.audit.unique_texts import deal_folds


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "A", "b", "c!", "c", "d", "e", "f", "g"]), st.integers(0, 2)), min_size=1)
)
def test_equal_texts_share_a_fold(pairs: list[tuple[str, int]]) -> None:
    texts, ids = [text for text, _ in pairs], np.array([label_id for _, label_id in pairs])
    folds = deal_folds(texts, ids, 3)
    plain = [text.lower().strip("!") for text in texts]
    assert len(set(zip(plain, folds.tolist(), strict=True))) == len(set(plain))
    assert set(folds.tolist()) <= {0, 1, 2}


def test_each_label_is_in_every_fold() -> None:
    ids = np.array([0] * 100 + [1] * 5)
    folds = deal_folds([f"text {number}" for number in range(105)], ids, 5)
    assert set(folds[ids == 1].tolist()) == set(range(5))
