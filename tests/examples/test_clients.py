"""The example clients, run as a user runs them, against a real server on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")

import live_server
from waiting import DEADLINE

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = "the-key-of-a-client"
TEXTS = ["i feel so happy", 'i am "so" angry\\ \t\N{POUTING FACE}']
LABELS = ["joy", "anger"]
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs the sources with examples/")

PYTHON = [sys.executable, "client.py"]
HUB = [sys.executable, "hub_client.py"]
JAVASCRIPT = ["node", "client.mjs"]
CURL = ["bash", "client.sh"]
clients = pytest.mark.parametrize(
    "command", [PYTHON, HUB, JAVASCRIPT, CURL], ids=["python", "hub", "javascript", "curl"]
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with live_server.emoscope(
        tmp_path_factory.mktemp("server") / "log", "--grace", "0", environment={"EMOSCOPE_API_KEYS": KEY}
    ) as running:
        yield running


def _run(server, command, *arguments, key=KEY, text=None):
    program = {"node": "node", "bash": "curl"}.get(command[0], command[0])
    if not shutil.which(program):
        pytest.skip(f"needs {program}")
    if command[0] == "node" and int(_output("node", "--version").strip("v\n").split(".")[0]) < 18:
        pytest.skip("needs Node 18")
    environment = {name: value for name, value in os.environ.items() if name != "EMOSCOPE_API_KEY"}
    environment |= {"EMOSCOPE_URL": server.url(""), "HF_HUB_DISABLE_TELEMETRY": "1"} | (
        {"EMOSCOPE_API_KEY": key} if key else {}
    )
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        encoding="utf-8",
        cwd=EXAMPLES,
        env=environment,
        input=text,
        check=False,
        timeout=DEADLINE,
    )


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _labels(output):
    """Labels that a client printed: one line per text, or JSON from curl."""
    return (
        json.loads(output)["label"] if output.startswith("{") else re.findall(r"^(\w+) +0\.\d+", output, re.MULTILINE)
    )


@clients
def test_client_gets_labels(server, command):
    done = _run(server, command, *TEXTS)
    assert done.returncode == 0, done.stderr
    assert _labels(done.stdout) == LABELS


@clients
def test_client_without_a_key_fails_with_a_message(server, command):
    done = _run(server, command, *TEXTS, key=None)
    assert done.returncode != 0
    assert "401" in done.stdout + done.stderr or "unauthorized" in done.stdout


def test_python_client_reads_lines_and_sends_them_in_batches(server):
    done = _run(server, PYTHON, text="i feel so happy\n" * 600)
    assert done.returncode == 0, done.stderr
    assert _labels(done.stdout) == ["joy"] * 600


def test_curl_client_scores_a_table(server, tmp_path):
    table = tmp_path / "rows.csv"
    table.write_text('id,text\n1,i feel so happy\n2,"i am so angry, really"\n')
    done = _run(server, CURL, "--csv", str(table), "text")
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.startswith("id,text,emotion,emotion_score,")
    assert [row.split(",")[0] for row in rows] == ["1", "2"]
    assert rows[0].split(",")[2] == "joy"
    assert ",anger," in rows[1]


@pytest.mark.parametrize("command", [PYTHON, JAVASCRIPT], ids=["python", "javascript"])
def test_clients_wait_for_a_busy_server(command):
    """The server refuses two requests with Retry-After, then answers."""
    with _BusyServer() as busy:
        done = _run(busy, command, "i feel so happy")
    assert done.returncode == 0, done.stderr
    assert _labels(done.stdout) == ["joy"]
    assert busy.requests == 3


class _BusyServer:
    """Refuses the first two requests."""

    def __init__(self):
        import http.server
        import threading

        busy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                busy.requests += 1
                status = {1: 429, 2: 503}.get(busy.requests, 200)
                error = {"error": {"code": "overloaded", "message": "busy"}}
                body = json.dumps({"label": ["joy"], "score": [0.9]} if status == 200 else error).encode()
                self.send_response(status)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.requests = 0
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path):
        return f"http://127.0.0.1:{self._server.server_port}{path}"
