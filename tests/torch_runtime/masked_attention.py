"""The reference for attention within rows: one product with a mask, in float64."""

from __future__ import annotations

import torch
from torch import Tensor

from emoscope.torch_runtime.attention import Attention, RowLayout
from reference_logits import rounding

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROWS = [1, 5, 70, 2, 1, 1, 33, 130, 7, 7, 7, 0, 0]
"""Lengths of rows, of which a block of 64 tokens holds several, one or part of one."""
TAIL = 20
"""Tokens that belong to no row."""
COARSE = {torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""Tolerances of results of about 1 in half precision."""


def layout(lengths: list[int], tail: int = 0) -> RowLayout:
    """Rows of these lengths, and tokens after them."""
    offsets = torch.tensor([0, *lengths]).cumsum(0).int().to(DEVICE)
    return RowLayout(offsets, int(offsets[-1]) + tail, max(lengths))


def inputs(tokens: int, size: int, dtype: torch.dtype, heads: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Random queries, keys and values as they come from one product: interleaved, not contiguous."""
    generator = torch.Generator().manual_seed(tokens)
    q, k, v = torch.randn(tokens, 3, heads, size, generator=generator).to(DEVICE, dtype).unbind(1)
    return q, k, v


def check(attention: Attention, lengths: list[int], tail: int, size: int, dtype: torch.dtype) -> None:
    """Compare with the reference, for all tokens and for each row's first one."""
    rows = layout(lengths, tail)
    q, k, v = inputs(rows.tokens, size, dtype)
    atol = COARSE.get(dtype) or rounding(float(v.abs().max()), terms=max(size, *lengths))
    inside, filled = rows.tokens - tail, sum(length > 0 for length in lengths)
    everywhere = attention(q, k, v, rows)[:inside]
    torch.testing.assert_close(everywhere.double(), _masked(q, k, v, *rows.bounds)[:inside], atol=atol, rtol=0)
    first = attention(q[rows.first], k, v, rows, first=True)[:filled]
    expected = _masked(q[rows.first], k, v, rows.offsets[:-1], rows.offsets[1:])[:filled]
    torch.testing.assert_close(first.double(), expected, atol=atol, rtol=0)


def _masked(q: Tensor, k: Tensor, v: Tensor, begin: Tensor, end: Tensor) -> Tensor:
    """Attention of query i to the keys `begin[i]:end[i]`; 0 for a query without keys."""
    key = torch.arange(len(k), device=k.device)
    seen = (key >= begin[:, None]) & (key < end[:, None])
    scores = torch.einsum("qhd,khd->hqk", q.double(), k.double()) / q.shape[-1] ** 0.5
    weights = scores.masked_fill(~seen, float("-inf")).softmax(-1).nan_to_num(0)
    return torch.einsum("hqk,khd->qhd", weights, v.double())
