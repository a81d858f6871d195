"""Checkpoints for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A fine-tuned checkpoint of each family; do not write there."""
    from hub.repositories import FAMILIES, build

    root = tmp_path_factory.mktemp("checkpoints")
    build(root)
    return {family.name: root / "models" / family.fine_tuned for family in FAMILIES}
