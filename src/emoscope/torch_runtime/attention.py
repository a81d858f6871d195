"""Block-diagonal attention over a flat stream of tokens: each token sees the tokens of its own row.

Three ways to the same result: rows of one length together through torch's `scaled_dot_product_attention` (any device,
any dtype), torch's `varlen_attn` and the kernel of `kernels.py` (CUDA, half precision; static shapes, so that a CUDA
graph can hold them).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Rows:
    """Where the rows of a stream lie: row i holds the tokens `offsets[i]:offsets[i + 1]`.

    Rows at the end may be empty, and tokens at the end may belong to no row; nothing that is worked out for
    either is used.

    Attributes:
        offsets: int32 (rows + 1,), never decreasing.
        tokens: length of the stream.
        longest: most tokens of a row.
    """

    offsets: Tensor
    tokens: int
    longest: int

    @cached_property
    def bounds(self) -> tuple[Tensor, Tensor]:
        """Of each token, where its row begins and ends, int32 (tokens,) twice; both the same for one of no row."""
        token = torch.arange(self.tokens, dtype=torch.int32, device=self.offsets.device)
        row = torch.searchsorted(self.offsets[1:], token, right=True)
        begin = torch.cat([self.offsets, self.offsets[-1:]])
        return begin[row], begin[1:][row]

    @cached_property
    def positions(self) -> Tensor:
        """Position of each token in its row, int64 (tokens,), 0 for one of no row."""
        begin, end = self.bounds
        token = torch.arange(self.tokens, device=begin.device)
        return (token - begin) * (end > begin)

    @cached_property
    def first(self) -> Tensor:
        """Index of each row's first token, int64 (rows,); any token for an empty row."""
        return self.offsets[:-1].long().clamp(max=self.tokens - 1)

    @cached_property
    def runs(self) -> list[tuple[int, int, int]]:
        """Neighbouring rows of one length: (first token, rows, length) of each such run."""
        lengths, counts = torch.unique_consecutive(self.offsets.diff(), return_counts=True)
        runs, start = [], 0
        for length, count in zip(lengths.tolist(), counts.tolist(), strict=True):
            if length:
                runs.append((start, count, length))
            start += count * length
        return runs


class Attention(Protocol):
    """Queries of every token, or, with `first`, of each row's first token alone."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, rows: Rows, *, first: bool = False) -> Tensor:
        """*Shape:* (queries, heads, size), (tokens, heads, size) twice -> (queries, heads, size)."""
        ...


def by_length(q: Tensor, k: Tensor, v: Tensor, rows: Rows, *, first: bool = False) -> Tensor:
    """Runs of rows of one length, each exact without a mask. Fastest when the rows are sorted by length."""
    mixed = torch.zeros_like(q)
    row = 0
    for start, count, length in rows.runs:
        tokens = slice(start, start + count * length)
        queries = slice(row, row + count) if first else tokens
        parts = (part.view(count, -1, *part.shape[1:]).transpose(1, 2) for part in (q[queries], k[tokens], v[tokens]))
        queried, keys, values = parts
        found = functional.scaled_dot_product_attention(queried, keys, values)
        mixed[queries] = found.transpose(1, 2).flatten(0, 1)
        row += count
    return mixed


def varlen(q: Tensor, k: Tensor, v: Tensor, rows: Rows, *, first: bool = False) -> Tensor:
    """The kernel of torch: a block of 64 or 128 queries holds one row, most of it empty where rows are short."""
    from torch.nn.attention.varlen import varlen_attn

    queries = torch.arange(len(rows.offsets), dtype=torch.int32, device=q.device) if first else rows.offsets
    mixed = varlen_attn(q, k, v, queries, rows.offsets, 1 if first else rows.longest, rows.longest)
    assert isinstance(mixed, Tensor)
    return mixed


def in_stream(q: Tensor, k: Tensor, v: Tensor, rows: Rows, *, first: bool = False) -> Tensor:
    """Our kernel: a block of 64 neighbouring queries holds several rows."""
    from emoscope.torch_runtime import kernels

    begin, end = (rows.offsets[:-1], rows.offsets[1:]) if first else rows.bounds
    return kernels.attention(q, k, v, begin, end, apart=first)
