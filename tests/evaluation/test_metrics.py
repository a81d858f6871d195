"""Metrics equal scikit-learn's; calibration equals a plain loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from emoscope.evaluation import metrics

AVERAGES = ("macro", "micro", "weighted")


@st.composite
def pairs(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Truth, predictions and number of labels; some labels may never occur in either."""
    labels = draw(st.integers(2, 7))
    ids = st.integers(0, labels - 1)
    rows = draw(st.lists(st.tuples(ids, ids), min_size=1, max_size=40))
    truth, predicted = np.array(rows, np.int64).T
    return truth, predicted, labels


@st.composite
def scored(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Probabilities that sum to 1, and truth; sure, unsure and tied rows among them."""
    labels, rows = draw(st.integers(2, 6)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=(rows, labels)) * draw(st.sampled_from((0.0, 0.5, 3.0, 200.0)))
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    return (exponentials / exponentials.sum(1, keepdims=True)).astype(dtype), rng.integers(labels, size=rows)


@given(pairs())
def test_confusion_matrix_equals_scikit_learns(
    case: tuple[NDArray[np.int64], NDArray[np.int64], int],
) -> None:
    truth, predicted, labels = case
    expected = sklearn_metrics.confusion_matrix(truth, predicted, labels=range(labels))
    np.testing.assert_array_equal(metrics.confusion_matrix(truth, predicted, labels), expected)


COARSE = st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(COARSE, COARSE)
def test_auroc_equals_scikit_learns(positive: list[float], negative: list[float]) -> None:
    truth = [1] * len(positive) + [0] * len(negative)
    expected = sklearn_metrics.roc_auc_score(truth, positive + negative)
    assert metrics.auroc(np.array(positive), np.array(negative)) == pytest.approx(expected)


@given(pairs())
@settings(deadline=None)
def test_averages_equal_scikit_learns(case: tuple[NDArray[np.int64], NDArray[np.int64], int]) -> None:
    truth, predicted, labels = case
    expected = {"accuracy": sklearn_metrics.accuracy_score(truth, predicted)}
    for average in AVERAGES:
        scores = sklearn_metrics.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        expected |= {
            f"{name}_{average}": score for name, score in zip(("precision", "recall", "f1"), scores[:3], strict=True)
        }
    assert metrics.averages(metrics.confusion_matrix(truth, predicted, labels)) == pytest.approx(expected)


@given(pairs())
def test_scores_of_each_label_equal_scikit_learns(
    case: tuple[NDArray[np.int64], NDArray[np.int64], int],
) -> None:
    truth, predicted, labels = case
    expected = sklearn_metrics.precision_recall_fscore_support(truth, predicted, labels=range(labels), zero_division=0)
    rows = metrics.per_label(metrics.confusion_matrix(truth, predicted, labels))
    got = np.array([(row.precision, row.recall, row.f1, row.support) for row in rows]).T
    np.testing.assert_allclose(got, expected)


def test_a_label_never_predicted_scores_zero_and_counts_in_the_macro_average() -> None:
    confusion = metrics.confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]), 3)
    assert metrics.per_label(confusion)[1] == metrics.LabelMetrics(0.0, 0.0, 0.0, 2)
    assert metrics.averages(confusion)["f1_macro"] == pytest.approx((2 / 3 + 0) / 2)


def test_metrics_of_a_stack_equal_those_of_each_matrix() -> None:
    stack = np.random.default_rng(0).integers(0, 9, size=(5, 4, 4))
    stack[:, 2] = 0
    for name, scores in metrics.label_scores(stack).items():
        of_matrix = [metrics.label_scores(matrix)[name] for matrix in stack]
        np.testing.assert_array_equal(scores, of_matrix)
        for average in (metrics.macro, metrics.weighted):
            expected = [average(score, matrix) for score, matrix in zip(of_matrix, stack, strict=True)]
            np.testing.assert_allclose(average(scores, stack), expected)


@given(scored())
@settings(deadline=None)
def test_log_loss_equals_scikit_learns(case: tuple[NDArray[Any], NDArray[np.int64]]) -> None:
    probabilities, truth = case
    expected = sklearn_metrics.log_loss(truth, probabilities, labels=range(probabilities.shape[1]))
    assert metrics.log_loss(probabilities, truth) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_log_loss_of_a_confident_error_is_finite() -> None:
    sure = np.array([[1.0, 0.0]], np.float32)
    assert metrics.log_loss(sure, np.array([1])) == pytest.approx(-np.log(np.finfo(np.float32).eps))


def _naive_calibration_error(probabilities: NDArray[Any], truth: NDArray[np.int64], bins: int) -> float:
    total = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        rows = [i for i, row in enumerate(probabilities) if low < float(max(row)) <= high]
        if rows:
            accuracy = np.mean([probabilities[i].argmax() == truth[i] for i in rows])
            confidence = np.mean([float(max(probabilities[i])) for i in rows])
            total += len(rows) / len(truth) * abs(accuracy - confidence)
    return total


@given(scored(), st.integers(1, 20))
@settings(deadline=None)
def test_calibration_error_equals_a_plain_loop(case: tuple[NDArray[Any], NDArray[np.int64]], bins: int) -> None:
    probabilities, truth = case
    expected = _naive_calibration_error(probabilities, truth, bins)
    got = metrics.expected_calibration_error(probabilities, truth, bins)
    assert got == pytest.approx(expected, abs=1e-9)


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.8, 0.2], [0.8, 0.2], [0.45, 0.55], [0.0, 1.0]])
    truth = np.array([0, 1, 1, 1])
    expected = (2 * abs(0.5 - 0.8) + abs(1 - 0.55) + 0) / 4
    assert metrics.expected_calibration_error(probabilities, truth) == pytest.approx(expected)


def test_reliability_bins_are_open_below_and_closed_above() -> None:
    probabilities = np.array([[0.5, 0.5], [0.5000001, 0.4999999], [1.0, 0.0]])
    got = metrics.reliability(probabilities, np.array([0, 1, 0]), bins=2)
    assert [(group.lower, group.upper, group.rows) for group in got] == [(0.0, 0.5, 1), (0.5, 1.0, 2)]
    assert [group.accuracy for group in got] == [1.0, 0.5]
    assert got[1].confidence == pytest.approx(0.75, abs=1e-6)


@given(scored())
def test_every_row_is_in_one_reliability_bin(case: tuple[NDArray[Any], NDArray[np.int64]]) -> None:
    probabilities, truth = case
    groups = metrics.reliability(probabilities, truth)
    assert sum(group.rows for group in groups) == len(truth)
    correct = sum(group.rows * group.accuracy for group in groups)
    assert correct == pytest.approx((probabilities.argmax(1) == truth).sum())


# Any number of labels a row

SHAPES = st.tuples(st.integers(1, 30), st.integers(2, 6))


@st.composite
def indicators(draw: st.DrawFn) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Truth and what was given; some labels and rows may be empty in either."""
    shape = draw(SHAPES)
    truth, given = (draw(hnp.arrays(np.bool_, shape)) for _ in range(2))
    return truth, given


@given(indicators())
@settings(deadline=None)
def test_multi_label_averages_equal_scikit_learns(case: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> None:
    truth, predicted = case
    expected = {"accuracy": sklearn_metrics.accuracy_score(truth, predicted)}
    for average in AVERAGES:
        scores = sklearn_metrics.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        expected |= {
            f"{name}_{average}": score for name, score in zip(("precision", "recall", "f1"), scores[:3], strict=True)
        }
    assert metrics.averages(metrics.indicator_counts(truth, predicted)) == pytest.approx(expected)


@given(indicators())
@settings(deadline=None)
def test_multi_label_scores_of_each_label_equal_scikit_learns(
    case: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> None:
    truth, predicted = case
    expected = sklearn_metrics.precision_recall_fscore_support(truth, predicted, zero_division=0)
    rows = metrics.per_label(metrics.indicator_counts(truth, predicted))
    got = np.array([(row.precision, row.recall, row.f1, row.support) for row in rows]).T
    np.testing.assert_allclose(got, expected)


@given(pairs())
def test_confusion_and_indicator_counts_agree_on_single_label_rows(
    case: tuple[NDArray[np.int64], NDArray[np.int64], int],
) -> None:
    truth, predicted, labels = case
    one = metrics.confusion_counts(metrics.confusion_matrix(truth, predicted, labels))
    other = metrics.indicator_counts(np.eye(labels, dtype=bool)[truth], np.eye(labels, dtype=bool)[predicted])
    for name in ("correct", "predicted", "support", "exact", "rows"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@given(indicators(), st.integers(0, 99))
@settings(deadline=None)
def test_multi_label_loss_and_calibration_equal_those_of_the_entries(
    case: tuple[NDArray[np.bool_], NDArray[np.bool_]], seed: int
) -> None:
    truth, _ = case
    probabilities = np.random.default_rng(seed).random(truth.shape)
    entries = np.column_stack((1 - probabilities.ravel(), probabilities.ravel()))
    expected = sklearn_metrics.log_loss(truth.ravel(), entries, labels=[False, True])
    assert metrics.log_loss(probabilities, truth) == pytest.approx(expected)
    assert metrics.row_losses(probabilities, truth).shape == (len(truth),)
    index = np.minimum((probabilities * 15).astype(int), 14).ravel()
    distances = [abs((truth.ravel()[index == b] - probabilities.ravel()[index == b]).sum()) for b in range(15)]
    got = metrics.expected_calibration_error(probabilities, truth)
    assert got == pytest.approx(sum(distances) / truth.size, abs=1e-9)
