"""Starts servers on loopback, waits until they respond, measures their memory, and stops them."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from waiting import DEADLINE, wait_until

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
        """Stop the processes, so that they take no processor time while another server is measured."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def memory(self) -> int:
        """Resident bytes of all its processes; shared pages count in each."""
        return sum(_resident_bytes(pid) for pid in _process_tree(self.process.pid))

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.resume()
        self.process.terminate()
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            return self.process.wait(DEADLINE)

    def _signal(self, number: int) -> None:
        for pid in _process_tree(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def serve(
    command: Sequence[str], log: Path, *, environment: dict[str, str] | None = None, folder: Path | None = None
) -> Iterator[Server]:
    """The server that a command starts in a folder, with `{port}` replaced; stopped with its processes at the end."""
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
        workers = _process_tree(process.pid)[1:]
        if process.poll() is None:
            server.stop()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # workers that it left running


@contextmanager
def emoscope(log: Path, *flags: str, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """`emoscope serve` with these flags, ready for requests."""
    with serve([*EMOSCOPE, "--port", "{port}", *flags], log, environment=environment) as server:
        wait_until_ok(server, "/health/ready")
        yield server


def wait_until_ok(server: Server, path: str, method: str = "GET", body: bytes | None = None) -> None:
    """Wait until the server answers this request with 200.

    Raises:
        RuntimeError: the server ended, or took too long; the message has the end of its log.
    """

    is_ok = False

    def has_finished() -> bool:
        nonlocal is_ok
        with suppress(OSError):
            is_ok = request(server.port, method, path, body)[0] == 200
        return is_ok or server.process.poll() is not None

    with suppress(TimeoutError):
        wait_until(has_finished)
    if not is_ok:
        raise RuntimeError(f"{server.process.args} does not respond; {server.log.read_text()[-2000:]}")


def request(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of the response to a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _process_tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    tree = [pid]
    for parent in tree:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                tree += map(int, children.read_text().split())
    return tree


def _resident_bytes(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields.get("VmRSS", "0 kB").split()[0]) * 1024
