"""Size and memory of models."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emoscope.evaluation import Footprint, measure_footprint
from emoscope.evaluation.footprint import peak_rss_bytes, size_bytes
from emoscope.model_folder import BUNDLED


def test_size_counts_loaded_files_and_follows_links(tmp_path: Path) -> None:
    used = ("config.json", "emoscope.json", "known_words.txt", "tokenizer.json", "onnx/model.onnx")
    total = sum((BUNDLED / name).stat().st_size for name in used)
    assert size_bytes("bundled") == total
    linked = tmp_path / "linked"
    (linked / "onnx").mkdir(parents=True)
    for name in used:
        (linked / name).symlink_to(BUNDLED / name)
    (linked / "README.md").write_text("not loaded")
    (linked / "optimizer.pt").write_bytes(b"0" * 1000)
    assert size_bytes(str(linked)) == total
    (linked / "onnx" / "model.onnx_data").write_bytes(b"0" * 100)
    assert size_bytes(str(linked)) == total + 100


def test_size_of_a_checkpoint(tmp_path: Path) -> None:
    for name, size in {"config.json": 3, "vocab.txt": 5, "model-00001-of-2.safetensors": 7}.items():
        (tmp_path / name).write_bytes(b"0" * size)
    (tmp_path / "model-00002-of-2.safetensors").write_bytes(b"0" * 11)
    (tmp_path / "pytorch_model.bin").write_bytes(b"0" * 1000)
    assert size_bytes(str(tmp_path)) == 26
    for file in tmp_path.iterdir():
        file.unlink()
    assert size_bytes(str(tmp_path)) is None


def test_peak_memory_is_that_of_a_new_process(tmp_path: Path) -> None:
    ballast = np.ones(100_000_000)
    peak = peak_rss_bytes("bundled", ["i feel fine", "so do i \ud83d"])
    assert peak is not None
    assert 20e6 < peak < ballast.nbytes
    assert peak_rss_bytes(str(tmp_path), ["a model that cannot be loaded"]) is None
    assert measure_footprint("bundled", [], memory=False) == Footprint(size_bytes("bundled"), None)
