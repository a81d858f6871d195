"""Trained artefacts that several test files read, made once per session."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tiny


class CrossValidation(NamedTuple):
    """A finished cross-validation: its recipe, data, folder, report and progress."""

    config: Any
    splits: Any
    folder: Path
    report: Any
    steps: list[Any]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> str:
    """Folder of a pretrained encoder that a compact student can start from."""
    pytest.importorskip("safetensors")
    return str(tiny.encoder(tmp_path_factory.mktemp("encoder") / "tiny"))


@pytest.fixture(scope="session")
def cross_validated(encoder, tmp_path_factory) -> CrossValidation:
    """Three folds of compact students."""
    for module in ("torch", "transformers", "accelerate"):
        pytest.importorskip(module)
    from emoscope.training import cross_validate
    from emoscope.training.config import CompactConfig

    config = CompactConfig(embeddings=encoder, epochs=8, **tiny.COMPACT)
    splits = {"train": tiny.examples("train", repeat=2), "validation": tiny.examples("validation")}
    folder, steps = tmp_path_factory.mktemp("runs") / "folds", []
    report = cross_validate(config, splits, folder, 3, progress=steps.append)
    return CrossValidation(config, splits, folder, report, steps)
