"""From logits to probabilities that mean what they say: the temperature, and how it is fitted; thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = float(np.finfo(np.float32).tiny)
"""Where a logarithm is taken, probabilities count as at least this."""


def probabilities(
    logits: NDArray[np.float32], temperature: float = 1.0, *, multi_label: bool = False
) -> NDArray[np.float32]:
    """Probabilities of logits divided by a temperature.

    Args:
        logits: (rows, labels).
        temperature: above 1 softens, below 1 sharpens; labels keep their order.
        multi_label: sigmoid of each entry instead of softmax over each row.

    Returns:
        float32 (rows, labels); rows sum to 1 unless `multi_label`.
    """
    scaled = logits.astype(np.float32) / np.float32(temperature)
    if multi_label:
        sigmoid: NDArray[np.float32] = np.float32(0.5) * (np.float32(1) + np.tanh(scaled * np.float32(0.5)))
        return sigmoid
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def temperature_scaled(rows: NDArray[Any], ratio: float) -> NDArray[np.float32]:
    """Probabilities, of logits divided by `ratio` besides: (rows, labels), rows that sum to 1.

    Exact for a text of one window; of a longer one, whose probabilities are a mean, it is that mean that is scaled.
    """
    return probabilities(np.log(np.maximum(rows, LEAST)).astype(np.float32), ratio)


def fit_temperature(logits: NDArray[np.float32], label_ids: NDArray[np.int64]) -> float:
    """Temperature with the least negative log-likelihood on held-out rows.

    The loss is convex in 1/T (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017), so a
    golden-section search over log T in [1/20, 20] finds it to 1e-4.

    Args:
        logits: (rows, labels) of rows that the model was not fitted on.
        label_ids: (rows,) the true labels.
    """
    rows = np.arange(len(label_ids))
    wide = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        peak = scaled.max(axis=1)
        total = peak + np.log(np.exp(scaled - peak[:, None]).sum(axis=1))
        return float(np.mean(total - scaled[rows, label_ids]))

    golden = (np.sqrt(5.0) - 1.0) / 2.0
    low, high = -np.log(20.0), np.log(20.0)
    while high - low > 1e-4:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2.0))


def tune_thresholds(probabilities: NDArray[np.float32], indicators: NDArray[np.bool_]) -> list[float]:
    """Threshold of each label with the best F1 on held-out rows: a row is given a label from there on up.

    Candidates are the probabilities that occur. Sorted from high to low, the first k rows are those that the k-th
    probability gives the label, so one cumulative sum has the counts of all candidates. Of candidates that do
    equally well the one nearest 0.5 is taken, and the higher of two equally near.

    Args:
        probabilities: (rows, labels) of rows that the model was not fitted on, one at least.
        indicators: bool (rows, labels), true where a row has a label.

    Returns:
        One threshold for each label; 0.5 for a label that no row has.
    """
    order = np.argsort(-probabilities, axis=0, kind="stable")
    candidates = np.take_along_axis(probabilities, order, axis=0).astype(np.float64)
    correct = np.take_along_axis(indicators, order, axis=0).astype(np.int64).cumsum(axis=0)
    given = np.arange(1, len(candidates) + 1)[:, None]
    f1 = 2 * correct / (given + correct[-1])
    f1[:-1][candidates[:-1] == candidates[1:]] = -1.0
    distance = np.where(f1 == f1.max(axis=0), np.abs(candidates - 0.5), np.inf)
    best = np.take_along_axis(candidates, distance.argmin(axis=0)[None], axis=0)[0]
    thresholds: list[float] = np.where(correct[-1] > 0, best, 0.5).tolist()
    return thresholds
