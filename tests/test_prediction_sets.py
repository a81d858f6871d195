"""Sets of labels: thresholds as the textbook has them, and the promise that they keep."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import beta

from emoscope.errors import DataError
from emoscope.prediction_sets import (
    PERCENTS,
    PredictionSets,
    coverage_spread,
    fit_prediction_sets,
    rows_needed,
    thresholds_of,
)

NAMES = ("a", "b", "c")


def drawn(rng, rows, shares=(0.6, 0.3, 0.1)):
    """Rows whose labels are drawn from their own probabilities, some labels rarer than others."""
    logits = rng.normal(size=(rows, 3)) * 1.5 + np.log(shares)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label_ids = (rng.random((rows, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return probabilities.astype(np.float32), label_ids


def textbook(probabilities, label_ids, percent, label):
    """Whether each row's set holds a label, from the scores 1 - p and their ceil((n + 1) c)-th smallest."""
    scores = sorted(1.0 - float(p) for p in probabilities[label_ids == label, label])
    rank = ceil((len(scores) + 1) * Fraction(percent, 100))
    quantile = scores[rank - 1] if rank <= len(scores) else np.inf
    return 1.0 - probabilities[:, label].astype(np.float64) <= quantile


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 120))
def test_sets_are_those_of_the_textbook(seed, rows):
    rng = np.random.default_rng(seed)
    probabilities, label_ids = drawn(rng, rows)
    label_ids[:3] = (0, 1, 2)
    fitted = fit_prediction_sets(probabilities, label_ids, NAMES)
    far = np.abs(probabilities[:, None] - probabilities[None]).min(
        initial=1, where=~np.eye(rows, dtype=bool)[..., None]
    )
    if far < 3e-6:
        return  # thresholds are rounded to six digits
    for percent in (50, 77, 90, 99):
        sets = fitted.sets(probabilities, percent / 100)
        for label in range(3):
            np.testing.assert_array_equal(sets[:, label], textbook(probabilities, label_ids, percent, label))


@pytest.mark.parametrize("percent", [60, 90, 97])
def test_the_promise_is_kept_for_each_label_in_the_mean_over_fits(percent):
    rng = np.random.default_rng(7)
    held, rows = np.zeros(3), np.zeros(3)
    for _ in range(400):
        probabilities, label_ids = drawn(rng, 400)
        thresholds = thresholds_of(probabilities[:200], label_ids[:200], percent)
        new, truth = probabilities[200:], label_ids[200:]
        holds = (new >= thresholds)[np.arange(200), truth]
        held += np.bincount(truth, holds, 3)
        rows += np.bincount(truth, minlength=3)
    coverage = held / rows
    assert (coverage > percent / 100 - 0.008).all()
    assert (coverage < percent / 100 + 1 / 10).all()
    assert coverage[0] < percent / 100 + 0.02  # with 120 rows little more than was asked


def test_more_coverage_never_takes_a_label_out():
    probabilities, label_ids = drawn(np.random.default_rng(1), 500)
    fitted = fit_prediction_sets(probabilities, label_ids, NAMES)
    rows = np.array([fitted.at(percent / 100) for percent in PERCENTS])
    assert (np.diff(rows, axis=0) <= 0).all()


def test_a_label_with_too_few_rows_is_in_every_set():
    probabilities = np.array([[0.9, 0.1]] * 9 + [[0.2, 0.8]] * 200, np.float32)
    fitted = fit_prediction_sets(probabilities, np.array([0] * 9 + [1] * 200), ("rare", "common"))
    assert fitted.at(0.9)[0] > 0 == fitted.at(0.91)[0]
    assert fitted.sets(np.array([[0.0, 1.0]]), 0.91).tolist() == [[True, True]]


@pytest.mark.parametrize("percent", PERCENTS)
def test_rows_needed_are_just_enough_to_leave_a_label_out(percent):
    needed = rows_needed(percent)
    probabilities = np.full((needed, 1), 0.5)
    assert thresholds_of(probabilities, np.zeros(needed, np.int64), percent) == (0.5,)
    assert thresholds_of(probabilities[1:], np.zeros(needed - 1, np.int64), percent) == (0.0,)


def test_a_set_may_be_empty():
    fitted = PredictionSets({90: (0.8, 0.7)})
    assert fitted.sets(np.array([[0.6, 0.4], [0.9, 0.1], [0.3, 0.7]], np.float32), 0.9).tolist() == [
        [False, False],
        [True, False],
        [False, False],  # 0.7 in float32 is less than 0.7
    ]


def test_between_two_coverages_the_higher_counts():
    fitted = PredictionSets({50: (0.9,), 90: (0.5,), 95: (0.3,)})
    assert [fitted.at(coverage) for coverage in (0.5, 0.501, 0.9, 0.29 + 0.61, 0.91, 0.95)] == [
        *((0.9,), (0.5,), (0.5,), (0.5,), (0.3,), (0.3,))
    ]


@pytest.mark.parametrize("coverage", [0.4, 0.499, 0.951, 1.0, 90, -1, float("nan"), float("inf")])
def test_other_coverages_are_refused_with_those_allowed(coverage):
    with pytest.raises(ValueError, match=r"coverage must be from 0\.5 to 0\.95, got"):
        PredictionSets({50: (0.9,), 95: (0.3,)}).at(coverage)


def test_a_label_without_rows_is_named():
    with pytest.raises(DataError, match="no row has the label b, c;"):
        fit_prediction_sets(np.full((4, 3), 1 / 3), np.zeros(4, np.int64), NAMES)


@given(hnp.arrays(np.float32, 30, elements=st.floats(0, 1, width=32)), st.sampled_from(PERCENTS))
def test_the_row_that_sets_the_threshold_is_in(scores, percent):
    (threshold,) = thresholds_of(scores[:, None], np.zeros(30, np.int64), percent)
    assert (scores >= threshold).mean() >= percent / 100


@pytest.mark.parametrize(("rows", "percent"), [(81, 90), (704, 95), (100, 99)])
def test_the_spread_is_that_of_the_beta_distribution(rows, percent):
    out = (rows + 1) * (100 - percent) // 100
    assert coverage_spread(rows, percent) == pytest.approx(beta(rows + 1 - out, out).std())


def test_a_label_that_is_always_in_has_no_spread():
    assert coverage_spread(20, 99) == 0.0
