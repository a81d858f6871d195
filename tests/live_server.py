"""Starts servers on loopback, waits until they answer, measures their memory, and ends them."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START = 180.0
"""Seconds that a server may take to answer for the first time."""
END = 30.0
EMOSCOPE = [sys.executable, "-m", "emoscope", "serve", "--host", "127.0.0.1"]


class Server:
    """A server with its worker processes."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def pause(self) -> None:
        """Take no processor time, while another server is measured."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def memory(self) -> int:
        """Resident bytes of all its processes; pages that they share count in each."""
        return sum(_resident(pid) for pid in _family(self.process.pid))

    def end(self) -> int:
        """SIGTERM, then the exit status."""
        self.go_on()
        self.process.terminate()
        try:
            return self.process.wait(END)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            return self.process.wait(END)

    def _signal(self, number: int) -> None:
        for pid in _family(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def serve(
    command: Sequence[str], log: Path, *, environment: dict[str, str] | None = None, folder: Path | None = None
) -> Iterator[Server]:
    """The server that `command` starts in `folder`, `{port}` in it replaced; ended with its processes at the end."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | (environment or {}),
            cwd=folder,
            start_new_session=True,
        )
    server = Server(process, port, log)
    try:
        yield server
    finally:
        workers = _family(process.pid)[1:]
        if process.poll() is None:
            server.end()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # what its end left behind


@contextmanager
def emoscope(log: Path, *flags: str, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """`emoscope serve` with these flags, ready."""
    with serve([*EMOSCOPE, "--port", "{port}", *flags], log, environment=environment) as server:
        wait(server, "/health/ready")
        yield server


def wait(server: Server, path: str, method: str = "GET", body: bytes | None = None) -> None:
    """Until the server answers this with 200.

    Raises:
        RuntimeError: it ended, or took too long; with the end of its log.
    """
    limit = time.monotonic() + START
    while time.monotonic() < limit and server.process.poll() is None:
        try:
            if ask(server.port, method, path, body)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{' '.join(server.process.args)}: no answer; {server.log.read_text()[-2000:]}")  # type: ignore[arg-type]


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, children.read_text().split())
    return found


def _resident(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields.get("VmRSS", "0 kB").split()[0]) * 1024
