"""Tiny sequence classifiers of the four architectures that are sure of most texts, and their graphs, exported once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for module in ("torch", "transformers", "onnx", "onnxscript"):
    pytest.importorskip(module)

import onnx
from filelock import FileLock
from safetensors.numpy import load_file, save_file

import tiny
from checkpoint_copies import copy
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


class Graphs(dict[str, onnx.ModelProto]):
    """The graph of each checkpoint in float32, exported when it is first needed, once for all processes of a test run.

    An export takes torch some five seconds.
    """

    def __init__(self, checkpoints: dict[str, Path], folder: Path) -> None:
        super().__init__()
        self._checkpoints, self._folder = checkpoints, folder

    def __missing__(self, name: str) -> onnx.ModelProto:
        path = self._folder / f"{name}.onnx"
        with FileLock(path.with_suffix(".lock")):
            if not path.is_file():
                graph = encoder_graph(load_sequence_classifier(self._checkpoints[name], attn_implementation="eager"))
                onnx.save(graph, path.with_suffix(".part"))
                path.with_suffix(".part").rename(path)
        self[name] = onnx.load(path)
        return self[name]


@pytest.fixture(scope="session")
def graphs(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    """The graph of each checkpoint."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    (shared / "graphs").mkdir(exist_ok=True)
    return Graphs(checkpoints, shared / "graphs")


@pytest.fixture
def exported_before(graphs: Graphs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the exporter graphs of the same weights that torch has exported before."""
    monkeypatch.setattr(exporter, "encoder_graph", lambda model: graphs[model.config.model_type])


@pytest.fixture(scope="session")
def batches(checkpoints: dict[str, Path]) -> dict[str, TokenBatch]:
    """Token ids of some texts for each architecture."""
    files = {name: folder / "tokenizer.json" for name, folder in checkpoints.items()}
    return {name: Tokenizer.from_file(file, max_length=512).encode(TEXTS) for name, file in files.items()}


@pytest.fixture(scope="session")
def sure_of() -> Callable[..., Examples]:
    """Function: the texts of which a checkpoint is sure by a margin, labelled by itself."""

    def examples(folder: Path, margin: float = 0.1) -> Examples:
        opened = open_folder(folder)
        rows = EmotionClassifier.from_pretrained(folder).predict_proba(TEXTS)
        sure = np.flatnonzero(margins(rows, opened.calibration.thresholds) > margin)
        assert len(sure) > 20, "the model is sure of hardly any text"
        chosen = rows[sure]
        label_ids: Any = chosen >= 0.5 if opened.calibration.multi_label else chosen.argmax(axis=1)
        return Examples([TEXTS[i] for i in sure], label_ids, Labels(opened.labels.names), "sure", None)

    return examples


@pytest.fixture
def variant(tmp_path: Path) -> Callable[..., Path]:
    """Function: a copy of a folder with other values in its config.json; None removes one."""

    def copied(folder: Path, name: str = "variant", **changes: Any) -> Path:
        return copy(folder, tmp_path / name, **changes)

    return copied
