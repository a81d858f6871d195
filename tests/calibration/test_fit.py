"""Fitted values against textbooks, exhaustive searches and simulations."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from emoscope.calibration.fit import (
    PERCENTS,
    conformal_thresholds,
    fit_neutral,
    fit_prediction_sets,
    fit_temperature,
    tune_thresholds,
)
from emoscope.errors import DataError
from emoscope.prediction import MIN_NEUTRAL
from emoscope.probabilities import probabilities

NAMES = ("a", "b", "c")


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_temperature_is_recovered_from_labels_drawn_with_it(true_temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40_000, 6)).astype(np.float32) * 3
    rows = probabilities(logits, true_temperature).astype(np.float64)
    label_ids = (rng.random((len(rows), 1)) > rows.cumsum(axis=1)).sum(axis=1).clip(0, 5)
    assert fit_temperature(logits, label_ids) == pytest.approx(true_temperature, rel=0.05)


def _best_threshold(column, truth):
    """The threshold with the best F1 among all probabilities that occur, nearest to 0.5."""
    if not truth.any():
        return 0.5
    scores = {
        float(candidate): f1_score(truth, column >= candidate, zero_division=0) for candidate in np.unique(column)
    }
    best = max(scores.values())
    return min((abs(c - 0.5), -c) for c, score in scores.items() if score == pytest.approx(best, abs=1e-12))[1] * -1


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 25), st.integers(1, 4))
def test_tuned_thresholds_equal_a_search_over_all_candidates(data, rows, labels):
    coarse = st.sampled_from([0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0])
    scores = data.draw(hnp.arrays(np.float32, (rows, labels), elements=coarse | st.floats(0, 1, width=32)))
    truth = data.draw(hnp.arrays(np.bool_, (rows, labels)))
    expected = [_best_threshold(scores[:, label], truth[:, label]) for label in range(labels)]
    assert tune_thresholds(scores, truth) == expected


def test_tuned_thresholds_separate_separable_rows():
    scores = np.array([[0.9, 0.2], [0.7, 0.1], [0.3, 0.05], [0.1, 0.3]], np.float32)
    truth = np.array([[1, 1], [1, 0], [0, 0], [0, 1]], np.bool_)
    thresholds = tune_thresholds(scores, truth)
    np.testing.assert_array_equal(scores >= thresholds, truth)
    assert thresholds == pytest.approx([0.7, 0.2])


def test_threshold_of_a_label_that_no_row_has_is_one_half():
    assert tune_thresholds(np.array([[0.1], [0.9]], np.float32), np.zeros((2, 1), np.bool_)) == [0.5]


def drawn(rng, rows, shares=(0.6, 0.3, 0.1)):
    """Rows whose labels are drawn from their own probabilities, some labels rarer than others."""
    logits = rng.normal(size=(rows, 3)) * 1.5 + np.log(shares)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label_ids = (rng.random((rows, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return probabilities.astype(np.float32), label_ids


def textbook(probabilities, label_ids, percent, label):
    """Whether the set of each row contains a label, from the scores 1 - p and their ceil((n + 1) c)-th smallest."""
    scores = sorted(1.0 - float(p) for p in probabilities[label_ids == label, label])
    rank = ceil((len(scores) + 1) * Fraction(percent, 100))
    quantile = scores[rank - 1] if rank <= len(scores) else np.inf
    return 1.0 - probabilities[:, label].astype(np.float64) <= quantile


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 120))
def test_prediction_sets_equal_the_textbook(seed, rows):
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
def test_mean_coverage_of_each_label_over_fits_is_the_nominal_one(percent):
    rng = np.random.default_rng(7)
    covered, rows = np.zeros(3), np.zeros(3)
    for _ in range(400):
        probabilities, label_ids = drawn(rng, 400)
        thresholds = conformal_thresholds(probabilities[:200], label_ids[:200], percent)
        new, truth = probabilities[200:], label_ids[200:]
        in_set = (new >= thresholds)[np.arange(200), truth]
        covered += np.bincount(truth, in_set, 3)
        rows += np.bincount(truth, minlength=3)
    coverage = covered / rows
    assert (coverage > percent / 100 - 0.008).all()
    assert (coverage < percent / 100 + 1 / 10).all()
    assert coverage[0] < percent / 100 + 0.02  # with 120 rows hardly more than nominal


def test_thresholds_fall_as_the_coverage_rises():
    probabilities, label_ids = drawn(np.random.default_rng(1), 500)
    fitted = fit_prediction_sets(probabilities, label_ids, NAMES)
    rows = np.array([fitted.at(percent / 100) for percent in PERCENTS])
    assert (np.diff(rows, axis=0) <= 0).all()


def test_a_label_with_too_few_rows_is_in_every_set():
    probabilities = np.array([[0.9, 0.1]] * 9 + [[0.2, 0.8]] * 200, np.float32)
    fitted = fit_prediction_sets(probabilities, np.array([0] * 9 + [1] * 200), ("rare", "common"))
    assert fitted.at(0.9)[0] > 0 == fitted.at(0.91)[0]
    assert fitted.sets(np.array([[0.0, 1.0]]), 0.91).tolist() == [[True, True]]


def test_a_label_without_rows_is_an_error_that_names_it():
    with pytest.raises(DataError, match="no row has the label b, c;"):
        fit_prediction_sets(np.full((4, 3), 1 / 3), np.zeros(4, np.int64), NAMES)


@given(hnp.arrays(np.float32, 30, elements=st.floats(0, 1, width=32)), st.sampled_from(PERCENTS))
def test_the_row_of_the_threshold_is_in_the_set(scores, percent):
    (threshold,) = conformal_thresholds(scores[:, None], np.zeros(30, np.int64), percent)
    assert (scores >= threshold).mean() >= percent / 100


def test_the_fit_of_neutral_is_that_of_a_logistic_regression():
    rng = np.random.default_rng(0)
    neutral = rng.random(900) < 0.2
    odds = rng.normal(size=900) + np.where(neutral, 1.0, -1.5)
    fitted = fit_neutral(odds, neutral)
    reference = LogisticRegression(C=1e9, class_weight="balanced", tol=1e-10).fit(odds[:, None], neutral)
    assert fitted.scale == pytest.approx(reference.coef_[0, 0], rel=0.05)
    assert fitted.bias == pytest.approx(reference.intercept_[0], abs=0.1)


def test_separable_texts_are_separated():
    odds = np.array([3.0, 4.0, 2.5, -1.0, -2.0])
    neutral = np.array([True, True, True, False, False])
    fitted = fit_neutral(odds, neutral)
    assert np.isfinite([fitted.scale, fitted.bias]).all()
    assert (fitted.probability(odds) >= MIN_NEUTRAL).tolist() == neutral.tolist()
