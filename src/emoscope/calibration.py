"""From logits to probabilities that mean what they say: the temperature, and how it is fitted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
