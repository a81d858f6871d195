"""Attention within rows that lie one after the other in a stream of tokens: each token sees the tokens of its own row.

Three implementations with the same result: `by_length` (any device and dtype, through torch's
`scaled_dot_product_attention`), and for CUDA in half precision torch's `varlen` kernel and our `in_stream` kernel
(`kernels.py`), whose shapes are static, so that a CUDA graph can capture them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class RowLayout:
    """Where the rows of a stream begin and end: row i holds the tokens `offsets[i]:offsets[i + 1]`.

    Rows at the end may be empty, and tokens at the end may belong to no row; results for either are never used.

    Attributes:
        offsets: int32 (rows + 1,), never decreasing.
        tokens: length of the stream.
        longest: maximum number of tokens in a row.
    """

    offsets: Tensor
    tokens: int
    longest: int

    @cached_property
    def bounds(self) -> tuple[Tensor, Tensor]:
        """Begin and end of each token's row, int32 (tokens,) twice; equal for a token that belongs to no row."""
        token = torch.arange(self.tokens, dtype=torch.int32, device=self.offsets.device)
        row = torch.searchsorted(self.offsets[1:], token, right=True)
        begin = torch.cat([self.offsets, self.offsets[-1:]])
        return begin[row], begin[1:][row]

    @cached_property
    def positions(self) -> Tensor:
        """Position of each token in its row, int64 (tokens,); 0 for a token that belongs to no row."""
        begin, end = self.bounds
        token = torch.arange(self.tokens, device=begin.device)
        return (token - begin) * (end > begin)

    @cached_property
    def first(self) -> Tensor:
        """Index of each row's first token, int64 (rows,); any token for an empty row."""
        return self.offsets[:-1].long().clamp(max=self.tokens - 1)

    @cached_property
    def runs(self) -> list[tuple[int, int, int]]:
        """(first token, rows, length) of each run of neighbouring rows of equal length."""
        lengths, counts = torch.unique_consecutive(self.offsets.diff(), return_counts=True)
        runs, start = [], 0
        for length, count in zip(lengths.tolist(), counts.tolist(), strict=True):
            if length:
                runs.append((start, count, length))
            start += count * length
        return runs


class Attention(Protocol):
    """Softmax attention within rows."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, rows: RowLayout, *, first: bool = False) -> Tensor:
        """Attend from every token or, with `first`, from each row's first token only.

        *Shape:* (queries, heads, size), (tokens, heads, size) twice -> (queries, heads, size).
        """
        ...


def by_length(q: Tensor, k: Tensor, v: Tensor, rows: RowLayout, *, first: bool = False) -> Tensor:
    """Neighbouring rows of equal length together, without a mask; fastest if the rows are sorted by length."""
    attended = torch.zeros_like(q)
    row = 0
    for start, count, length in rows.runs:
        tokens = slice(start, start + count * length)
        queries = slice(row, row + count) if first else tokens
        parts = (part.view(count, -1, *part.shape[1:]).transpose(1, 2) for part in (q[queries], k[tokens], v[tokens]))
        row_q, row_k, row_v = parts
        attended[queries] = functional.scaled_dot_product_attention(row_q, row_k, row_v).transpose(1, 2).flatten(0, 1)
        row += count
    return attended


def varlen(q: Tensor, k: Tensor, v: Tensor, rows: RowLayout, *, first: bool = False) -> Tensor:
    """Torch's kernel, in which a block of 64 or 128 queries holds one row and is mostly empty if rows are short."""
    from torch.nn.attention.varlen import varlen_attn

    queries = torch.arange(len(rows.offsets), dtype=torch.int32, device=q.device) if first else rows.offsets
    attended = varlen_attn(q, k, v, queries, rows.offsets, 1 if first else rows.longest, rows.longest)
    assert isinstance(attended, Tensor)
    return attended


def in_stream(q: Tensor, k: Tensor, v: Tensor, rows: RowLayout, *, first: bool = False) -> Tensor:
    """Our kernel, in which a block of 64 neighbouring queries holds several rows."""
    from emoscope.torch_runtime import kernels

    begin, end = (rows.offsets[:-1], rows.offsets[1:]) if first else rows.bounds
    return kernels.attention(q, k, v, begin, end, apart=first)
