import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import f1_score

from emoscope.probabilities import fit_temperature, probabilities, tune_thresholds

LOGITS = hnp.arrays(np.float32, (5, 6), elements=st.floats(-60, 60, width=32))


@given(LOGITS, st.floats(0.1, 10))
def test_rows_are_distributions_and_keep_their_order(logits, temperature):
    rows = probabilities(logits, temperature)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    top = rows[np.arange(5), logits.argmax(axis=1)]
    np.testing.assert_array_equal(top, rows.max(axis=1))


@given(LOGITS)
def test_multi_label_is_the_sigmoid_of_each_entry(logits):
    rows = probabilities(logits, multi_label=True)
    np.testing.assert_allclose(rows, 1 / (1 + np.exp(-logits.astype(np.float64))), atol=1e-6)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_temperature_is_recovered_from_labels_drawn_with_it(true_temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40_000, 6)).astype(np.float32) * 3
    rows = probabilities(logits, true_temperature).astype(np.float64)
    label_ids = (rng.random((len(rows), 1)) > rows.cumsum(axis=1)).sum(axis=1).clip(0, 5)
    assert fit_temperature(logits, label_ids) == pytest.approx(true_temperature, rel=0.05)


def _best_threshold(column, truth):
    """By trying every probability that occurs."""
    if not truth.any():
        return 0.5
    scores = {
        float(candidate): f1_score(truth, column >= candidate, zero_division=0) for candidate in np.unique(column)
    }
    best = max(scores.values())
    return min((abs(c - 0.5), -c) for c, score in scores.items() if score == pytest.approx(best, abs=1e-12))[1] * -1


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 25), st.integers(1, 4))
def test_thresholds_are_those_that_a_search_over_all_candidates_finds(data, rows, labels):
    coarse = st.sampled_from([0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0])
    scores = data.draw(hnp.arrays(np.float32, (rows, labels), elements=coarse | st.floats(0, 1, width=32)))
    truth = data.draw(hnp.arrays(np.bool_, (rows, labels)))
    expected = [_best_threshold(scores[:, label], truth[:, label]) for label in range(labels)]
    assert tune_thresholds(scores, truth) == expected


def test_thresholds_separate_what_can_be_separated():
    scores = np.array([[0.9, 0.2], [0.7, 0.1], [0.3, 0.05], [0.1, 0.3]], np.float32)
    truth = np.array([[1, 1], [1, 0], [0, 0], [0, 1]], np.bool_)
    thresholds = tune_thresholds(scores, truth)
    np.testing.assert_array_equal(scores >= thresholds, truth)
    assert thresholds == pytest.approx([0.7, 0.2])


def test_a_label_that_no_row_has_keeps_one_half():
    assert tune_thresholds(np.array([[0.1], [0.9]], np.float32), np.zeros((2, 1), np.bool_)) == [0.5]
