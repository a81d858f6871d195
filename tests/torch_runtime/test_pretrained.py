"""Classifiers and tokenizers that transformers reads from a checkpoint, and files that it cannot read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from checkpoint_copies import copy
from emoscope.errors import ModelError
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime.pretrained import load_fast_tokenizer, load_sequence_classifier
from reference_logits import assert_equal_logits, batch, reference
from tiny import ARCHITECTURES

TEXTS = [
    "I woke up stunned, and 42 zebras didn't care.",
    "",
    "Café, naïve <pad> [SEP] and a tab\there",
    "so happy " * 700,
]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_tokenizer_without_tokenizer_json_is_converted(
    folders: dict[str, Path], architecture: str, tmp_path: Path
) -> None:
    if architecture == "albert":
        pytest.importorskip("sentencepiece")
    folder = copy(folders[architecture], tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    expected = Tokenizer.from_file(folders[architecture] / "tokenizer.json", max_length=512).encode(TEXTS)
    rows = Tokenizer(load_fast_tokenizer(folder).backend_tokenizer, max_length=512).encode(TEXTS)
    np.testing.assert_array_equal(rows.ids, expected.ids)
    np.testing.assert_array_equal(rows.offsets, expected.offsets)


def test_weights_in_pytorch_model_bin(folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = copy(folders["distilbert"], tmp_path / "model")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    rows = batch([3, 20], vocabulary=150)
    expected = reference(load_sequence_classifier(folders["distilbert"]), rows)
    assert_equal_logits(reference(load_sequence_classifier(folder), rows), expected)


def test_an_encoder_without_a_head_is_an_error_unless_it_gets_a_new_one(folders: dict[str, Path]) -> None:
    folder = folders["bert"].parents[1] / "google-bert" / "bert-base-uncased"
    with pytest.raises(ModelError, match=r"lack classifier\.bias.*emoscope train") as caught:
        load_sequence_classifier(folder)
    assert "\n" not in str(caught.value)
    rows, logits = batch([3, 20], vocabulary=150), []
    for _ in range(2):
        torch.manual_seed(0)
        logits.append(reference(load_sequence_classifier(folder, new_head=True, num_labels=5), rows))
    assert logits[0].shape == (2, 5)
    assert_equal_logits(*logits)


def test_damaged_weights_config_and_tokenizer_are_errors_of_one_line(folders: dict[str, Path], tmp_path: Path) -> None:
    unknown = copy(folders["bert"], tmp_path / "unknown", model_type="no-such-type", architectures=["None"])
    other = copy(folders["bert"], tmp_path / "other", hidden_size=64)
    damaged = copy(folders["bert"], tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"damaged")
    for folder in (unknown, other, damaged):
        with pytest.raises(ModelError, match="the checkpoint in .* cannot be read") as caught:
            load_sequence_classifier(folder)
        assert "\n" not in str(caught.value)
    empty = copy(folders["albert"], tmp_path / "empty")
    (empty / "tokenizer.json").unlink()
    (empty / "spiece.model").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="no tokenizer can be made") as caught:
        load_fast_tokenizer(empty)
    assert "\n" not in str(caught.value)
