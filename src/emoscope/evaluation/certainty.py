"""How far a classifier's certainty can be relied on: abstention, sets of labels, telling two kinds of text apart.

Arrays in, numbers out; no text, no model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.prediction_sets import thresholds_of

LIMITS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Least probabilities of an answer that reports show."""


def risk_coverage(confidence: NDArray[Any], correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of wrong answers among the k surest rows, for each k from 1 to the number of rows, float64 (rows,).

    The risk-coverage curve of El-Yaniv and Wiener ("On the Foundations of Noise-Free Selective Classification", JMLR
    11, 2010). Rows of equal confidence count with their mean, so that their order does not matter.

    Args:
        confidence: (rows,), at least one.
        correct: bool (rows,).
    """
    _, group, rows = np.unique(-confidence, return_inverse=True, return_counts=True)
    errors = np.bincount(group, ~correct) / rows
    risk: NDArray[np.float64] = np.repeat(errors, rows).cumsum() / np.arange(1, len(correct) + 1)
    return risk


def aurc(confidence: NDArray[Any], correct: NDArray[np.bool_]) -> float:
    """Area under the risk-coverage curve: mean of `risk_coverage`, whose arguments are the same; 0 is best.

    Geifman, Uziel, El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019.
    """
    return float(risk_coverage(confidence, correct).mean())


def abstention(confidence: NDArray[Any], correct: NDArray[np.bool_]) -> list[dict[str, float | None]]:
    """For each of LIMITS the share of rows `answered`, at least as sure as that, and their `accuracy`, None of none."""
    points: list[dict[str, float | None]] = []
    for limit in LIMITS:
        right = correct[confidence >= limit]
        accuracy = float(right.mean()) if len(right) else None
        points.append({"at_least": limit, "answered": len(right) / len(correct), "accuracy": accuracy})
    return points


def auroc(positive: NDArray[Any], negative: NDArray[Any]) -> float:
    """Chance that a positive row has the higher score of two, ties counting half: the area under the ROC curve.

    Hanley and McNeil, "The Meaning and Use of the Area under a ROC Curve", Radiology 143, 1982.

    Args:
        positive: scores (rows,), at least one.
        negative: scores (rows,), at least one.
    """
    ordered = np.sort(negative)
    below, up_to = (np.searchsorted(ordered, positive, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(negative))


def set_quality(sets: NDArray[np.bool_], label_ids: NDArray[np.int64]) -> dict[str, Any]:
    """How good sets of labels are.

    Args:
        sets: bool (rows, labels).
        label_ids: (rows,) the true labels.

    Returns:
        `coverage` (share of rows whose set holds the truth), `size` (labels a set), `empty` and `several` (shares of
        rows whose set has none, more than one), `one_right` (share of the sets of one label that hold the truth), and
        `labels` (coverage of the rows of each label, (labels,)); NaN where there is no such row.
    """
    holds, sizes, labels = sets[np.arange(len(sets)), label_ids], sets.sum(axis=1), sets.shape[1]
    with np.errstate(invalid="ignore"):
        one_right = holds[sizes == 1].sum() / np.float64((sizes == 1).sum())
        by_label = np.bincount(label_ids, holds, labels) / np.bincount(label_ids, minlength=labels)
    return {
        "coverage": holds.mean(),
        "size": sizes.mean(),
        "empty": (sizes == 0).mean(),
        "several": (sizes > 1).mean(),
        "one_right": one_right,
        "labels": by_label,
    }


def on_halves(
    probabilities: NDArray[Any], label_ids: NDArray[np.int64], percent: int, *, halves: int = 100, seed: int = 0
) -> dict[str, Any]:
    """What sets of labels are worth on rows that they were not fitted on.

    The rows are halved at random; thresholds are fitted on one half, and `set_quality` is taken of the other.

    Args:
        probabilities: (rows, labels).
        label_ids: (rows,) the true labels.
        percent: the coverage.
        halves: how often.
        seed: of the halving.

    Returns:
        For each key of `set_quality` its `mean` and `standard_deviation` over the halvings, null if there is none; of
        `labels` a list of these.
    """
    rng, half, found = np.random.default_rng(seed), len(label_ids) // 2, []
    for _ in range(halves):
        rows = rng.permutation(len(label_ids))
        fitted_on, others = rows[:half], rows[half:]
        thresholds = thresholds_of(probabilities[fitted_on], label_ids[fitted_on], percent)
        found.append(set_quality(probabilities[others] >= thresholds, label_ids[others]))
    return {key: _spread(np.array([quality[key] for quality in found])) for key in found[0]}


def _spread(values: NDArray[np.float64]) -> Any:
    """Mean and standard deviation of (times,), or of each column of (times, labels); NaN does not count."""
    if values.ndim == 2:
        return [_spread(column) for column in values.T]
    known = values[~np.isnan(values)]
    if not len(known):
        return {"mean": None, "standard_deviation": None}
    return {"mean": float(known.mean()), "standard_deviation": float(known.std())}
