"""Fixtures for tests that need the Hub: `hub`, `hub_environment`, `run_with_hub`.

The clients read HF_ENDPOINT and HF_HOME when they are imported, so each runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hub.server import Hub

RunWithHub = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The Hub, serving the four encoders, a fine-tuned model of each, and the data set."""
    for module in ("numpy", "pyarrow", "safetensors", "tokenizers"):
        pytest.importorskip(module)
    from hub.repositories import build
    from hub.server import Hub

    root = tmp_path_factory.mktemp("hub")
    build(root)
    with Hub(root) as hub:
        yield hub


@pytest.fixture
def hub_environment(hub: Hub, tmp_path: Path) -> dict[str, str]:
    """Environment of a process that uses this Hub alone, with a token and an empty cache below `tmp_path`."""
    unrelated = ("HF_", "HUGGING", "TRANSFORMERS_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(unrelated)}
    return kept | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "hf_home"),
        "HF_TOKEN": "hf_tests",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONIOENCODING": "utf-8",
    }


@pytest.fixture
def run_with_hub(hub_environment: dict[str, str]) -> RunWithHub:
    """Function: run Python code (a str) or `python` with arguments (a list) in a process that uses this Hub.

    Keywords change the environment. The processes of a test share a cache.
    """

    def run(code_or_arguments: str | Sequence[str], **changes: str) -> subprocess.CompletedProcess[str]:
        code = isinstance(code_or_arguments, str)
        arguments = ["-c", code_or_arguments] if code else [*code_or_arguments]
        return subprocess.run(
            [sys.executable, *arguments],
            env=hub_environment | changes,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=300,
        )

    return run
