"""The packed model against transformers: four architectures, any batch, steps of any size and of fixed sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from torch import nn

import tiny
from emoscope.errors import ModelError
from emoscope.tokenization import TokenBatch
from emoscope.torch_runtime import PackedModel
from emoscope.torch_runtime.architectures import pack
from emoscope.torch_runtime.operations import Operations
from reference_logits import assert_equal_logits, batch, probabilities, reference

FIXED = Operations("fixed", static=True)
"""On a CPU: everything that CUDA graphs need, except the capture."""
LENGTHS = [3, 1, 40, 1, 512, 7, 7, 22, 2, 300, 22, 64]

every_architecture = pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)


def runtime(model: nn.Module, **settings: Any) -> PackedModel:
    encoder = pack(model)
    assert encoder is not None
    return PackedModel(encoder, parameters=1, **settings)


@every_architecture
@pytest.mark.parametrize(
    "settings",
    [{}, {"step_tokens": [64]}, {"operations": FIXED}, {"operations": FIXED, "step_tokens": [128, 600]}],
    ids=["one step", "small steps", "fixed steps", "small fixed steps"],
)
def test_logits_equal_those_of_transformers(models: dict[str, nn.Module], architecture: str, settings: Any) -> None:
    rows = batch(LENGTHS)
    logits = runtime(models[architecture], **settings).logits(rows)
    assert (logits.dtype, logits.shape) == (np.float32, (len(LENGTHS), 6))
    assert_equal_logits(logits, reference(models[architecture], rows))
    assert len(set(logits.argmax(axis=1))) > 1


@settings(deadline=None, max_examples=25)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    architecture=st.sampled_from(tiny.ARCHITECTURES),
    fixed=st.booleans(),
    seed=st.integers(0, 9),
    random=st.randoms(use_true_random=False),
)
def test_a_row_does_not_depend_on_its_batch(
    models: dict[str, nn.Module], lengths: list[int], architecture: str, fixed: bool, seed: int, random: Any
) -> None:
    model = runtime(models[architecture], step_tokens=[50, 600], operations=FIXED if fixed else None)
    together = batch(lengths, seed=seed)
    order = list(range(len(lengths)))
    random.shuffle(order)
    alone = [single(together, row) for row in order]
    shuffled = TokenBatch(
        np.concatenate([row.ids for row in alone]),
        np.cumsum([0, *(len(row.ids) for row in alone)]),
        np.arange(len(order)),
        len(order),
    )
    expected = np.concatenate([model.logits(row) for row in alone])
    assert_equal_logits(model.logits(shuffled), expected)
    assert_equal_logits(model.logits(together)[order], expected)


def single(rows: TokenBatch, row: int) -> TokenBatch:
    ids = rows.ids[rows.offsets[row] : rows.offsets[row + 1]]
    return TokenBatch(ids, np.array([0, len(ids)]), np.zeros(1, np.int64), 1)


@every_architecture
@pytest.mark.parametrize("operations", [None, FIXED], ids=["any step", "fixed steps"])
def test_short_rows_fill_a_steps_rows_before_its_tokens(
    models: dict[str, nn.Module], architecture: str, operations: Operations | None
) -> None:
    rows = batch([1] * 200 + [2] * 50)
    logits = runtime(models[architecture], operations=operations, step_tokens=[600]).logits(rows)
    assert_equal_logits(logits, reference(models[architecture], rows))


def test_a_batch_without_rows_gives_no_logits(models: dict[str, nn.Module]) -> None:
    for operations in (None, FIXED):
        assert runtime(models["bert"], operations=operations).logits(batch([])).shape == (0, 6)


@every_architecture
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_near_and_keeps_the_labels(architecture: str, dtype: torch.dtype) -> None:
    """Weights as large as those of a trained model, logits of several units."""
    model = tiny.classifier(architecture, scale=0.15)
    rows = batch(np.random.default_rng(1).integers(1, 40, 150).tolist())
    exact = probabilities(reference(model, rows))
    half = probabilities(runtime(model, dtype=dtype, operations=FIXED).logits(rows))
    assert np.abs(half - exact).max() < (1e-2 if dtype is torch.float16 else 4e-2)
    best = np.sort(exact, axis=1)
    clear = best[:, -1] - best[:, -2] > 2e-2
    assert clear.mean() > 0.6
    assert (half.argmax(1) == exact.argmax(1))[clear].mean() >= 0.998


def test_overflow_in_float16_is_an_error(models: dict[str, nn.Module]) -> None:
    encoder = pack(models["bert"])
    model = PackedModel(encoder, parameters=1, dtype=torch.float16)
    with torch.no_grad():
        encoder.layers[1].up.weight.mul_(1e6)
    with pytest.raises(ModelError, match="overflows in float16; load it with dtype 'bfloat16'"):
        model.logits(batch([5]))


def test_weights_that_are_not_numbers_are_an_error_in_float32_too() -> None:
    encoder = pack(tiny.classifier("bert"))
    model = PackedModel(encoder, parameters=1)
    with torch.no_grad():
        encoder.layers[1].down.linear.bias.fill_(torch.nan)
    with pytest.raises(ModelError, match=r"logits are not finite in torch\.float32; its weights are damaged"):
        model.logits(batch([5]))


def test_token_ids_of_more_than_15_and_16_bits() -> None:
    wide = tiny.classifier("roberta", vocab_size=70_000)
    rows = batch([3, 30, 5], vocabulary=70_000)
    rows.ids[2] = 69_999
    assert_equal_logits(runtime(wide, operations=FIXED).logits(rows), reference(wide, rows))
    middle = tiny.classifier("bert", vocab_size=40_000)
    rows = batch([3, 30, 5], vocabulary=40_000)
    rows.ids[2] = 39_999
    assert_equal_logits(runtime(middle, operations=FIXED).logits(rows), reference(middle, rows))


def test_ids_and_rows_of_another_models_tokenizer_are_an_error(models: dict[str, nn.Module]) -> None:
    foreign = batch([4], vocabulary=tiny.VOCABULARY + 1)
    foreign.ids[2] = tiny.VOCABULARY
    for rows, got in (
        (foreign, "id 300, but the model has embeddings for 300 ids"),
        (batch([2, 513]), "a row of 513 tokens, but the model has 512 positions"),
    ):
        with pytest.raises(ModelError, match=rf"the tokenizer gave {got}; put its own tokenizer\.json beside it"):
            runtime(models["roberta"]).logits(rows)


def test_a_step_that_cannot_hold_the_longest_row_is_an_error(models: dict[str, nn.Module]) -> None:
    with pytest.raises(ValueError, match="a step of 128 tokens cannot hold a row of 512"):
        runtime(models["roberta"], operations=FIXED, step_tokens=[64, 128])
