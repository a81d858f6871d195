"""Data sets through the real `datasets`, from a Hub on loopback."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

for module in ("pyarrow", "safetensors", "datasets"):
    pytest.importorskip(module)

from hub.fixtures import RunWithHub
from hub.repositories import DATASET
from hub.sentences import splits
from hub.server import Hub

LOAD = """
import json, sys, time
time.sleep = lambda seconds: None  # the clients wait before they try again
from emoscope.data import load_splits
from emoscope.errors import DataError

try:
    splits = load_splits(sys.argv[1], labels=None)
except DataError as error:
    sys.exit(f"DataError: {error}")
print(json.dumps({
    name: {"rows": list(zip(e.texts, e.label_ids.tolist())), "labels": e.labels.names, "name": e.name}
    for name, e in splits.items()
}))
"""
FILE = "*/train-00000-of-00001.parquet"


@pytest.fixture
def load(run_with_hub: RunWithHub) -> Any:
    """Function that loads a data set: returns its exit status, and the splits or standard error."""
    pytest.importorskip("datasets")

    def run(name: str, **changes: str) -> tuple[int, Any]:
        quiet = {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
        done = run_with_hub(["-c", LOAD, name], **(quiet | changes))
        return done.returncode, json.loads(done.stdout) if done.returncode == 0 else done.stderr

    return run


@pytest.mark.parametrize("name", [DATASET, "emotion"])
def test_splits_have_their_labels(load: Any, name: str) -> None:
    status, loaded = load(name)
    assert status == 0, loaded
    assert {split: examples["rows"] for split, examples in loaded.items()} == {
        split: [list(row) for row in rows] for split, rows in splits().items()
    }
    for examples in loaded.values():
        assert examples["labels"] == ["sadness", "joy", "love", "anger", "fear", "surprise"]
        assert examples["name"] == DATASET


def _is_one_line(message: str, name: str, reason: str) -> None:
    assert message.startswith(f"DataError: no file or folder {name!r} here, and it cannot be loaded from the Hub (")
    assert message.endswith("; check the name and the connection\n")
    assert message.count("\n") == 1
    assert reason in message


def test_failed_download_is_one_line_and_leaves_the_cache_usable(hub: Hub, load: Any) -> None:
    for pattern, how, reason in (
        ("*", 404, "404 Client Error"),
        ("*", 503, "LocalEntryNotFoundError"),
        (FILE, "cut", "RemoteProtocolError"),
        (FILE, "reset", "ReadError"),
    ):
        with hub.fail(pattern, how) as fault:
            status, message = load(DATASET)
        assert status == 1 and fault.hits > 0
        _is_one_line(message, DATASET, reason)
    status, loaded = load(DATASET)
    assert status == 0, loaded


def test_unreachable_hub_is_one_line(load: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status, message = load(DATASET, HF_ENDPOINT=f"http://127.0.0.1:{port}")
    assert status == 1
    _is_one_line(message, DATASET, "Couldn't reach")


def test_missing_data_set_is_one_line(load: Any) -> None:
    status, message = load("no-one/nothing")
    assert status == 1
    _is_one_line(message, "no-one/nothing", "doesn't exist on the Hub")


def test_cached_data_set_loads_offline_without_requests(hub: Hub, load: Any) -> None:
    online = load(DATASET)
    hub.requests.clear()
    assert load(DATASET, HF_HUB_OFFLINE="1") == online
    status, message = load("dair-ai/other", HF_HUB_OFFLINE="1")
    assert status == 1
    _is_one_line(message, "dair-ai/other", "OfflineModeIsEnabled")
    assert online[0] == 0 and hub.requests == []
