"""Clients that send requests without pause while a server gets SIGTERM, and the outcome of their requests."""

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

from waiting import DEADLINE

CUT = 0
"""Status of a request whose connection closed before its response was complete."""


class Sent(NamedTuple):
    """One request: the time at which it was completely sent, and the status of its response."""

    at: float
    status: int


@dataclass(frozen=True)
class Round:
    """The outcome of one SIGTERM.

    Attributes:
        before: statuses of the requests that were completely sent before the signal.
        after: statuses of the requests that were sent after it.
        exit_status: exit status of the server.
        seconds: seconds from the signal to the end of the server.
    """

    before: Counter[int]
    after: Counter[int]
    exit_status: int
    seconds: float

    @property
    def lost(self) -> int:
        """Requests sent before the signal that got no complete response, or an error other than 429 and 503."""
        return sum(count for status, count in self.before.items() if status not in (200, 429, 503))


def drain(
    process: subprocess.Popen[bytes], port: int, requests: Sequence[bytes], *, connections: int, delay: float
) -> Round:
    """Load the server over some connections, send SIGTERM after `delay` seconds, and wait for the server to end."""
    clients = [_Client(port, requests[i:] + requests[:i]) for i in range(connections)]
    for client in clients:
        client.start()
    time.sleep(delay)
    signalled = time.monotonic()
    process.terminate()
    exit_status = process.wait(DEADLINE)
    seconds = time.monotonic() - signalled
    for client in clients:
        client.join(DEADLINE)
    sent = [each for client in clients for each in client.sent]
    return Round(
        Counter(each.status for each in sent if each.at < signalled),
        Counter(each.status for each in sent if each.at >= signalled),
        exit_status,
        seconds,
    )


class _Client(threading.Thread):
    """Sends one request after another over one connection until the server closes it."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        super().__init__(daemon=True)
        self.sent: list[Sent] = []
        self._requests = cycle(requests)
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)

    def run(self) -> None:
        with self._connection:
            for request in self._requests:
                try:
                    self._connection.sendall(request)
                except OSError:  # the connection closed before the request was sent
                    return
                at = time.monotonic()
                status, closes = self._read_response()
                self.sent.append(Sent(at, status))
                if closes:
                    return

    def _read_response(self) -> tuple[int, bool]:
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
