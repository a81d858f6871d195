"""Trained artefacts that several test files read, made once per session."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tiny
from emoscope.data import Examples


class CrossValidation(NamedTuple):
    """A finished cross-validation: its recipe, data, folder, report and progress."""

    config: Any
    splits: Any
    folder: Path
    report: Any
    steps: list[Any]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a pretrained encoder that a compact student can start from."""
    pytest.importorskip("safetensors")
    return tiny.encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="module")
def config(encoder: Path) -> Any:
    """Recipe of a compact student that trains in a second; the tests of other recipes have a fixture of their own."""
    from emoscope.training.config import CompactConfig

    return CompactConfig(embeddings=str(encoder), **tiny.COMPACT)


@pytest.fixture(scope="module")
def splits() -> dict[str, Examples]:
    """120 rows of training data, and the same rows for validation."""
    return {split: tiny.examples(split) for split in ("train", "validation")}


@pytest.fixture(scope="session")
def cross_validated(encoder, tmp_path_factory) -> CrossValidation:
    """Three folds of compact students."""
    for module in ("torch", "transformers", "accelerate"):
        pytest.importorskip(module)
    from emoscope.training import cross_validate
    from emoscope.training.config import CompactConfig

    config = CompactConfig(embeddings=str(encoder), epochs=8, **tiny.COMPACT)
    splits = {"train": tiny.examples("train", repeat=2), "validation": tiny.examples("validation")}
    folder, steps = tmp_path_factory.mktemp("runs") / "folds", []
    report = cross_validate(config, splits, folder, 3, progress=steps.append)
    return CrossValidation(config, splits, folder, report, steps)


@pytest.fixture(scope="session")
def keyword_rows() -> Examples:
    """Rows in which one word decides the label."""
    return tiny.examples("train", repeat=20)


@pytest.fixture(scope="session")
def keyword_reader(keyword_rows: Examples) -> Any:
    """A keyword reader fitted to `keyword_rows`."""
    pytest.importorskip("torch")
    from emoscope.training.keyword_reader import fit_reader

    return fit_reader(keyword_rows, seed=0)


class CompactRun(NamedTuple):
    """A finished run of the compact student: its recipe, folder, report and progress."""

    config: Any
    folder: Path
    report: Any
    steps: list[Any]


@pytest.fixture(scope="session")
def compact_run(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> CompactRun:
    """A compact student trained until it has learnt the tiny data."""
    for module in ("torch", "transformers", "accelerate"):
        pytest.importorskip(module)
    from emoscope.training import train
    from emoscope.training.config import CompactConfig

    config = CompactConfig(embeddings=str(encoder), epochs=12, **tiny.COMPACT)
    splits = {"train": tiny.examples("train", repeat=2), "validation": tiny.examples("validation")}
    folder, steps = tmp_path_factory.mktemp("runs") / "student", []
    return CompactRun(config, folder, train(config, splits, folder, progress=steps.append), steps)
