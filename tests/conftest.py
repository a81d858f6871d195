"""Shared fixtures. Sockets beyond loopback are blocked for the whole run."""

from __future__ import annotations

import csv
import ipaddress
import os
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["hub.fixtures"]

if not Path("/dev/nvidiactl").exists():  # no NVIDIA driver: GPU kernels run in Triton's interpreter
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when Triton is imported, which importing torch may do

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise RuntimeError(f"tests are offline, but something connected to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True, scope="module")
def _one_torch_thread() -> None:
    """Two processes of tests share two cores; with two torch threads each they would mostly wait for one another."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def emotion_data() -> Path:
    """Folder with the train and validation splits of `emotion`; skips where it is not at hand."""
    folder = SHARED / "emotion"
    if not folder.is_dir():
        pytest.skip(f"the emotion data set is not at {folder}")
    return folder


@pytest.fixture(scope="session")
def goemotions_data() -> Path:
    """Folder with GoEmotions; skips where it is not at hand."""
    folder = SHARED / "goemotions"
    if not folder.is_dir():
        pytest.skip(f"the GoEmotions data set is not at {folder}")
    return folder


@pytest.fixture
def csv_lines_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many lines the module `csv` has been given so far."""
    read = Counter[str]()
    reader = csv.reader

    def counted(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            read["lines"] += 1
            yield line

    monkeypatch.setattr(csv, "reader", lambda lines, **options: reader(counted(lines), **options))
    return lambda: read["lines"]
