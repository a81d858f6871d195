"""Weights to integers of seven bits: what is rounded away is made good by the weights that are rounded after it.

Seven bits, as AVX2 without VNNI adds two products of an unsigned and a signed byte in sixteen bits: 2 * 255 * 63 fits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST_WEIGHT = 63
DAMPING = 0.1
"""Share of the mean of the diagonal that is added to it: the more, the less is believed of a few hundred texts."""

Floats = NDArray[np.float32]


def smoothing(inputs: Floats, weights: Floats) -> Floats:
    """Factors that share large values of an input out between it and the weights that it meets.

    The input is divided by them and the weights' rows are multiplied, which changes no product (SmoothQuant, Xiao et
    al., ICML 2023, with its exponent of one half).

    Args:
        inputs: (size,) largest magnitude of each entry of the input.
        weights: (size,) largest magnitude in each row of the weights.

    Returns:
        (size,), each above 0.
    """
    factors: Floats = np.sqrt(np.maximum(inputs, 1e-5) / np.maximum(weights, 1e-5)).astype(np.float32)
    return factors


def rounded(weights: Floats, moments: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Weights rounded so that their products with inputs like those seen stay near, not the weights themselves.

    Rows are rounded one after the other, those of the largest inputs first, each with the errors so far fed back to it
    (LDLQ of Chee et al., "QuIP", NeurIPS 2023, which equals GPTQ of Frantar et al., ICLR 2023).

    Args:
        weights: (inputs, outputs).
        moments: (inputs, inputs), the sum of x x^T over inputs x.

    Returns:
        Integers (inputs, outputs) up to LARGEST_WEIGHT and a scale for each output, whose product is near `weights`.
    """
    scale = np.maximum(np.abs(weights).max(axis=0) / LARGEST_WEIGHT, 1e-12).astype(np.float32)
    order = np.argsort(-np.diag(moments), kind="stable")
    feedback = _feedback(moments[np.ix_(order, order)])
    wanted = weights[order] / scale
    integers, errors = np.empty(weights.shape, np.int8), np.empty_like(wanted)
    for step, row in enumerate(order):
        corrected = wanted[step] + feedback[step, :step] @ errors[:step]
        integers[row] = np.clip(np.rint(corrected), -LARGEST_WEIGHT, LARGEST_WEIGHT)
        errors[step] = wanted[step] - integers[row]
    return integers, scale


def _feedback(moments: Floats) -> Floats:
    """Row k: how much of each earlier row's error goes to row k.

    With moments = R R^T, R upper triangular, the squared error of the products is |R^T errors|^2, and entry k of
    that vector is R_kk (error_k + sum of R_jk / R_kk error_j over j < k).
    """
    damped = moments.astype(np.float64)
    damped[np.diag_indices_from(damped)] += DAMPING * np.diag(moments).mean() + 1e-9
    factor = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    return np.ascontiguousarray((factor / np.diag(factor)).T, np.float32)
