"""Workers that share a socket: their metrics, their replacement, their signals and their end."""

from __future__ import annotations

import json
import os
import signal
from typing import ClassVar

import pytest

import live_server
from emoscope.serving import supervisor
from emoscope.serving.server import listen
from waiting import DEADLINE, wait_until

BODY = json.dumps({"texts": ["i feel so happy"]}).encode()


def log_of(server):
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def workers_of(server):
    (workers,) = [line["workers"] for line in log_of(server) if "workers" in line]
    return workers


def requests_counted(server):
    """Requests in the metrics of all workers, whichever worker responds."""
    _, body = live_server.request(server.port, "GET", "/metrics")
    name = b'emoscope_requests_total{route="/v1/predict",status="200"} '
    return sum(float(line.removeprefix(name)) for line in body.splitlines() if line.startswith(name))


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_share_metrics_and_a_dead_one_is_replaced(tmp_path):
    with live_server.emoscope(tmp_path / "log", "--workers", "2", "--grace", "0") as server:
        workers = workers_of(server)
        for _ in range(40):
            assert live_server.request(server.port, "POST", "/v1/predict", BODY)[0] == 200
        wait_until(lambda: requests_counted(server) == 40)
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda: {line["process"] for line in log_of(server) if "url" in line} - set(workers))
        assert live_server.request(server.port, "POST", "/v1/predict", BODY)[0] == 200
        wait_until(lambda: requests_counted(server) == 41)
        assert server.stop() == 0
    (death,) = [line for line in log_of(server) if line["message"] == "a worker ended"]
    assert (death["worker"], death["exit_status"]) == (workers[0], -signal.SIGKILL)


@pytest.fixture
def hangup_is_not_ignored():
    """The server inherits what is done with SIGHUP: nothing, if the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup_is_not_ignored")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_workers_end_with_their_parent_and_leave_no_files(tmp_path, number):
    folder = tmp_path / "temporary"
    folder.mkdir()
    flags = ("--workers", "2", "--grace", "0")
    with live_server.emoscope(tmp_path / "log", *flags, environment={"TMPDIR": str(folder)}) as server:
        workers = workers_of(server)
        assert list(folder.glob("emoscope-metrics-*"))
        server.process.send_signal(number)
        assert server.process.wait(DEADLINE) == (0 if number == signal.SIGHUP else -number)
        wait_until(lambda: not any(map(is_alive, workers)))
        assert list(folder.glob("emoscope-metrics-*")) == []


class FakeProcess:
    """In place of a worker process: ends when it gets a signal; the first `failing` ones end by themselves."""

    started: ClassVar[list[FakeProcess]] = []
    signal_while_starting: ClassVar[int] = 0
    failing: ClassVar[int] = 0
    first_failing: ClassVar[int] = 1

    def __init__(self, command, **options):
        self.started.append(self)
        self.pid = self.number = len(self.started)
        self.returncode = None
        if self.number == self.signal_while_starting:
            signal.raise_signal(signal.SIGTERM)

    def poll(self):
        if self.number in range(self.first_failing, self.failing + 1):
            self.returncode = 1
        return self.returncode

    def send_signal(self, number):
        self.returncode = -number


class Clock:
    """Time that passes only in the supervisor's sleep; a signal ends the run."""

    def __init__(self, signal_at):
        self.now, self._signal_at = 0.0, signal_at

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if self.now >= self._signal_at:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("first", "last", "expected"), [(2, 6, 0), (1, 100, 1)], ids=["one fails for a while", "all fail"]
)
def test_only_if_all_workers_fail_the_others_are_ended(monkeypatch, first, last, expected):
    for name, value in {"started": [], "first_failing": first, "failing": last, "signal_while_starting": 0}.items():
        monkeypatch.setattr(FakeProcess, name, value)
    clock = Clock(signal_at=1000.0)
    monkeypatch.setattr(supervisor, "Popen", FakeProcess)
    monkeypatch.setattr(supervisor, "time", clock)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with listen("127.0.0.1", 0) as listener:
            assert supervisor.Supervisor(["serve"], 2, listener).run() == expected
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if expected == 0:
        assert len(FakeProcess.started) == last + 1
        assert clock.now >= 1000
    else:
        assert len(FakeProcess.started) <= 5
        assert clock.now < 10


@pytest.mark.parametrize(("failing", "signalled", "started"), [(0, 1, 1), (0, 2, 2), (1, 3, 3)])
def test_signal_while_a_worker_starts_stops_all(monkeypatch, failing, signalled, started):
    """If the signal were not forwarded, the supervisor would sleep more often than the test allows."""
    for name, value in {"started": [], "failing": failing, "signal_while_starting": signalled}.items():
        monkeypatch.setattr(FakeProcess, name, value)
    naps = iter(range(10))
    monkeypatch.setattr(supervisor, "Popen", FakeProcess)
    monkeypatch.setattr(supervisor.time, "sleep", lambda seconds: next(naps))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with listen("127.0.0.1", 0) as listener:
            assert supervisor.Supervisor(["serve"], 2, listener).run() == 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert len(FakeProcess.started) == started
