"""Quality of a classifier from arrays: metrics of counts, log loss, calibration and AUROC.

`Counts` feeds every metric of counts. It comes from a confusion matrix for single-label rows, and from indicators for
multi-label rows. The metrics take a confusion matrix as well, and stacks (..., labels, labels) of matrices or of
`Counts`, which is how `intervals` scores all resamples at once. Definitions follow scikit-learn with `zero_division=0`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""


@dataclass(frozen=True)
class LabelMetrics:
    """Metrics of one label; `support` is the number of its rows."""

    precision: float
    recall: float
    f1: float
    support: int


class Counts(NamedTuple):
    """Counts of rows, or of a stack (...) of resamples of them.

    Attributes:
        correct: (..., labels) rows that have a label and for which it was predicted.
        predicted: (..., labels) rows for which a label was predicted.
        support: (..., labels) rows that have a label.
        averaged: bool (..., labels), the labels that macro averages include.
        exact: (...) rows with every label right.
        rows: (...) all rows.
    """

    correct: NDArray[Any]
    predicted: NDArray[Any]
    support: NDArray[Any]
    averaged: NDArray[np.bool_]
    exact: NDArray[Any]
    rows: NDArray[Any]


Confusion: TypeAlias = NDArray[np.int64] | Counts
"""A confusion matrix (..., labels, labels), or the counts of one."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The rows whose highest probability is in (lower, upper].

    For multi-label data, an entry (a row with one of the labels) takes the place of a row: its probability is in the
    bin, and it is right if the row has the label.

    Attributes:
        lower: lower edge of the bin.
        upper: upper edge of the bin.
        rows: number of rows, at least 1.
        confidence: mean of their highest probability.
        accuracy: share of them whose top label is right.
    """

    lower: float
    upper: float
    rows: int
    confidence: float
    accuracy: float


def confusion_matrix(truth: NDArray[Any], predicted: NDArray[Any], labels: int) -> NDArray[np.int64]:
    """Rows counted by true label (first axis) and predicted label (second axis), int64 (labels, labels).

    Args:
        truth: label ids (rows,), each from 0 to labels - 1.
        predicted: label ids (rows,), likewise.
        labels: number of labels.
    """
    matrix = np.zeros((labels, labels), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def confusion_counts(confusion: NDArray[np.int64]) -> Counts:
    """Counts of single-label rows; macro averages include the labels that occur, in the truth or the predictions.

    Args:
        confusion: (..., labels, labels).
    """
    correct, predicted, support = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-2), confusion.sum(-1)
    return Counts(correct, predicted, support, predicted + support > 0, correct.sum(-1), support.sum(-1))


def indicator_counts(truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Counts:
    """Counts of multi-label rows; macro averages include every label.

    Args:
        truth: bool (rows, labels), true where a row has a label.
        predicted: bool (rows, labels), true where a label was predicted.
    """
    averaged = np.ones(truth.shape[1], np.bool_)
    exact, rows = (truth == predicted).all(1).sum(), np.array(len(truth))
    return Counts((truth & predicted).sum(0), predicted.sum(0), truth.sum(0), averaged, exact, rows)


def accuracy(confusion: Confusion) -> NDArray[np.float64]:
    """Share of rows with every label right, float64 (...); equal to micro F1 for single-label rows."""
    counts = _counts(confusion)
    return _ratio(counts.exact, counts.rows)


def label_scores(confusion: Confusion) -> dict[str, NDArray[np.float64]]:
    """`precision`, `recall` and `f1` of each label, float64 (..., labels).

    Precision is 0 for a label that was never predicted, recall for one that no row has, and F1 for one that is both.
    """
    fractions = _fractions(_counts(confusion))
    return {name: _ratio(numerator, denominator) for name, (numerator, denominator) in fractions.items()}


def macro(scores: NDArray[np.float64], confusion: Confusion) -> NDArray[np.float64]:
    """Mean over the labels in `Counts.averaged`, float64 (...).

    Args:
        scores: (..., labels), from `label_scores`.
        confusion: what the scores were computed from.
    """
    averaged = _counts(confusion).averaged
    return _ratio((scores * averaged).sum(-1), averaged.sum(-1))


def weighted(scores: NDArray[np.float64], confusion: Confusion) -> NDArray[np.float64]:
    """Mean over labels, each weighted by the number of its rows; arguments and shapes as in `macro`."""
    support = _counts(confusion).support
    return _ratio((scores * support).sum(-1), support.sum(-1))


def averages(confusion: Confusion) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 as `..._macro`, `..._micro` and `..._weighted`.

    Args:
        confusion: (labels, labels), or the counts of one.
    """
    counts = _counts(confusion)
    result = {"accuracy": float(accuracy(counts))}
    for name, (numerator, denominator) in _fractions(counts).items():
        scores = _ratio(numerator, denominator)
        result[f"{name}_macro"] = float(macro(scores, counts))
        result[f"{name}_micro"] = float(_ratio(numerator.sum(-1), denominator.sum(-1)))
        result[f"{name}_weighted"] = float(weighted(scores, counts))
    return result


def per_label(confusion: Confusion) -> list[LabelMetrics]:
    """Metrics of each label of a (labels, labels) matrix or of its counts, in index order."""
    counts = _counts(confusion)
    columns = (*label_scores(counts).values(), counts.support)
    return [LabelMetrics(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def row_losses(probabilities: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.float64]:
    """Negative natural logarithm of the probability of each row's true label.

    For multi-label rows: the binary cross-entropy, mean over the labels.

    Args:
        probabilities: floats (rows, labels); clipped to [eps, 1 - eps] of their dtype, as scikit-learn does.
        truth: label ids (rows,), or bool (rows, labels), true where a row has a label.

    Returns:
        float64 (rows,), finite.
    """
    eps = float(np.finfo(probabilities.dtype).eps)
    wide = probabilities.astype(np.float64)
    chosen = np.where(truth, wide, 1.0 - wide) if truth.ndim == 2 else wide[np.arange(len(truth)), truth]
    losses: NDArray[np.float64] = -np.log(np.clip(chosen, eps, 1.0 - eps))
    return losses.mean(1) if truth.ndim == 2 else losses


def log_loss(probabilities: NDArray[Any], truth: NDArray[Any]) -> float:
    """Mean of `row_losses`, in nats; the arguments are the same."""
    return float(row_losses(probabilities, truth).mean())


def reliability(probabilities: NDArray[Any], truth: NDArray[Any], bins: int = BINS) -> list[ReliabilityBin]:
    """Rows grouped by confidence in the top label, in bins of equal width over (0, 1].

    Multi-label entries are grouped by their probability; see `ReliabilityBin`. A probability of 0 is in the first bin.

    Args:
        probabilities: floats (rows, labels).
        truth: label ids (rows,), or bool (rows, labels), true where a row has a label.
        bins: number of bins.

    Returns:
        The bins that contain a row, from low confidence to high.
    """
    multi_label = truth.ndim == 2
    confidence = (probabilities.ravel() if multi_label else probabilities.max(1)).astype(np.float64)
    correct = truth.ravel() if multi_label else probabilities.argmax(1) == truth
    edges = np.linspace(0.0, 1.0, bins + 1)
    index = np.digitize(confidence, edges[1:-1], right=True)
    rows = np.bincount(index, minlength=bins)
    confidences = _ratio(np.bincount(index, confidence, bins), rows)
    accuracies = _ratio(np.bincount(index, correct, bins), rows)
    columns = (edges[:-1], edges[1:], rows, confidences, accuracies)
    groups = [ReliabilityBin(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return [group for group in groups if group.rows]


def expected_calibration_error(probabilities: NDArray[Any], truth: NDArray[Any], bins: int = BINS) -> float:
    """Mean distance between confidence and accuracy over bins, weighted by their rows; in [0, 1].

    Over the top label, with bins of equal width: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017,
    equation 3; for multi-label rows, over every entry. The arguments are those of `reliability`.
    """
    groups = reliability(probabilities, truth, bins)
    return sum(group.rows * abs(group.accuracy - group.confidence) for group in groups) / truth.size


def auroc(positive: NDArray[Any], negative: NDArray[Any]) -> float:
    """Area under the ROC curve: the chance that a positive row has a higher score than a negative one; ties count half.

    Hanley and McNeil, "The Meaning and Use of the Area under a ROC Curve", Radiology 143, 1982.

    Args:
        positive: scores (rows,), at least one.
        negative: scores (rows,), at least one.
    """
    ordered = np.sort(negative)
    below, up_to = (np.searchsorted(ordered, positive, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(negative))


def _counts(confusion: Confusion) -> Counts:
    return confusion if isinstance(confusion, Counts) else confusion_counts(confusion)


def _fractions(counts: Counts) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Numerator and denominator of each metric by label."""
    return {
        "precision": (counts.correct, counts.predicted),
        "recall": (counts.correct, counts.support),
        "f1": (2 * counts.correct, counts.predicted + counts.support),
    }


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    zeros = np.zeros(np.shape(numerator), np.float64)
    result: NDArray[np.float64] = np.divide(numerator, denominator, out=zeros, where=np.asarray(denominator) > 0)
    return result
