"""A server whose temporary folder is full: it lives, and says so."""

from __future__ import annotations

import http.client
import json
import subprocess

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")

import live_server
from waiting import DEADLINE, wait_until

PATH = "/v1/score?text_column=text"
TABLE = b"id,text\n" + b"".join(b"%d,i feel happy today\n" % i for i in range(100_000))
CSV = {"Content-Type": "text/csv"}
PREDICT = b'{"texts": ["i feel happy"]}'


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder):
    with (folder / "other data").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            return


def _send_chunked(port):
    """Status and error code of the response to a table without a Content-Length."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    connection.request("POST", PATH, iter([TABLE[:10_000]]), CSV, encode_chunked=True)
    with connection.getresponse() as response:
        body = response.read()
    connection.close()
    return response.status, json.loads(body)["error"]["code"] if response.status != 200 else None


@pytest.mark.parametrize("workers", ["1", "2"])
def test_full_temporary_folder_stops_no_one(tmp_path, small_disk, workers):
    environment = {"TMPDIR": str(small_disk)}
    flags = ("--workers", workers, "--grace", "0")
    with live_server.emoscope(tmp_path / "log", *flags, environment=environment) as server:
        wait_until(lambda: server.log.read_text().count('"url"') == int(workers))
        assert _send_chunked(server.port)[0] == 200
        fill(small_disk)
        assert _send_chunked(server.port) == (507, "insufficient_storage")
        for i in range(300):  # new counts, of other paths and statuses too
            path = ("/v1/predict", "/predict", "/classify", "/nothing")[i % 4]
            assert live_server.request(server.port, "POST", path, PREDICT)[0] in (200, 404, 422)
        status, body = live_server.request(server.port, "POST", PATH, TABLE[:100_000], CSV)
        assert (status, body.count(b"\n")) == (200, TABLE[:100_000].count(b"\n") + 1)
        assert live_server.request(server.port, "GET", "/metrics")[0] == 200
        assert server.stop() == 0
    assert "a worker ended" not in (tmp_path / "log").read_text()
