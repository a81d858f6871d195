"""Fit what a calibrated model needs, from its probabilities on held-out rows: arrays in, values out.

Knows no text, no model and no folder. Held-out rows are rows that the model was not trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError
from emoscope.neutral import Neutral
from emoscope.prediction_sets import PredictionSets

PERCENTS = range(50, 100)
"""Coverages, in percent, for which prediction sets are fitted."""
DIGITS = 6
"""Decimal places kept of a fitted threshold."""
NEWTON_STEPS = 50
MIN_CURVATURE = 1e-3
"""Bounds the steps of Newton's method where a text's probability is almost 0 or 1."""


def fit_temperature(logits: NDArray[np.float32], label_ids: NDArray[np.int64]) -> float:
    """Temperature with the lowest negative log-likelihood on held-out rows.

    The loss is convex in 1/T (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).

    Args:
        logits: float32 (rows, labels).
        label_ids: int64 (rows,), the true labels.

    Returns:
        The temperature, from 1/20 to 20.
    """
    rows = np.arange(len(label_ids))
    wide = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        peak = scaled.max(axis=1)
        total = peak + np.log(np.exp(scaled - peak[:, None]).sum(axis=1))
        return float(np.mean(total - scaled[rows, label_ids]))

    return _best_temperature(loss)


def fit_multi_label_temperature(logits: NDArray[np.float32], indicators: NDArray[np.bool_]) -> float:
    """Temperature with the lowest binary cross-entropy over all labels of held-out rows, which is convex in 1/T.

    Args:
        logits: float32 (rows, labels), before the sigmoid.
        indicators: bool (rows, labels), true where a row has a label.

    Returns:
        The temperature, from 1/20 to 20.
    """
    wide = logits.astype(np.float64)
    of_true_labels = float(np.mean(wide * indicators))

    def loss(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        softplus = np.maximum(scaled, 0.0) + np.log1p(np.exp(-np.abs(scaled)))
        return float(np.mean(softplus)) - of_true_labels / math.exp(log_temperature)

    return _best_temperature(loss)


def _best_temperature(loss: Callable[[float], float]) -> float:
    """Temperature in [1/20, 20] with the lowest loss, by golden-section search over log T to 1e-4.

    Args:
        loss: loss at the natural logarithm of a temperature; it falls up to its minimum and rises from there on.
    """
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    low, high = -np.log(20.0), np.log(20.0)
    while high - low > 1e-4:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2.0))


def tune_thresholds(probabilities: NDArray[np.float32], indicators: NDArray[np.bool_]) -> list[float]:
    """Threshold of each label with the highest F1 on held-out rows; a label applies at or above its threshold.

    The candidates are the probabilities that occur. With the rows sorted by descending probability, the k-th candidate
    assigns the label to the first k rows, so one cumulative sum gives the counts of all candidates. Among candidates
    with the same F1 the one nearest 0.5 wins, and the higher of two equally near.

    Args:
        probabilities: float32 (rows, labels), at least one row.
        indicators: bool (rows, labels), true where a row has a label.

    Returns:
        One threshold for each label; 0.5 for a label that no row has.
    """
    order = np.argsort(-probabilities, axis=0, kind="stable")
    candidates = np.take_along_axis(probabilities, order, axis=0).astype(np.float64)
    correct = np.take_along_axis(indicators, order, axis=0).astype(np.int64).cumsum(axis=0)
    predicted = np.arange(1, len(candidates) + 1)[:, None]
    f1 = 2 * correct / (predicted + correct[-1])
    f1[:-1][candidates[:-1] == candidates[1:]] = -1.0
    distance = np.where(f1 == f1.max(axis=0), np.abs(candidates - 0.5), np.inf)
    best = np.take_along_axis(candidates, distance.argmin(axis=0)[None], axis=0)[0]
    thresholds: list[float] = np.where(correct[-1] > 0, best, 0.5).tolist()
    return thresholds


def fit_prediction_sets(
    probabilities: NDArray[Any], label_ids: NDArray[np.int64], labels: tuple[str, ...]
) -> PredictionSets:
    """Prediction sets for every coverage in PERCENTS, from held-out rows; see `conformal_thresholds`.

    Args:
        probabilities: (rows, labels).
        label_ids: int64 (rows,), the true labels.
        labels: label names in index order, for the error message.

    Raises:
        DataError: a label has no row.
    """
    if missing := [name for label, name in enumerate(labels) if label not in label_ids]:
        raise DataError(f"no row has the label {', '.join(missing)}; prediction sets need held-out rows of every label")
    return PredictionSets({percent: conformal_thresholds(probabilities, label_ids, percent) for percent in PERCENTS})


def conformal_thresholds(probabilities: NDArray[Any], label_ids: NDArray[np.int64], percent: int) -> tuple[float, ...]:
    """Lowest probability of each label with which it is in the prediction set, for one coverage in percent.

    Among the n held-out rows of a label, sorted by ascending probability of it, the threshold is the probability of
    row j = floor((n + 1)(1 - coverage)). The mean coverage of new rows over such fits is then (n + 1 - j) / (n + 1).
    With j = 0 there are too few rows to leave the label out of any set: the threshold is 0. The probability is rounded
    down, so that the row it comes from stays in the set.

    Args:
        probabilities: (rows, labels).
        label_ids: int64 (rows,), the true labels.
        percent: coverage in percent.
    """
    thresholds = []
    for label in range(probabilities.shape[1]):
        scores = np.sort(probabilities[label_ids == label, label].astype(np.float64))
        rank = rank_of_threshold(len(scores), percent)
        thresholds.append(math.floor(scores[rank - 1] * 10**DIGITS) / 10**DIGITS if rank else 0.0)
    return tuple(thresholds)


def rank_of_threshold(rows: int, percent: int) -> int:
    """The j of `conformal_thresholds`: position of the threshold among the rows of a label, from 1; 0 for none."""
    return (rows + 1) * (100 - percent) // 100


def fit_neutral(log_odds: NDArray[Any], neutral: NDArray[np.bool_]) -> Neutral:
    """Scale and bias with which log-odds of "neutral" become probabilities that fit held-out texts best.

    It is Platt's fit ("Probabilistic Outputs for Support Vector Machines", 1999), by Newton's method: neutral and
    emotional texts weigh the same, however many there are of each, and the targets are slightly inside 0 and 1, so that
    the minimum exists where the log-odds separate the two.

    Args:
        log_odds: (texts,).
        neutral: bool (texts,), whether each text is neutral; both kinds occur.
    """
    counts = np.where(neutral, neutral.sum(), (~neutral).sum())
    weights, targets = 0.5 / counts, np.where(neutral, counts + 1, 1) / (counts + 2)
    inputs = np.column_stack([log_odds.astype(np.float64), np.ones(len(neutral))])
    fitted = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        predicted = 0.5 * (1.0 + np.tanh(0.5 * inputs @ fitted))
        gradient = inputs.T @ (weights * (predicted - targets))
        curvature = inputs.T @ (inputs * (weights * np.maximum(predicted * (1 - predicted), MIN_CURVATURE))[:, None])
        fitted -= np.linalg.solve(curvature, gradient)
    return Neutral(float(fitted[0]), float(fitted[1]))
