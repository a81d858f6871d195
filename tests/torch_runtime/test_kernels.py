"""The Triton kernels, in Triton's interpreter or on the GPU; and compiled for a GPU that is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("triton", reason="Triton is not installed; torch's CUDA builds bring it")

import torch
from masked_attention import COARSE, DEVICE, ROWS, TAIL, check, inputs, layout
from torch import nn

import tiny
from emoscope.torch_runtime import PackedModel
from emoscope.torch_runtime.architectures import pack
from emoscope.torch_runtime.attention import in_stream
from emoscope.torch_runtime.operations import Operations
from reference_logits import assert_equal_logits, batch, reference, rounding


@pytest.fixture
def kernels() -> Any:
    """The kernels; without a GPU they run in Triton's interpreter, which tests/conftest.py chooses."""
    if DEVICE == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("this machine has a GPU that this torch cannot use; set TRITON_INTERPRET=1")
    from emoscope.torch_runtime import kernels

    return kernels


@pytest.mark.parametrize("size", [8, 32, 64, 80])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_attention(kernels: Any, size: int, dtype: torch.dtype) -> None:
    check(in_stream, ROWS, TAIL, size=size, dtype=dtype)


@pytest.mark.skipif(DEVICE == "cpu", reason="Triton's interpreter has no product in bfloat16")
def test_attention_in_bfloat16(kernels: Any) -> None:
    check(in_stream, ROWS, TAIL, size=64, dtype=torch.bfloat16)


def test_attention_of_a_token_that_belongs_to_no_row_is_0(kernels: Any) -> None:
    rows = layout([3, 2], tail=4)
    q, k, v = inputs(rows.tokens, 16, torch.float32)
    assert in_stream(q, k, v, rows)[5:].abs().max() == 0


@pytest.mark.parametrize(("hidden", "dtype"), [(24, torch.float32), (768, torch.float32), (384, torch.float16)])
def test_layer_norm_of_a_sum(kernels: Any, hidden: int, dtype: torch.dtype) -> None:
    norm = nn.LayerNorm(hidden, eps=1e-12).to(DEVICE, dtype)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x, residual = torch.randn(2, 9, hidden, generator=torch.Generator().manual_seed(0)).to(DEVICE, dtype)
    expected = nn.functional.layer_norm(
        x.double() + residual.double(), (hidden,), norm.weight.double(), norm.bias.double(), norm.eps
    )
    result = kernels.add_norm(x, residual, norm)
    assert result.dtype == dtype
    largest = float(expected.detach().abs().max())
    atol = largest * COARSE[dtype] if dtype in COARSE else rounding(largest, terms=hidden)
    torch.testing.assert_close(result.double(), expected, atol=atol, rtol=0)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_an_encoder_with_the_kernels(kernels: Any, architecture: str) -> None:
    model = tiny.classifier(architecture, max_position_embeddings=16)
    operations = Operations("triton", in_stream, kernels.add_norm, static=True)
    rows = batch([3, 1, 12])
    expected = reference(model, rows)
    packed = PackedModel(
        pack(model), parameters=1, device=DEVICE, dtype=torch.float32, operations=operations, step_tokens=[32]
    )
    assert_equal_logits(packed.logits(rows), expected)


COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from emoscope.torch_runtime import kernels

TYPES = {"begin": "*i32", "end": "*i32", "scale": "fp32", "eps": "fp32"}
POINTERS = {"q", "k", "v", "out", "x", "residual", "weight", "bias"}

def size(kernel, **constants):
    types = {name: TYPES.get(name, "*bf16" if name in POINTERS else "i32") for name in kernel.arg_names}
    types |= dict.fromkeys(constants, "constexpr")
    values = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    return len(compile(ASTSource(kernel, types, values), target=GPUTarget("cuda", 90, 32)).asm["cubin"])

print(size(kernels._attention, SIZE=64, WIDTH=64, QUERY_BLOCK=64, KEY_BLOCK=64), size(kernels._add_norm, WIDTH=1024))
"""


def test_the_kernels_compile_for_hopper(tmp_path: Any) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    run = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert all(int(size) > 0 for size in run.stdout.split()) and len(run.stdout.split()) == 2
