"""Selective prediction: answer only where the model is confident enough, and how much accuracy that buys.

The confidence of an answer is its probability. Coverage is the share of rows that are answered; risk is the share of
the answers that are wrong. Arrays in, numbers out; knows no text and no model.

Terms and curve: El-Yaniv and Wiener, "On the Foundations of Noise-Free Selective Classification", JMLR 11, 2010;
Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Confidence thresholds that reports show."""


def risk_coverage_curve(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Risk of answering only the k most confident rows, for every k from 1 to the number of rows, float64 (rows,).

    Rows of equal confidence count with their mean error, so that their order does not matter.

    Args:
        confidence: (rows,), at least one row.
        correct: bool (rows,), whether each answer is right.
    """
    _, group, rows = np.unique(-confidence, return_inverse=True, return_counts=True)
    errors = np.bincount(group, ~correct) / rows
    risk: NDArray[np.float64] = np.repeat(errors, rows).cumsum() / np.arange(1, len(correct) + 1)
    return risk


def aurc(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> float:
    """Area under the risk-coverage curve: the mean of `risk_coverage_curve`, in [0, 1]; lower is better.

    Geifman, Uziel, El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019. The
    arguments are those of `risk_coverage_curve`.
    """
    return float(risk_coverage_curve(confidence, correct).mean())


def selective_accuracy(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> list[dict[str, float | None]]:
    """`coverage` and `accuracy` of the answers at or above each `threshold` in THRESHOLDS.

    The accuracy is None where no row is answered. The arguments are those of `risk_coverage_curve`.
    """
    points: list[dict[str, float | None]] = []
    for threshold in THRESHOLDS:
        answered = correct[confidence >= threshold]
        accuracy = float(answered.mean()) if len(answered) else None
        points.append({"threshold": threshold, "coverage": len(answered) / len(correct), "accuracy": accuracy})
    return points
