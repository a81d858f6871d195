"""Quality of a classifier from arrays: metrics of counts, log loss, and calibration.

One confusion matrix, made once, feeds every metric of counts. These take a stack of matrices
(..., labels, labels) as well as a single one, which is how `intervals` scores all resamples at once.
Definitions follow scikit-learn with `zero_division=0`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Bins of the calibration error, as Guo et al. 2017 have it."""


@dataclass(frozen=True)
class LabelMetrics:
    """Metrics of one label; `support` is the number of its rows."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ReliabilityBin:
    """The rows whose highest probability lies in (lower, upper].

    Attributes:
        rows: how many, at least 1.
        confidence: mean of their highest probability.
        accuracy: share of them whose top label is right.
    """

    lower: float
    upper: float
    rows: int
    confidence: float
    accuracy: float


def confusion_matrix(truth: NDArray[Any], predicted: NDArray[Any], labels: int) -> NDArray[np.int64]:
    """Rows counted by true label (first axis) and predicted label (second axis).

    Args:
        truth: label ids (rows,), each in 0 to labels - 1.
        predicted: label ids (rows,), the same.
        labels: number of labels.

    Returns:
        int64 (labels, labels).
    """
    matrix = np.zeros((labels, labels), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def accuracy(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of rows on the diagonal; also micro precision, recall and F1, equal for one label a row.

    Args:
        confusion: (..., labels, labels).

    Returns:
        float64 (...).
    """
    return _ratio(_correct(confusion).sum(-1), confusion.sum((-2, -1)))


def precision(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the rows given a label, the share that has it: (..., labels); 0 where none was given it."""
    return _ratio(_correct(confusion), confusion.sum(-2))


def recall(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the rows that have a label, the share that was given it: (..., labels); 0 where none has it."""
    return _ratio(_correct(confusion), confusion.sum(-1))


def f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall: (..., labels); 0 where a label is neither there nor given."""
    return _ratio(2 * _correct(confusion), confusion.sum(-2) + confusion.sum(-1))


def macro(scores: NDArray[np.float64], confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean over the labels that occur, in the truth or in the predictions.

    Args:
        scores: (..., labels), from `precision`, `recall` or `f1`.
        confusion: (..., labels, labels), the one they came from.

    Returns:
        float64 (...).
    """
    occurs = confusion.sum(-2) + confusion.sum(-1) > 0
    return _ratio((scores * occurs).sum(-1), occurs.sum(-1))


def weighted(scores: NDArray[np.float64], confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean over labels, each weighted by its rows in the truth; shapes as in `macro`."""
    support = confusion.sum(-1)
    return _ratio((scores * support).sum(-1), support.sum(-1))


def averages(confusion: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 as `..._macro`, `..._micro` and `..._weighted`.

    Args:
        confusion: (labels, labels).
    """
    micro = float(accuracy(confusion))
    result = {"accuracy": micro}
    for name, score in (("precision", precision), ("recall", recall), ("f1", f1)):
        scores = score(confusion)
        result[f"{name}_macro"] = float(macro(scores, confusion))
        result[f"{name}_micro"] = micro
        result[f"{name}_weighted"] = float(weighted(scores, confusion))
    return result


def per_label(confusion: NDArray[np.int64]) -> list[LabelMetrics]:
    """Metrics of each label of a (labels, labels) matrix, in index order."""
    columns = (precision(confusion), recall(confusion), f1(confusion), confusion.sum(-1))
    return [LabelMetrics(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def row_losses(probabilities: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.float64]:
    """Negative natural logarithm of the probability of each row's true label.

    Args:
        probabilities: floats (rows, labels); clipped to [eps, 1 - eps] of their own dtype, as
            scikit-learn does.
        truth: label ids (rows,).

    Returns:
        float64 (rows,), finite.
    """
    eps = float(np.finfo(probabilities.dtype).eps)
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    losses: NDArray[np.float64] = -np.log(np.clip(chosen, eps, 1.0 - eps))
    return losses


def log_loss(probabilities: NDArray[Any], truth: NDArray[Any]) -> float:
    """Mean of `row_losses`, in nats; the arguments are the same."""
    return float(row_losses(probabilities, truth).mean())


def reliability(probabilities: NDArray[Any], truth: NDArray[Any], bins: int = BINS) -> list[ReliabilityBin]:
    """Rows grouped by confidence in the top label, in bins of equal width over (0, 1].

    Args:
        probabilities: floats (rows, labels).
        truth: label ids (rows,).
        bins: number of bins.

    Returns:
        The bins that hold a row, from low confidence to high.
    """
    confidence = probabilities.max(1).astype(np.float64)
    correct = probabilities.argmax(1) == truth
    edges = np.linspace(0.0, 1.0, bins + 1)
    index = np.digitize(confidence, edges[1:-1], right=True)
    rows = np.bincount(index, minlength=bins)
    confidences = _ratio(np.bincount(index, confidence, bins), rows)
    accuracies = _ratio(np.bincount(index, correct, bins), rows)
    columns = (edges[:-1], edges[1:], rows, confidences, accuracies)
    every = [ReliabilityBin(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return [group for group in every if group.rows]


def expected_calibration_error(probabilities: NDArray[Any], truth: NDArray[Any], bins: int = BINS) -> float:
    """Mean distance of confidence from accuracy over bins, weighted by their rows; in [0, 1].

    Top label, bins of equal width: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017,
    equation 3. The arguments are those of `reliability`.
    """
    groups = reliability(probabilities, truth, bins)
    return sum(group.rows * abs(group.accuracy - group.confidence) for group in groups) / len(truth)


def _correct(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    zeros = np.zeros(np.shape(numerator), np.float64)
    result: NDArray[np.float64] = np.divide(numerator, denominator, out=zeros, where=np.asarray(denominator) > 0)
    return result
