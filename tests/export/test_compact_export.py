"""Exported folders of a compact student, and failures of an export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "onnx", "safetensors"):
    pytest.importorskip(module)

import onnx
import torch

import tiny
from emoscope import EmotionClassifier
from emoscope.calibrated import Calibration
from emoscope.compact import CompactModel, load_checkpoint
from emoscope.errors import ModelError
from emoscope.export import export, exporter
from emoscope.export.compact_graph import build_graph, with_int8_vectors
from emoscope.export.parity import TOLERANCE
from emoscope.model_folder import open_folder
from emoscope.preprocessing import Preprocessor
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime import CompactClassifier, TorchModel
from emoscope.training import train
from emoscope.training.config import CompactConfig
from emoscope.verification import verify


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    config = CompactConfig(
        embeddings=str(tiny.encoder(folder / "encoder")), dimension=8, hidden=8, epochs=3, max_length=16
    )
    splits = {"train": tiny.examples("train"), "validation": tiny.examples("validation")}
    train(config, splits, folder / "student")
    return folder / "student"


def test_a_folder_predicts_like_the_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    texts = tiny.examples("validation").texts
    record = export(open_folder(checkpoint), tmp_path / "model", tiny.examples("validation"))
    classifier = EmotionClassifier.from_pretrained(tmp_path / "model")
    assert record["int8_vectors"].equal_labels == 1
    assert record["int8_vectors"].largest_difference < TOLERANCE
    source = load_checkpoint(checkpoint)
    reference = EmotionClassifier(
        source.labels.names,
        Preprocessor(str, Tokenizer.from_file(source.tokenizer, max_length=source.max_length)),
        TorchModel(CompactClassifier(with_int8_vectors(source.model))),
        calibration=Calibration(source.temperature),
    )
    np.testing.assert_allclose(classifier.predict_proba(texts), reference.predict_proba(texts), atol=TOLERANCE)
    assert verify(tmp_path / "model").passed


def test_the_gate_keeps_a_wrong_graph_from_being_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: CompactModel) -> onnx.ModelProto:
        damaged = CompactModel(model.shape)
        damaged.load_state_dict({**model.state_dict(), "output.bias": model.output.bias + torch.arange(6.0)})
        return build_graph(damaged)

    monkeypatch.setattr(exporter, "build_graph", wrong)
    with pytest.raises(ModelError, match="nothing was written: the int8 vectors graph and torch differ"):
        export(open_folder(checkpoint), tmp_path / "model", tiny.examples("validation"))
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_not_empty_is_an_error(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ModelError, match="not empty"):
        export(open_folder(checkpoint), tmp_path, tiny.examples("validation"))
    assert (tmp_path / "file").read_text() == "mine"


def test_quantize_is_an_error_for_a_compact_student(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="whose embeddings are int8 anyway; leave --quantize out"):
        export(open_folder(checkpoint), tmp_path / "model", tiny.examples("validation"), quantize=True)
