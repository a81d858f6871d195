"""Clients that never rest while a server gets SIGTERM, and what became of their requests."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import NamedTuple

LATEST = 30.0
CUT = 0
"""The status of a request whose connection was closed before the whole answer was there."""


class Sent(NamedTuple):
    """One request: when it was wholly sent, and the status of its answer."""

    at: float
    status: int


@dataclass(frozen=True)
class Round:
    """What one SIGTERM did.

    Attributes:
        before: statuses of the requests that were wholly sent before the signal.
        after: statuses of those sent after it.
        exit_status: of the server's process.
        seconds: from the signal to its end.
    """

    before: Counter[int]
    after: Counter[int]
    exit_status: int
    seconds: float

    @property
    def lost(self) -> int:
        """Requests sent before the signal without a whole answer, or with an error that is not the client's."""
        return sum(count for status, count in self.before.items() if status not in (200, 429, 503))


def drain(
    process: subprocess.Popen[bytes], port: int, requests: Sequence[bytes], *, connections: int, delay: float
) -> Round:
    """Load the server with as many connections, end it after `delay` seconds with SIGTERM, and wait for its end."""
    clients = [_Client(port, requests[i:] + requests[:i]) for i in range(connections)]
    for client in clients:
        client.start()
    time.sleep(delay)
    signalled = time.monotonic()
    process.terminate()
    exit_status = process.wait(LATEST)
    seconds = time.monotonic() - signalled
    for client in clients:
        client.join(LATEST)
    sent = [each for client in clients for each in client.sent]
    return Round(
        Counter(each.status for each in sent if each.at < signalled),
        Counter(each.status for each in sent if each.at >= signalled),
        exit_status,
        seconds,
    )


class _Client(threading.Thread):
    """Sends one request after another over one connection, until it is closed."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        super().__init__(daemon=True)
        self.sent: list[Sent] = []
        self._requests = cycle(requests)
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=LATEST)

    def run(self) -> None:
        with self._connection:
            for request in self._requests:
                try:
                    self._connection.sendall(request)
                except OSError:  # closed before it was sent
                    return
                at = time.monotonic()
                status, closes = self._answer()
                self.sent.append(Sent(at, status))
                if closes:
                    return

    def _answer(self) -> tuple[int, bool]:
        received = b""
        while True:
            try:
                part = self._connection.recv(1 << 16)
            except OSError:
                part = b""
            if not part:
                return CUT, True
            received += part
            head, end, body = received.partition(b"\r\n\r\n")
            head = head.lower()
            if end and len(body) >= int(head.partition(b"content-length:")[2].split()[0]):
                return int(head[9:12]), b"\r\nconnection: close" in head
