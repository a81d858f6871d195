"""`emoscope serve` as a process: its flags, its workers, its log and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import ClassVar

import pytest

import live_server
from emoscope.cli import main
from emoscope.serving import listen, supervisor
from emoscope.serving.api_keys import read_keys

BODY = json.dumps({"texts": ["i feel so happy"]}).encode()


def test_a_new_key_opens_a_server_with_its_line(capsys, tmp_path):
    assert main(["serve", "--new-key"]) == 0
    key, line = (text.split()[-1] for text in capsys.readouterr().out.splitlines())
    file = tmp_path / "keys"
    file.write_text(line)
    assert read_keys(file, {}).accepts({b"x-api-key": key.encode()})


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (["--workers", "0"], 2, "must be a whole number of at least 1, got '0'"),
        (["--timeout", "-1"], 2, "must be a number of at least 0.001"),
        (["--target-latency", "inf"], 2, "got 'inf'"),
        (["--port", "x"], 2, "must be a whole number from 0 to 65535, got 'x'"),
        (["--port", "65536"], 2, "must be a whole number from 0 to 65535, got '65536'"),
        (["--port", "-1"], 2, "must be a whole number from 0 to 65535, got '-1'"),
        (["--api-keys", "/nowhere/keys"], 1, "cannot read API keys from /nowhere/keys"),
        (["--port", "0", "--model", "/nowhere/model"], 1, "no model at '/nowhere/model'"),
        (["--port", "0", "--model", "/nowhere/model", "--workers", "2"], 1, "no model at '/nowhere/model'"),
        (["--host", "256.0.0.1", "--port", "0"], 1, "cannot listen on 256.0.0.1, port 0 (Name or service not known)"),
    ],
)
def test_wrong_use_is_one_line(flags, status, words, capsys):
    try:
        outcome = main(["serve", *flags])
    except SystemExit as end:
        outcome = end.code
    assert outcome == status
    *_, last = capsys.readouterr().err.splitlines()
    assert words in last


def test_several_workers_share_a_socket_and_their_metrics(tmp_path):
    with live_server.emoscope(tmp_path / "log", "--workers", "2") as server:
        (workers,) = [line["workers"] for line in _log(server) if "workers" in line]
        for _ in range(40):
            assert live_server.ask(server.port, "POST", "/v1/predict", BODY)[0] == 200
        _wait(lambda: _count(server) == 40)
        os.kill(workers[0], signal.SIGKILL)
        _wait(lambda: {line["process"] for line in _log(server) if "url" in line} - set(workers))
        assert live_server.ask(server.port, "POST", "/v1/predict", BODY)[0] == 200
        _wait(lambda: _count(server) == 41)
        assert server.end() == 0
    (death,) = [line for line in _log(server) if line["message"] == "a worker ended"]
    assert (death["worker"], death["exit_status"]) == (workers[0], -signal.SIGKILL)


def _log(server):
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def _wait(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _count(server):
    """What the metrics of all workers say, whichever is asked."""
    _, body = live_server.ask(server.port, "GET", "/metrics")
    name = b'emoscope_requests_total{route="/v1/predict",status="200"} '
    return sum(float(line.removeprefix(name)) for line in body.splitlines() if line.startswith(name))


def test_the_log_is_json_and_the_end_is_clean(tmp_path):
    with live_server.emoscope(tmp_path / "log", "--log-texts", "--grace", "0") as server:
        live_server.ask(server.port, "POST", "/v1/predict", BODY, {"X-Request-Id": "mine"})
        assert server.end() == 0
    lines = _log(server)
    (request,) = [line for line in lines if line.get("request_id") == "mine"]
    assert (request["path"], request["status"], request["texts"]) == ("/v1/predict", 200, ["i feel so happy"])
    assert [line["message"] for line in (lines[0], lines[-1])] == ["serving", "ended"]


def test_workers_end_with_their_parent(tmp_path):
    with live_server.emoscope(tmp_path / "log", "--workers", "2", "--grace", "0") as server:
        (workers,) = [line["workers"] for line in _log(server) if "workers" in line]
        server.process.kill()
        server.process.wait(10)
        _wait(lambda: not any(map(_is_alive, workers)))


class EndlessWorker:
    """In the place of a process: it ends when it is told to, or fails by itself when asked how it is."""

    started: ClassVar[list[EndlessWorker]] = []
    signal_while_starting: ClassVar[int] = 0
    failing: ClassVar[int] = 0

    def __init__(self, command, **options):
        self.started.append(self)
        self.pid = self.number = len(self.started)
        self.returncode = None
        if self.number == self.signal_while_starting:
            signal.raise_signal(signal.SIGTERM)

    def poll(self):
        if self.number <= self.failing:
            self.returncode = 1
        return self.returncode

    def send_signal(self, number):
        self.returncode = -number


@pytest.mark.parametrize(("failing", "signalled", "started"), [(0, 1, 1), (0, 2, 2), (1, 3, 3)])
def test_a_signal_that_comes_while_a_worker_is_started_ends_all(monkeypatch, failing, signalled, started):
    """Where a signal is not passed on, the looks at the workers find no end."""
    for name, value in {"started": [], "failing": failing, "signal_while_starting": signalled}.items():
        monkeypatch.setattr(EndlessWorker, name, value)
    looks = iter(range(10))
    monkeypatch.setattr(supervisor, "Popen", EndlessWorker)
    monkeypatch.setattr(supervisor.time, "sleep", lambda seconds: next(looks))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with listen("127.0.0.1", 0) as listener:
            assert supervisor.Supervisor(["serve"], 2, listener).run() == 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert len(EndlessWorker.started) == started


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ctrl_c_is_no_error(tmp_path):
    with live_server.emoscope(tmp_path / "log") as server:
        os.kill(server.process.pid, signal.SIGINT)
        assert server.process.wait(20) == 0


def test_serving_needs_no_torch_and_no_arrow(tmp_path):
    program = (
        "import sys; from emoscope import EmotionClassifier; from emoscope.serving import create_app;"
        "create_app(EmotionClassifier.from_pretrained());"
        "print(sorted({'torch', 'transformers', 'pyarrow', 'pandas', 'fastapi', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
