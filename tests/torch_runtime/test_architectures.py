"""Models of transformers in packed form: the four architectures, their variants, and what is not supported."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from torch import nn

import tiny
from emoscope.torch_runtime import PackedModel, architectures
from emoscope.torch_runtime.architectures import pack
from reference_logits import assert_equal_logits, batch, reference

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("distilbert", {"activation": "relu"}),
    ("distilbert", {"sinusoidal_pos_embds": True, "n_heads": 4}),
    ("distilbert", {"n_layers": 1}),
    ("bert", {"hidden_act": "gelu_new", "layer_norm_eps": 1e-3}),
    ("bert", {"hidden_act": "gelu_pytorch_tanh", "type_vocab_size": 5}),
    ("bert", {"hidden_size": 64, "num_attention_heads": 1, "max_position_embeddings": 24}),
    ("roberta", {"pad_token_id": 5, "hidden_act": "relu"}),
    ("roberta", {"type_vocab_size": 2, "max_position_embeddings": 30}),
    ("albert", {"num_hidden_groups": 2, "num_hidden_layers": 4, "inner_group_num": 1}),
    ("albert", {"hidden_act": "gelu", "embedding_size": 32, "inner_group_num": 2}),
]


@pytest.mark.parametrize(("architecture", "changes"), VARIANTS, ids=str)
def test_variants_of_a_configuration_are_packed(architecture: str, changes: dict[str, Any]) -> None:
    model = tiny.classifier(architecture, **changes)
    rows = batch([1, 9, 20, 24, 3])
    encoder = pack(model)
    assert encoder is not None
    assert_equal_logits(PackedModel(encoder, parameters=1).logits(rows), reference(model, rows))


NOT_SUPPORTED: list[tuple[str, dict[str, Any]]] = [
    ("bert", {"hidden_act": "silu"}),
    ("bert", {"is_decoder": True}),
    ("bert", {"position_embedding_type": "relative_key"}),
    ("roberta", {"hidden_act": "mish"}),
]


@pytest.mark.parametrize(("architecture", "changes"), NOT_SUPPORTED, ids=str)
def test_settings_that_are_not_supported_are_not_packed(architecture: str, changes: dict[str, Any]) -> None:
    assert pack(tiny.classifier(architecture, **changes)) is None


def test_other_modules_are_not_packed() -> None:
    config = transformers.ElectraConfig(vocab_size=50, hidden_size=16, num_attention_heads=2, num_hidden_layers=1)
    assert pack(transformers.ElectraForSequenceClassification(config)) is None
    assert pack(nn.Linear(2, 2)) is None


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_a_packed_encoder_with_other_logits_is_rejected(
    models: dict[str, nn.Module], architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(architectures.ACTIVATIONS, "gelu", torch.relu)
    monkeypatch.setitem(architectures.ACTIVATIONS, "gelu_new", torch.relu)
    assert pack(models[architecture]) is None
