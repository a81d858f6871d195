"""Checkpoints for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A fine-tuned checkpoint of each architecture; do not write there."""
    from hub.repositories import ARCHITECTURES, build

    root = tmp_path_factory.mktemp("checkpoints")
    build(root)
    return {architecture.name: root / "models" / architecture.fine_tuned for architecture in ARCHITECTURES}
