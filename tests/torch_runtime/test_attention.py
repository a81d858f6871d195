"""Block-diagonal attention against one product with a mask; the kernels in Triton's interpreter, or on the GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from torch import Tensor, nn

import tiny
from emoscope.torch_runtime import PackedModel
from emoscope.torch_runtime.architectures import pack
from emoscope.torch_runtime.attention import Attention, RowLayout, by_length, in_stream, varlen
from emoscope.torch_runtime.operations import Operations
from reference_logits import assert_equal_logits, batch, reference
from tiny import ARCHITECTURES

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
ROWS = [1, 5, 70, 2, 1, 1, 33, 130, 7, 7, 7, 0, 0]
TAIL = 20  # tokens of no row


def masked(q: Tensor, k: Tensor, v: Tensor, begin: Tensor, end: Tensor) -> Tensor:
    """Attention with a mask, in float64; 0 where there are no keys."""
    key = torch.arange(len(k), device=k.device)
    seen = (key >= begin[:, None]) & (key < end[:, None])
    scores = torch.einsum("qhd,khd->hqk", q.double(), k.double()) / q.shape[-1] ** 0.5
    weights = scores.masked_fill(~seen, float("-inf")).softmax(-1).nan_to_num(0)
    return torch.einsum("hqk,khd->qhd", weights, v.double())


def rows(lengths: list[int], tail: int = 0) -> RowLayout:
    offsets = torch.tensor([0, *lengths]).cumsum(0).int().to(DEVICE)
    return RowLayout(offsets, int(offsets[-1]) + tail, max(lengths))


def inputs(count: int, size: int, dtype: torch.dtype, heads: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as they come from one product: interleaved, not contiguous."""
    generator = torch.Generator().manual_seed(count)
    q, k, v = torch.randn(count, 3, heads, size, generator=generator).to(DEVICE, dtype).unbind(1)
    return q, k, v


def check(attention: Attention, lengths: list[int], tail: int, size: int, dtype: torch.dtype, atol: float) -> None:
    stream = rows(lengths, tail)
    q, k, v = inputs(stream.tokens, size, dtype)
    inside = stream.tokens - tail
    everywhere = attention(q, k, v, stream)[:inside]
    torch.testing.assert_close(everywhere.double(), masked(q, k, v, *stream.bounds)[:inside], atol=atol, rtol=0)
    filled = sum(length > 0 for length in lengths)
    first = attention(q[stream.first], k, v, stream, first=True)[:filled]
    expected = masked(q[stream.first], k, v, stream.offsets[:-1], stream.offsets[1:])[:filled]
    torch.testing.assert_close(first.double(), expected, atol=atol, rtol=0)


def test_positions_bounds_and_first_tokens() -> None:
    stream = rows([2, 3, 1, 0], tail=2)
    begin, end = stream.bounds
    assert begin.tolist() == [0, 0, 2, 2, 2, 5, 6, 6]
    assert end.tolist() == [2, 2, 5, 5, 5, 6, 6, 6]
    assert stream.positions.tolist() == [0, 1, 0, 1, 2, 0, 0, 0]
    assert stream.first.tolist() == [0, 2, 5, 6]
    assert rows([2, 0]).first.tolist() == [0, 1]
    assert rows([3, 3, 1, 2, 2], tail=1).runs == [(0, 2, 3), (6, 1, 1), (7, 2, 2)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=10), st.integers(0, 3), st.integers(0, 5))
def test_by_length(lengths: list[int], empty: int, tail: int) -> None:
    check(by_length, lengths + [0] * empty, tail, size=8, dtype=torch.float32, atol=1e-6)


@pytest.mark.skipif(not CUDA, reason="torch has this kernel on CUDA alone")
@pytest.mark.parametrize("size", [32, 64])
def test_varlen(size: int) -> None:
    check(varlen, ROWS, TAIL, size=size, dtype=torch.float16, atol=4e-3)


@pytest.fixture
def kernels() -> Any:
    """The kernels; without a GPU they run in Triton's interpreter, which tests/conftest.py chooses."""
    if not CUDA and os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("there is a GPU, but this torch cannot use it; set TRITON_INTERPRET=1")
    pytest.importorskip("triton", reason="Triton is not installed; torch's CUDA builds bring it")
    from emoscope.torch_runtime import kernels

    return kernels


@pytest.mark.parametrize("size", [8, 32, 64, 80])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_in_stream(kernels: Any, size: int, dtype: torch.dtype) -> None:
    check(in_stream, ROWS, TAIL, size=size, dtype=dtype, atol=2e-6 if dtype is torch.float32 else 4e-3)


@pytest.mark.skipif(not CUDA, reason="Triton's interpreter has no product in bfloat16")
def test_in_stream_in_bfloat16(kernels: Any) -> None:
    check(in_stream, ROWS, TAIL, size=64, dtype=torch.bfloat16, atol=3e-2)


def test_a_token_of_no_row_gets_zeros(kernels: Any) -> None:
    stream = rows([3, 2], tail=4)
    q, k, v = inputs(stream.tokens, 16, torch.float32)
    assert in_stream(q, k, v, stream)[5:].abs().max() == 0


@pytest.mark.parametrize(("hidden", "dtype"), [(24, torch.float32), (768, torch.float32), (384, torch.float16)])
def test_add_norm(kernels: Any, hidden: int, dtype: torch.dtype) -> None:
    norm = nn.LayerNorm(hidden, eps=1e-12).to(DEVICE, dtype)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x, residual = torch.randn(2, 9, hidden, generator=torch.Generator().manual_seed(0)).to(DEVICE, dtype)
    expected = nn.functional.layer_norm(
        x.double() + residual.double(), (hidden,), norm.weight.double(), norm.bias.double(), norm.eps
    )
    result = kernels.add_norm(x, residual, norm)
    assert result.dtype == dtype
    torch.testing.assert_close(result.double(), expected, atol=1e-5 if dtype is torch.float32 else 1e-2, rtol=1e-3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_encoder_with_the_kernels(kernels: Any, architecture: str) -> None:
    model = tiny.classifier(architecture, max_position_embeddings=16)
    encoder = pack(model)
    operations = Operations("triton", in_stream, kernels.add_norm, static=True)
    stream = batch([3, 1, 12])
    expected = reference(model, stream)
    packed = PackedModel(
        encoder, parameters=1, device=DEVICE, dtype=torch.float32, operations=operations, step_tokens=[32]
    )
    assert_equal_logits(packed.logits(stream), expected)


# -- compiled for a GPU that is not here


SIGNATURES = {
    "_attention": {"begin": "*i32", "end": "*i32", "queries": "i32", "scale": "fp32"},
    "_add_norm": {"eps": "fp32", "hidden": "i32"},
}
CONSTANTS = {
    "_attention": {"SIZE": 64, "WIDTH": 64, "QUERY_BLOCK": 64, "KEY_BLOCK": 64},
    "_add_norm": {"WIDTH": 1024},
}
COMPILE = """
import sys
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from emoscope.torch_runtime import kernels

name, signature, constants = sys.argv[1], eval(sys.argv[2]), eval(sys.argv[3])
kernel = getattr(kernels, name)
pointers = {"q", "k", "v", "out", "x", "residual", "weight", "bias"}
kinds = {n: signature.get(n, "*bf16" if n in pointers else "i32") for n in kernel.arg_names}
kinds |= dict.fromkeys(constants, "constexpr")
source = ASTSource(kernel, kinds, {(kernel.arg_names.index(n),): value for n, value in constants.items()})
print(len(compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]))
"""


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_kernels_compile_for_hopper(name: str, tmp_path: Any) -> None:
    pytest.importorskip("triton", reason="Triton is not installed; torch's CUDA builds bring it")
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    run = subprocess.run(
        [sys.executable, "-c", COMPILE, name, repr(SIGNATURES[name]), repr(CONSTANTS[name])],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 0
