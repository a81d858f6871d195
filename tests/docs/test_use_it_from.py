"""The examples of docs/use-it-from.md for libraries that emoscope has no extra for, where they are installed."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from doc_blocks import blocks_of

PAGE = Path(__file__).parents[2] / "docs" / "use-it-from.md"
MAX_LINES = 30


@pytest.mark.parametrize("library", ["spacy", "mlflow"])
def test_example_labels_texts(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = (block for block in blocks_of(PAGE) if f"import {library}" in block.code and block.not_run)
    assert len(block.code.splitlines()) <= MAX_LINES
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import_module(library)
        except ImportError:
            pytest.skip(f"needs {library}")
        found: dict[str, Any] = {"__name__": "example"}
        exec(block.code, found)
    assert found["labels"] == ["joy", "sadness"]
