"""The operations of a packed encoder that differ between devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from torch import Tensor, nn

from emoscope.torch_runtime.attention import Attention, by_length, in_stream, varlen


def add_norm(x: Tensor, residual: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Layer norm of a sum. *Shape:* (tokens, hidden) twice -> (tokens, hidden)."""
    normal: Tensor = norm(x + residual)
    return normal


@dataclass(frozen=True)
class Operations:
    """One way to compute a layer.

    Attributes:
        name: the name in benchmarks.
        attention: attention within rows.
        add_norm: layer norm of a sum.
        static: whether they need nothing about the rows on the host, so that a CUDA graph can capture them.
    """

    name: str = "torch"
    attention: Attention = by_length
    add_norm: Callable[[Tensor, Tensor, nn.LayerNorm], Tensor] = add_norm
    static: bool = False


TORCH = Operations()
"""Needs nothing but torch; the only choice on a CPU."""


def on_cuda() -> Iterator[Operations]:
    """The operations that a CUDA device may support, the fastest first."""
    if find_spec("triton"):
        from emoscope.torch_runtime import kernels

        yield Operations("triton", in_stream, kernels.add_norm, static=True)
    if find_spec("torch.nn.attention.varlen"):
        yield Operations("varlen", varlen, static=True)
    yield TORCH
