"""Attention within rows, against one product with a mask."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

import torch
from masked_attention import DEVICE, ROWS, TAIL, check, layout

from emoscope.torch_runtime.attention import by_length, varlen


def test_positions_bounds_and_first_tokens() -> None:
    rows = layout([2, 3, 1, 0], tail=2)
    begin, end = rows.bounds
    assert begin.tolist() == [0, 0, 2, 2, 2, 5, 6, 6]
    assert end.tolist() == [2, 2, 5, 5, 5, 6, 6, 6]
    assert rows.positions.tolist() == [0, 1, 0, 1, 2, 0, 0, 0]
    assert rows.first.tolist() == [0, 2, 5, 6]
    assert layout([2, 0]).first.tolist() == [0, 1]
    assert layout([3, 3, 1, 2, 2], tail=1).runs == [(0, 2, 3), (6, 1, 1), (7, 2, 2)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=10), st.integers(0, 3), st.integers(0, 5))
def test_attention_by_length(lengths: list[int], empty: int, tail: int) -> None:
    check(by_length, lengths + [0] * empty, tail, size=8, dtype=torch.float32)


@pytest.mark.skipif(DEVICE == "cpu", reason="torch has this kernel on CUDA only")
@pytest.mark.parametrize("size", [32, 64])
def test_attention_by_torchs_kernel(size: int) -> None:
    check(varlen, ROWS, TAIL, size=size, dtype=torch.float16)
