"""Shared fixtures, the order of the files, and a block on sockets beyond loopback for the whole run."""

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
from hypothesis import HealthCheck, settings

pytest_plugins = ["hub.fixtures"]

if not Path("/dev/nvidiactl").exists():  # no NVIDIA driver: GPU kernels run in Triton's interpreter
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when Triton is imported, which importing torch may do

settings.register_profile("no timing", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no timing")

TESTS = Path(__file__).parent
SHARED = TESTS.resolve().parents[1] / "shared" / "data"
SLOWEST_FILES = (
    "scoring/on_ray/test_cluster_classifier.py",
    "docs/test_doc_pages.py",
    "training/test_encoder_training.py",
    "export/test_exporter.py",
    "export/test_encoder_graph.py",
    "training/test_compact_training.py",
    "test_edition_0_1.py",
    "training/test_cross_validation.py",
    "training/test_encoder_student.py",
    "training/test_distillation.py",
    "hub/test_fake_hub.py",
    "test_data_from_hub.py",
)
"""The slowest files, slowest first. They start first, so that the processes of a run end at about the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first.

    Raises:
        pytest.UsageError: SLOWEST_FILES names a file that does not exist.
    """
    if missing := [name for name in SLOWEST_FILES if not (TESTS / name).is_file()]:
        raise pytest.UsageError(f"SLOWEST_FILES of {__file__} names {missing}, which do not exist; correct it")
    places = {TESTS / name: place for place, name in enumerate(SLOWEST_FILES)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


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


def _shared_data(name: str) -> Path:
    """A data set in the folder `shared` beside the repository; skips the test if there is none."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the data set {name} is not in {SHARED}")
    return folder


@pytest.fixture(scope="session")
def emotion_data() -> Path:
    """Folder with the train and validation splits of `emotion`; skips the test if there is none."""
    return _shared_data("emotion")


@pytest.fixture(scope="session")
def goemotions_data() -> Path:
    """Folder with GoEmotions; skips the test if there is none."""
    return _shared_data("goemotions")


@pytest.fixture
def csv_lines_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Function: the number of lines that the module `csv` has read so far."""
    read = Counter[str]()
    reader = csv.reader

    def counted(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            read["lines"] += 1
            yield line

    monkeypatch.setattr(csv, "reader", lambda lines, **options: reader(counted(lines), **options))
    return lambda: read["lines"]
