"""The torch model: modules of any architecture against transformers, a compact student against its own module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from torch import nn

from emoscope.compact import CompactModel, CompactShape, pad
from emoscope.errors import ModelError
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime import CompactClassifier, TorchModel, TransformersClassifier, load_module
from reference_logits import assert_equal_logits, batch, reference
from tiny import ARCHITECTURES

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
TEXTS = ["I woke up stunned, and 42 zebras didn't care.", "i am sad", "", "so happy " * 700]
ELECTRA = {"embedding_size": 8, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2, "bos_token_id": 1, "eos_token_id": 1, "n_positions": 64}
BART = {
    **{"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16},
    **{"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64},
    **{"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": 2},
}


def model(kind: str, **settings: Any) -> Any:
    """A tiny random sequence classifier of transformers."""
    config = getattr(transformers, f"{kind}Config")(vocab_size=300, num_labels=6, **settings)
    return getattr(transformers, f"{kind}ForSequenceClassification")(config).eval()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("device", DEVICES)
def test_small_calls_and_every_device_give_the_same_logits(
    folders: dict[str, Path], architecture: str, device: str
) -> None:
    folder = folders[architecture]
    rows = Tokenizer.from_file(folder / "tokenizer.json", max_length=512).encode(TEXTS * 3)
    expected = TorchModel(load_module(folder)).logits(rows)
    logits = TorchModel(load_module(folder), device=device, max_batch_tokens=64).logits(rows)
    assert (logits.dtype, logits.shape) == (np.float32, (len(rows.lengths), 6))
    assert_equal_logits(logits, expected)


@pytest.mark.parametrize(("kind", "settings"), [("GPT2", GPT2), ("Bart", BART)])
def test_rows_that_cannot_run_together_run_one_by_one(kind: str, settings: dict[str, Any]) -> None:
    """GPT-2 without a padding token takes one row, BART rows with equally many end tokens."""
    original = model(kind, **settings)
    rows = batch([9, 9, 9, 4])
    rows.ids[rows.ids == 2] = 3
    rows.ids[[8, 17, 26, 30, 12]] = 2
    assert_equal_logits(TorchModel(TransformersClassifier(original)).logits(rows), reference(original, rows))


def test_ids_and_rows_of_another_models_tokenizer_are_an_error_of_one_line() -> None:
    torch_model = TorchModel(TransformersClassifier(model("Electra", max_position_embeddings=64, **ELECTRA)))
    foreign = batch([4])
    foreign.ids[2] = 300
    with pytest.raises(ModelError, match=r"gave id 300, but the model has embeddings for 300 ids; .* tokenizer\.json"):
        torch_model.logits(foreign)
    with pytest.raises(ModelError, match=r"cannot run a row of 65 tokens \(.*\); check that its config") as caught:
        torch_model.logits(batch([65, 65, 3]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "bias", "problem"),
    [
        (torch.float16, 1e6, "overflows in float16; load it with dtype 'bfloat16'"),
        (torch.bfloat16, torch.inf, "not finite in torch.bfloat16"),
    ],
    ids=str,
)
def test_logits_that_are_not_finite_are_an_error(dtype: torch.dtype, bias: float, problem: str) -> None:
    original = model("Electra", **ELECTRA)
    nn.init.constant_(original.classifier.out_proj.bias, bias)
    with pytest.raises(ModelError, match=problem):
        TorchModel(TransformersClassifier(original), dtype=dtype).logits(batch([5]))


def test_half_precision_gives_float32_logits_that_are_near() -> None:
    original, rows = model("Electra", **ELECTRA), batch([3, 1, 20])
    expected = reference(original, rows)
    half = TorchModel(TransformersClassifier(original), dtype=torch.bfloat16).logits(rows)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - expected).max() < 0.05


@pytest.mark.parametrize("device", DEVICES)
def test_a_compact_student_equals_its_own_module(device: str) -> None:
    torch.manual_seed(0)
    student = CompactModel(CompactShape(300, 8, 8, 6)).eval()
    nn.init.normal_(student.vectors)
    rows = batch([3, 1, 20, 3])
    ids, mask = pad([row.tolist() for row in np.split(rows.ids, rows.offsets[1:-1])])
    with torch.no_grad():
        expected = student(ids, mask).numpy()
    compact = TorchModel(CompactClassifier(student), device=device)
    assert_equal_logits(compact.logits(rows), expected)
    assert compact.parameters == sum(parameter.numel() for parameter in student.parameters())
