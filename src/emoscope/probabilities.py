"""Logits to probabilities: softmax or sigmoid, with a temperature."""

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
