from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.folds import assign_folds, distinct_texts, held_out_rows


@given(st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=60), st.integers(0, 99), st.integers(2, 4))
def test_folds_are_balanced_and_equal_texts_share_one(texts, seed, folds):
    assigned = assign_folds(texts, folds, seed=seed).tolist()
    fold_of = dict(zip(texts, assigned, strict=True))
    assert assigned == [fold_of[text] for text in texts]
    sizes = Counter(fold_of.values())
    assert set(sizes) == set(range(min(folds, len(set(texts)))))
    assert max(sizes.values()) - min(sizes[fold] for fold in range(folds)) <= 1
    assert assigned == assign_folds(texts, folds, seed=seed).tolist()


@given(
    st.lists(st.tuples(st.sampled_from(["a", "A", "b", "c!", "c", "d", "e", "f", "g"]), st.integers(0, 2)), min_size=1)
)
def test_texts_equal_in_plain_form_share_a_fold_whatever_their_labels(rows):
    texts, label_ids = [text for text, _ in rows], np.array([label_id for _, label_id in rows])
    folds = assign_folds(texts, 3, label_ids=label_ids)
    plain = [text.lower().strip("!") for text in texts]
    assert len(set(zip(plain, folds.tolist(), strict=True))) == len(set(plain)) == distinct_texts(texts)
    assert set(folds.tolist()) <= {0, 1, 2}


def test_another_seed_gives_other_folds():
    texts = [form for word in "abcdefgh" for form in (f"I'm {word}!", f"im {word}")]
    for seed in range(5):
        assigned = assign_folds(texts, 4, seed=seed)
        assert (assigned[::2] == assigned[1::2]).all()
    assert assign_folds(texts, 4, seed=0).tolist() != assign_folds(texts, 4, seed=1).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_stratified_folds_have_every_label(seed):
    label_ids = np.array([0] * 100 + [1] * 5)
    folds = assign_folds([f"text {number}" for number in range(105)], 5, seed=seed, label_ids=label_ids)
    assert set(folds[label_ids == 1].tolist()) == set(range(5))
    assert np.bincount(folds).tolist() == [21] * 5


def test_held_out_rows_are_stratified_and_equal_texts_stay_together() -> None:
    texts = [f"row {i % 90}" for i in range(100)]  # the last ten repeat the first ten
    label_ids = np.array([i % 3 == 0 for i in range(90)] + [False] * 10, np.int64)
    held_out = held_out_rows(texts, 0.2, seed=3, label_ids=label_ids)
    assert held_out[:10].tolist() == held_out[90:].tolist()
    assert held_out[:90].sum() == 18
    assert [(label_ids[:90] == label)[held_out[:90]].sum() for label in (0, 1)] == [12, 6]
    assert held_out.tolist() == held_out_rows(texts, 0.2, seed=3, label_ids=label_ids).tolist()
    assert held_out.tolist() != held_out_rows(texts, 0.2, seed=4, label_ids=label_ids).tolist()
