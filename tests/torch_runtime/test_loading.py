"""Which runtime a checkpoint is loaded as; devices, precisions, and checkpoints that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers

from checkpoint_copies import copy
from emoscope import EmotionClassifier
from emoscope.errors import ModelError
from emoscope.torch_runtime import PackedModel, TorchModel, load_module, load_runtime
from reference_logits import assert_equal_logits, batch, reference
from tiny import ARCHITECTURES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_checkpoint_of_the_four_architectures_is_packed(folders: dict[str, Path], architecture: str) -> None:
    runtime = load_runtime(folders[architecture])
    assert isinstance(runtime, PackedModel)
    original = transformers.AutoModelForSequenceClassification.from_pretrained(folders[architecture]).eval()
    assert runtime.parameters == original.num_parameters()
    rows = batch([3, 1, 40, 1, 512, 7, 7, 22], vocabulary=150)
    assert_equal_logits(runtime.logits(rows), reference(original, rows))


def test_a_checkpoint_of_another_architecture_runs_as_it_is(tmp_path: Path) -> None:
    sizes = {"embedding_size": 8, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    config = transformers.ElectraConfig(vocab_size=300, num_labels=6, **sizes)
    original = transformers.ElectraForSequenceClassification(config).eval()
    original.save_pretrained(tmp_path)
    runtime = load_runtime(tmp_path)
    assert isinstance(runtime, TorchModel)
    rows = batch([3, 1, 20])
    assert_equal_logits(runtime.logits(rows), reference(original, rows))
    assert load_runtime(tmp_path, dtype="bfloat16").dtype is torch.bfloat16


def test_weights_in_half_precision_run_in_float32(folders: dict[str, Path], tmp_path: Path) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folders["bert"], dtype=torch.float16)
    folder = copy(folders["bert"], tmp_path / "model")
    model.save_pretrained(folder)
    assert {parameter.dtype for parameter in load_module(folder).parameters()} == {torch.float32}


def test_the_precision_is_chosen_by_name(folders: dict[str, Path]) -> None:
    texts = ["I woke up stunned", "i am sad " * 300, ""]
    exact = EmotionClassifier.from_pretrained(folders["bert"]).predict_proba(texts)
    half = EmotionClassifier.from_pretrained(folders["bert"], dtype="bfloat16").predict_proba(texts)
    assert 0 < np.abs(half - exact).max() < 2e-2
    named = EmotionClassifier.from_pretrained(folders["bert"], dtype="float32").predict_proba(texts)
    np.testing.assert_array_equal(named, exact)
    with pytest.raises(ModelError, match="no dtype 'int4'; allowed: float32, float16, bfloat16"):
        EmotionClassifier.from_pretrained(folders["bert"], dtype="int4")
    with pytest.raises(ModelError, match="is fixed, got dtype 'float16'; leave it out"):
        EmotionClassifier.from_pretrained(dtype="float16")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "", *([] if torch.cuda.is_available() else ["cuda"])])
def test_a_missing_device_is_an_error_that_names_those_there_are(folders: dict[str, Path], device: str) -> None:
    with pytest.raises(ModelError, match=rf"this machine has no device '{device}'; allowed: cpu"):
        EmotionClassifier.from_pretrained(folders["distilbert"], device=device)


def test_loading_is_silent(folders: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    EmotionClassifier.from_pretrained(folders["albert"]).predict(["i am sad"])
    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.is_progress_bar_enabled()
