"""Checkpoints and models for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch import nn


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A fine-tuned checkpoint of each architecture; do not write there."""
    from hub.repositories import ARCHITECTURES, build

    root = tmp_path_factory.mktemp("checkpoints")
    build(root)
    return {architecture.name: root / "models" / architecture.fine_tuned for architecture in ARCHITECTURES}


@pytest.fixture(scope="session")
def models() -> dict[str, nn.Module]:
    """A random classifier of each architecture; do not change them."""
    import tiny

    return {architecture: tiny.classifier(architecture) for architecture in tiny.ARCHITECTURES}
