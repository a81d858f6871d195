"""Sums that AVX2 adds in sixteen bits."""

from __future__ import annotations

import numpy as np


def pairs(integers: np.ndarray) -> np.ndarray:
    """Sums of the magnitudes of two neighbouring rows, whose products AVX2 without VNNI adds in sixteen bits."""
    sizes = np.abs(integers.astype(int))
    return np.pad(sizes, ((0, len(sizes) % 2), (0, 0))).reshape(-1, 2, sizes.shape[1]).sum(axis=1)
