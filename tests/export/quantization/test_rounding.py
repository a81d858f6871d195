"""Rounding of weights against rounding to the nearest integers, and smoothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import pairs

from emoscope.export.quantization.rounding import (
    MAX_PAIR,
    MAX_WEIGHT,
    SMOOTHING,
    int8_rows,
    round_weights,
    smoothing,
)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 24), st.integers(1, 8), st.integers(0, 1000))
def test_uncorrelated_inputs_give_plain_rounding(inputs: int, outputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(inputs, outputs)).astype(np.float32)
    integers, scale = round_weights(weights, np.diag(rng.uniform(0.1, 9, inputs)).astype(np.float32))
    nearest = np.rint(weights / scale)
    assert np.abs(integers - nearest).max() <= 1
    fits = np.repeat(pairs(nearest) <= MAX_PAIR, 2, axis=0)[:inputs]
    np.testing.assert_array_equal(integers[fits], nearest[fits])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 24), st.integers(0, 1000))
def test_integers_fit_sixteen_bits_in_pairs_and_use_most_of_them(inputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = rng.normal(size=(30, inputs)).astype(np.float32) @ rng.normal(size=(inputs, inputs)).astype(np.float32)
    integers, _ = round_weights(rng.standard_t(3, size=(inputs, 6)).astype(np.float32), seen.T @ seen)
    assert (255 * pairs(integers) < 2**15).all() and np.abs(integers.astype(int)).max() <= MAX_WEIGHT
    used = np.maximum(pairs(integers).max(axis=0) / MAX_PAIR, np.abs(integers.astype(int)).max(axis=0) / 127)
    assert (used > 0.8).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_feedback_of_errors_improves_the_products(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = (rng.normal(size=(400, 6)) @ rng.normal(size=(6, 40)) + 0.1 * rng.normal(size=(400, 40))).astype(np.float32)
    weights = rng.normal(size=(40, 12)).astype(np.float32)
    integers, scale = round_weights(weights, seen.T @ seen)
    error = np.linalg.norm(seen @ (integers * scale - weights))
    plain = np.linalg.norm(seen @ (np.rint(weights / scale) * scale - weights))
    assert error < 0.8 * plain


def test_weights_and_inputs_of_zero_are_rounded_to_zero() -> None:
    weights = np.zeros((3, 2), np.float32)
    integers, scale = round_weights(weights, np.zeros((3, 3), np.float32))
    assert not integers.any() and np.isfinite(scale).all() and (scale > 0).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_smoothing_divides_large_values_between_inputs_and_weights(seed: int) -> None:
    """After it, the sizes of an input and of its weights both depend on the product of the two sizes only."""
    inputs, weights = np.random.default_rng(seed).lognormal(sigma=2, size=(2, 20)).astype(np.float32)
    factors = smoothing(inputs, weights)
    np.testing.assert_allclose(inputs / factors, (inputs * weights) ** (1 - SMOOTHING), rtol=1e-4)
    np.testing.assert_allclose(weights * factors, (inputs * weights) ** SMOOTHING, rtol=1e-4)
    assert np.isfinite(smoothing(np.zeros(2, np.float32), np.zeros(2, np.float32))).all()


def test_int8_rows_are_within_half_a_step() -> None:
    table = np.random.default_rng(0).normal(size=(50, 12)).astype(np.float32)
    rows, scale = int8_rows(table)
    assert (rows.dtype, rows.shape, scale.shape) == (np.int8, (50, 12), (50, 1))
    assert (np.abs(rows * scale - table) <= scale / 2 * (1 + 1e-5)).all()
    zeros, scale = int8_rows(np.zeros((2, 3), np.float32))
    assert not zeros.any() and (scale > 0).all()
