"""Logits to probabilities: softmax or sigmoid, with a temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_PROBABILITY = float(np.finfo(np.float32).tiny)
"""Smallest probability whose logarithm is taken; smaller ones count as this."""


def probabilities(
    logits: NDArray[np.float32], temperature: float = 1.0, *, multi_label: bool = False
) -> NDArray[np.float32]:
    """Probabilities of logits divided by a temperature.

    Args:
        logits: (rows, labels).
        temperature: above 1 softens, below 1 sharpens; the order of the labels stays the same.
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


def log_probabilities(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Finite logarithms of probabilities, in their shape and precision."""
    logs: NDArray[Any] = np.log(np.maximum(probabilities, MIN_PROBABILITY))
    return logs


def temperature_scaled(rows: NDArray[Any], ratio: float, *, multi_label: bool = False) -> NDArray[np.float32]:
    """Probabilities after the temperature is multiplied by `ratio`, float32 (rows, labels).

    This is exact for a text of one window. The probabilities of a longer text are a mean, and that mean is scaled.

    Args:
        rows: probabilities before, (rows, labels); rows sum to 1 unless `multi_label`.
        ratio: the new temperature divided by the old one.
        multi_label: each probability is a sigmoid of its own; 0 and 1 stay as they are.
    """
    if multi_label:
        powers = (np.stack([rows, 1.0 - rows]).astype(np.float64)) ** (1.0 / ratio)
        result: NDArray[np.float32] = (powers[0] / powers.sum(axis=0)).astype(np.float32)
        return result
    return probabilities(log_probabilities(rows).astype(np.float32), ratio)
