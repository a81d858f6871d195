"""Triton kernels of the packed encoder on CUDA: attention within rows, and the layer norm of a sum.

Triton comes with torch's CUDA builds on Linux; with TRITON_INTERPRET=1 the kernels run on the CPU, as in the tests.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

QUERIES, FIRST_QUERIES, KEYS = 64, 16, 64
"""Tokens in one block of queries, of queries that are each in a row of their own, and of keys."""


def attention(q: Tensor, k: Tensor, v: Tensor, begin: Tensor, end: Tensor, *, apart: bool = False) -> Tensor:
    """Softmax attention in which query i sees the keys `begin[i]:end[i]` and no others; a query without keys gets 0.

    The queries must be sorted by `begin`: a block of queries reads the keys from the first to the last that any of them
    sees, so that a stream of short rows costs little more than its tokens.

    Args:
        q: the queries.
        k: the keys.
        v: the values.
        begin: first key of each query.
        end: one past the last key of each query.
        apart: whether each query is in a row of its own, so that a block holds fewer of them.

    *Shape:* (queries, heads, size), (tokens, heads, size) twice, int32 (queries,) twice -> (queries, heads, size)
    """
    queries, heads, size = q.shape
    out = torch.empty((queries, heads, size), dtype=q.dtype, device=q.device)
    block = FIRST_QUERIES if apart else QUERIES
    tokens_and_heads = [stride for tensor in (q, k, v, out) for stride in tensor.stride()[:2]]
    scale = size**-0.5 * 1.4426950408889634  # log2(e): the kernel's exponentials are powers of two
    shapes = size, max(16, triton.next_power_of_2(size)), block, KEYS
    grid = triton.cdiv(queries, block), heads
    _attention[grid](q, k, v, out, begin, end, queries, scale, *tokens_and_heads, *shapes)
    return out


def add_norm(x: Tensor, residual: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Layer norm of a sum; everything is read once and written once, the statistics are float32.

    *Shape:* (tokens, hidden) twice -> (tokens, hidden)
    """
    tokens, hidden = x.shape
    out = torch.empty_like(x)
    _add_norm[(tokens,)](x, residual, out, norm.weight, norm.bias, norm.eps, hidden, triton.next_power_of_2(hidden))
    return out


@triton.jit
def _attention(
    q, k, v, out, begin, end, queries, scale,
    q_token, q_head, k_token, k_head, v_token, v_head, out_token, out_head,
    SIZE: tl.constexpr, WIDTH: tl.constexpr, QUERY_BLOCK: tl.constexpr, KEY_BLOCK: tl.constexpr,
):  # fmt: skip
    """One block of queries of one head, by softmax with a running maximum and sum (Milakov and Gimelshein, 2018)."""
    head = tl.program_id(1)
    query = tl.program_id(0) * QUERY_BLOCK + tl.arange(0, QUERY_BLOCK)
    column = tl.arange(0, WIDTH)
    inside = (query < queries)[:, None] & (column < SIZE)[None, :]
    first = tl.load(begin + query, mask=query < queries, other=2147483647)
    last = tl.load(end + query, mask=query < queries, other=0)
    stop = tl.max(last, 0)
    queried = tl.load(q + query[:, None] * q_token + head * q_head + column[None, :], mask=inside, other=0.0)
    maximum = tl.full((QUERY_BLOCK,), -1e30, tl.float32)
    total = tl.zeros((QUERY_BLOCK,), tl.float32)
    attended = tl.zeros((QUERY_BLOCK, WIDTH), tl.float32)
    for start in range(tl.min(first, 0), stop, KEY_BLOCK):
        key = start + tl.arange(0, KEY_BLOCK)
        present = (key < stop)[:, None] & (column < SIZE)[None, :]
        keys = tl.load(k + key[:, None] * k_token + head * k_head + column[None, :], mask=present, other=0.0)
        values = tl.load(v + key[:, None] * v_token + head * v_head + column[None, :], mask=present, other=0.0)
        seen = (key[None, :] >= first[:, None]) & (key[None, :] < last[:, None])
        scores = tl.dot(queried, tl.trans(keys), input_precision="ieee") * scale
        scores = tl.where(seen, scores, -1e30)
        new_maximum = tl.maximum(maximum, tl.max(scores, 1))
        rescale = tl.exp2(maximum - new_maximum)
        weights = tl.where(seen, tl.exp2(scores - new_maximum[:, None]), 0.0)
        total = total * rescale + tl.sum(weights, 1)
        attended = attended * rescale[:, None] + tl.dot(weights.to(values.dtype), values, input_precision="ieee")
        maximum = new_maximum
    attended = attended / tl.where(total > 0, total, 1.0)[:, None]
    target = out + query[:, None] * out_token + head * out_head + column[None, :]
    tl.store(target, attended.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _add_norm(x, residual, out, weight, bias, eps, hidden, WIDTH: tl.constexpr):
    """One token: the statistics and the normalised sum."""
    start = tl.program_id(0) * hidden
    column = tl.arange(0, WIDTH)
    inside = column < hidden
    total = tl.load(x + start + column, mask=inside, other=0.0).to(tl.float32)
    total += tl.load(residual + start + column, mask=inside, other=0.0).to(tl.float32)
    centred = tl.where(inside, total - tl.sum(total, 0) / hidden, 0.0)
    normal = centred / tl.sqrt(tl.sum(centred * centred, 0) / hidden + eps)
    scaled = normal * tl.load(weight + column, mask=inside, other=0.0) + tl.load(bias + column, mask=inside, other=0.0)
    tl.store(out + start + column, scaled.to(out.dtype.element_ty), mask=inside)
