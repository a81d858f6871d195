"""Tiny sequence classifiers of the four architectures that are sure of most texts, and their graphs, exported once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for module in ("torch", "transformers", "onnx", "onnxscript"):
    pytest.importorskip(module)

import onnx
from safetensors.numpy import load_file, save_file

import tiny
from emoscope import EmotionClassifier
from emoscope.data import Examples
from emoscope.export import exporter
from emoscope.export.encoder_graph import encoder_graph
from emoscope.labels import Labels
from emoscope.model_folder import open_folder
from emoscope.tokenization import TokenBatch, Tokenizer
from emoscope.torch_runtime.pretrained import load_sequence_classifier
from emoscope.verification import margins
from hub.repositories import ARCHITECTURES, build
from hub.sentences import EMOTIONS, sentences

TEXTS = [*tiny.examples("train").texts, *(text for label in EMOTIONS for text in sentences(label)[::9])]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each architecture, with matrices large enough for its labels to differ."""
    root = tmp_path_factory.mktemp("checkpoints")
    build(root)
    folders = {architecture.name: root / "models" / architecture.fine_tuned for architecture in ARCHITECTURES}
    for folder in folders.values():
        tensors = load_file(folder / "model.safetensors")
        larger = {name: 2 * tensor if tensor.ndim == 2 else tensor for name, tensor in tensors.items()}
        save_file(larger, folder / "model.safetensors", {"format": "pt"})
    return folders


@pytest.fixture(scope="session")
def graphs(checkpoints: dict[str, Path]) -> dict[str, onnx.ModelProto]:
    """The graph of each, in float32."""
    eager = {"attn_implementation": "eager"}
    return {name: encoder_graph(load_sequence_classifier(folder, **eager)) for name, folder in checkpoints.items()}


@pytest.fixture
def exported_before(graphs: dict[str, onnx.ModelProto], monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the exporter the seconds that torch takes for a graph of the same weights."""
    monkeypatch.setattr(exporter, "encoder_graph", lambda model: graphs[model.config.model_type])


@pytest.fixture(scope="session")
def batches(checkpoints: dict[str, Path]) -> dict[str, TokenBatch]:
    """Token ids of some texts for each architecture."""
    files = {name: folder / "tokenizer.json" for name, folder in checkpoints.items()}
    return {name: Tokenizer.from_file(file, max_length=512).encode(TEXTS) for name, file in files.items()}


@pytest.fixture(scope="session")
def sure_of() -> Callable[[Path], Examples]:
    """Function: the texts of which a checkpoint is sure by a margin, labelled by itself."""

    def examples(folder: Path, margin: float = 0.1) -> Examples:
        opened = open_folder(folder)
        rows = EmotionClassifier.from_pretrained(folder).predict_proba(TEXTS)
        clear = np.flatnonzero(margins(rows, opened.calibration.thresholds) > margin)
        assert len(clear) > 20, "the model is sure of hardly any text"
        chosen = rows[clear]
        label_ids: Any = chosen >= 0.5 if opened.calibration.multi_label else chosen.argmax(axis=1)
        return Examples([TEXTS[i] for i in clear], label_ids, Labels(opened.labels.names), "sure", None)

    return examples


@pytest.fixture
def variant(tmp_path: Path) -> Callable[..., Path]:
    """Function: a copy of a folder with other values in its config.json; None removes one."""

    def copy(folder: Path, name: str = "variant", **changes: Any) -> Path:
        target = shutil.copytree(folder, tmp_path / name)
        config = json.loads((target / "config.json").read_text("utf-8")) | changes
        kept = {key: value for key, value in config.items() if value is not None}
        (target / "config.json").write_text(json.dumps(kept), encoding="utf-8")
        return target

    return copy
