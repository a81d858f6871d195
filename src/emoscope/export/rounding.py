"""Weights to integers: what is rounded away is made good by the weights that are rounded after it.

AVX2 without VNNI multiplies unsigned by signed bytes and adds two neighbouring products in sixteen bits, where it cuts
off what does not fit. Weights of seven bits always fit. But so do two neighbours of eight bits whose magnitudes add up
to 128 at the most, and that takes a scale a half to three quarters as wide, as two large weights seldom meet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST_WEIGHT = 127
LARGEST_PAIR = 128
"""Of two weights of one output for the inputs 2i and 2i + 1: 255 times this is below 2 ** 15."""

SHARE = 0.6
"""Of an input's large values, how much goes over to the weights; the rest stays."""

DAMPING = 0.1
"""Share of the mean of the diagonal that is added to it: the more, the less is believed of a few hundred texts."""

Floats = NDArray[np.float32]


def smoothing(inputs: Floats, weights: Floats) -> Floats:
    """Factors that share large values of an input out between it and the weights that it meets.

    The input is divided by them and the weights' rows are multiplied, which changes no product (SmoothQuant, Xiao et
    al., ICML 2023).

    Args:
        inputs: (size,) largest magnitude of each entry of the input.
        weights: (size,) largest magnitude in each row of the weights.

    Returns:
        (size,), each above 0.
    """
    inputs, weights = np.maximum(inputs, 1e-5), np.maximum(weights, 1e-5)
    factors: Floats = (inputs**SHARE / weights ** (1 - SHARE)).astype(np.float32)
    return factors


def rounded(weights: Floats, moments: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Weights rounded so that their products with inputs like those seen stay near, not the weights themselves.

    Rows are rounded one after the other, those of the largest inputs first, each with the errors so far fed back to it
    (LDLQ of Chee et al., "QuIP", NeurIPS 2023, which equals GPTQ of Frantar et al., ICLR 2023).

    Args:
        weights: (inputs, outputs).
        moments: (inputs, inputs), the sum of x x^T over inputs x.

    Returns:
        Integers (inputs, outputs), within LARGEST_WEIGHT and LARGEST_PAIR, and a scale for each output, whose product
        is near `weights`.
    """
    scale = _scale(weights)
    order = np.argsort(-np.diag(moments), kind="stable")
    feedback = _feedback(moments[np.ix_(order, order)])
    wanted = weights[order] / scale
    integers, errors = np.zeros((len(weights) + 1, len(scale)), np.int8), np.empty_like(wanted)
    for step, row in enumerate(order):
        room = np.minimum(LARGEST_PAIR - np.abs(integers[row ^ 1].astype(np.int16)), LARGEST_WEIGHT)
        corrected = wanted[step] + feedback[step, :step] @ errors[:step]
        integers[row] = np.clip(np.rint(corrected), -room, room)
        errors[step] = wanted[step] - integers[row]
    return integers[:-1], scale


def _scale(weights: Floats) -> Floats:
    """The smallest scale of each output at which all its weights fit, alone and in pairs."""
    sizes = np.abs(weights)
    pairs = np.pad(sizes, ((0, len(sizes) % 2), (0, 0))).reshape(-1, 2, sizes.shape[1]).sum(axis=1)
    scale: Floats = np.maximum(sizes.max(axis=0) / LARGEST_WEIGHT, pairs.max(axis=0) / LARGEST_PAIR)
    return scale.clip(min=1e-12)


def _feedback(moments: Floats) -> Floats:
    """Row k: how much of each earlier row's error goes to row k.

    With moments = R R^T, R upper triangular, the squared error of the products is |R^T errors|^2, and entry k of
    that vector is R_kk (error_k + sum of R_jk / R_kk error_j over j < k).
    """
    damped = moments.astype(np.float64)
    damped[np.diag_indices_from(damped)] += DAMPING * np.diag(moments).mean() + 1e-9
    factor = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    return np.ascontiguousarray((factor / np.diag(factor)).T, np.float32)
