"""Rounds weights to integers, each weight so that it compensates for the rounding errors of the weights before it.

AVX2 without VNNI multiplies unsigned by signed bytes and adds two neighbouring products in sixteen bits, where the sum
saturates. Weights of seven bits never saturate. Neither do two neighbours of eight bits whose magnitudes add up to 128
at most, and since two large weights are seldom neighbours, that allows a scale a half to three quarters as wide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_WEIGHT = 127
"""Maximum magnitude of an integer weight."""
MAX_PAIR = 128
"""Maximum sum of the magnitudes of two weights of one output, for the inputs 2i and 2i + 1: 255 * 128 < 2 ** 15."""

SMOOTHING = 0.6
"""Share of an input's large values that moves to the weights (the alpha of SmoothQuant)."""

DAMPING = 0.1
"""Share of the diagonal's mean that is added to the diagonal of the Hessian: the more, the less a few hundred texts
decide."""

Floats = NDArray[np.float32]


def int8_rows(table: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Rows rounded to the nearest integers, with a scale for each row.

    *Shape:* (rows, size) -> int8 (rows, size), float32 (rows, 1), whose product is close to `table`.
    """
    scale = (np.abs(table).max(axis=1, keepdims=True) / MAX_WEIGHT).clip(min=1e-12)
    return np.rint(table / scale).astype(np.int8), scale


def smoothing(inputs: Floats, weights: Floats) -> Floats:
    """Factors that divide large values between an input and the weights that multiply it.

    Dividing the input by its factors and multiplying the rows of the weights by them leaves every product unchanged
    (SmoothQuant, Xiao et al., ICML 2023).

    Args:
        inputs: (size,) largest magnitude of each entry of the input.
        weights: (size,) largest magnitude in each row of the weights.

    Returns:
        (size,), each above 0.
    """
    inputs, weights = np.maximum(inputs, 1e-5), np.maximum(weights, 1e-5)
    factors: Floats = (inputs**SMOOTHING / weights ** (1 - SMOOTHING)).astype(np.float32)
    return factors


def round_weights(weights: Floats, hessian: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Integer weights whose products with typical inputs, not the weights themselves, are close to the originals.

    Rows are rounded one after the other, those of the largest inputs first, and the errors of earlier rows are fed back
    to each (LDLQ of Chee et al., "QuIP", NeurIPS 2023, which equals GPTQ of Frantar et al., ICLR 2023).

    Args:
        weights: (inputs, outputs).
        hessian: (inputs, inputs), the sum of x x^T over inputs x: up to a constant factor, the second derivative of the
            products' squared error with respect to the weights of an output.

    Returns:
        Integers (inputs, outputs) within MAX_WEIGHT and MAX_PAIR, and a scale for each output.
    """
    scale = _scale(weights)
    order = np.argsort(-np.diag(hessian), kind="stable")
    feedback = _feedback(hessian[np.ix_(order, order)])
    target = weights[order] / scale
    integers, errors = np.zeros((len(weights) + 1, len(scale)), np.int8), np.empty_like(target)
    for step, row in enumerate(order):
        limit = np.minimum(MAX_PAIR - np.abs(integers[row ^ 1].astype(np.int16)), MAX_WEIGHT)
        corrected = target[step] + feedback[step, :step] @ errors[:step]
        integers[row] = np.clip(np.rint(corrected), -limit, limit)
        errors[step] = target[step] - integers[row]
    return integers[:-1], scale


def _scale(weights: Floats) -> Floats:
    """The smallest scale of each output at which all its weights are within the limits, alone and in pairs."""
    sizes = np.abs(weights)
    pairs = np.pad(sizes, ((0, len(sizes) % 2), (0, 0))).reshape(-1, 2, sizes.shape[1]).sum(axis=1)
    scale: Floats = np.maximum(sizes.max(axis=0) / MAX_WEIGHT, pairs.max(axis=0) / MAX_PAIR)
    return scale.clip(min=1e-12)


def _feedback(hessian: Floats) -> Floats:
    """Share of each earlier row's error that is added to row k, for each k.

    With hessian = R R^T, R upper triangular, the squared error of the products is |R^T errors|^2, and entry k of that
    vector is R_kk (error_k + sum of R_jk / R_kk error_j over j < k).
    """
    damped = hessian.astype(np.float64)
    damped[np.diag_indices_from(damped)] += DAMPING * np.diag(hessian).mean() + 1e-9
    factor = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    return np.ascontiguousarray((factor / np.diag(factor)).T, np.float32)
