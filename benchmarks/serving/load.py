"""A load generator for HTTP/1.1 servers on the same machine that measures latency from when a request was due.

Open loop: requests are due at random times (Poisson) at a given rate, whether or not the server keeps up. A request
that is due while all connections are busy waits, and its latency counts from when it was due, so that slow responses do
not hide later requests (coordinated omission). Closed loop: each connection sends its next request when it has its
response, which finds the maximum rate.

It runs in one thread with one epoll over keep-alive connections, sends prepared bytes, and reads only the status and
length of a response, so that it takes little of the processor that it shares with the server. The result reports how
much it took.

Run: python benchmarks/serving/load.py http://127.0.0.1:8000/v1/predict --data DIR [--rate R] [--seconds S]
With --rate it runs an open loop, else a closed one.
"""

from __future__ import annotations

import argparse
import json
import random
import select
import socket
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from emoscope.data import load_splits

PERCENTILES = (50, 90, 99, 99.9)
RECEIVE = 1 << 18
SETTLE = 0.5
"""Seconds between opening the connections and the first request, so that accepting them is not measured."""
TIMEOUT = 30.0
"""Seconds to wait for responses after the last request was due."""
BROKEN = 0
"""Status of a request whose connection was closed."""
UNANSWERED = 1
"""Status of a request without a response before TIMEOUT."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of each request, in the order in which they were due.

    Attributes:
        due: seconds from the start to when each request was due, float64 (requests,).
        latency: seconds from when each request was due to its response, float64 (requests,).
        status: HTTP status, or BROKEN or UNANSWERED, int64 (requests,).
        seconds: seconds from the start to the last response.
        processor: seconds of processor time that the generator took.
    """

    due: NDArray[np.float64]
    latency: NDArray[np.float64]
    status: NDArray[np.int64]
    seconds: float
    processor: float

    @property
    def rate(self) -> float:
        """Responses with status 200 per second."""
        return float((self.status == 200).sum()) / self.seconds

    def within(self, start: float, end: float) -> Outcome:
        """The requests that were due between these seconds."""
        chosen = (self.due >= start) & (self.due < end)
        return Outcome(self.due[chosen], self.latency[chosen], self.status[chosen], end - start, self.processor)

    def summary(self) -> dict[str, Any]:
        """Counts by status, responses per second, and latency in ms of successful and of refused requests."""
        values, counts = np.unique(self.status, return_counts=True)
        accepted, refused = self.status == 200, self.status >= 400
        return {
            "requests": len(self.status),
            "status": {_name(int(value)): int(count) for value, count in zip(values, counts, strict=True)},
            "requests_per_second": self.rate,
            "latency_ms": percentiles(self.latency[accepted]),
            "refused_latency_ms": percentiles(self.latency[refused]) if refused.any() else None,
            "seconds": self.seconds,
            "generator_share_of_a_core": self.processor / self.seconds,
        }


def percentiles(seconds: NDArray[np.float64]) -> dict[str, float] | None:
    """Percentiles, mean and maximum in milliseconds; None without values."""
    if not len(seconds):
        return None
    values = np.percentile(seconds, PERCENTILES) * 1e3
    named = {f"p{percent:g}": float(value) for percent, value in zip(PERCENTILES, values, strict=True)}
    return named | {"mean": float(seconds.mean() * 1e3), "max": float(seconds.max() * 1e3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--rate", type=float, help="requests per second; default: a closed loop")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    sent = requests(args.url, texts(args.data))
    if args.rate:
        outcome = open_loop(args.url, sent, rate=args.rate, seconds=args.seconds, connections=args.connections)
    else:
        outcome = closed(args.url, sent, connections=args.connections, seconds=args.seconds)
    print(json.dumps(outcome.summary(), indent=1))


def texts(data: str | Path, number: int = 20_000, *, seed: int = 0) -> list[str]:
    """Distinct texts: those of the validation split, then copies of them with two words replaced at random.

    Words and lengths are those of the split.
    """
    rows = list(dict.fromkeys(load_splits(data)["validation"].texts))
    words = [word for row in rows for word in row.split()]
    chance = random.Random(seed)
    found = dict.fromkeys(rows[:number])
    while len(found) < number:
        copy = chance.choice(rows).split()
        for _ in range(2):
            copy[chance.randrange(len(copy))] = chance.choice(words)
        found[" ".join(copy)] = None
    return list(found)


def requests(
    url: str, rows: Sequence[str], shape: Callable[[str], Any] = lambda text: {"texts": [text]}, *, size: int = 1
) -> Iterator[bytes]:
    """Requests as bytes, without end, that never have the same text twice.

    Args:
        url: address of the server.
        rows: texts; when they are used up they are repeated with one more leading space, which no model sees.
        shape: makes the body for a text.
        size: texts per request; if more than one, the shape must have a list of texts.
    """
    parts = urlsplit(url)
    head = f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    before, after = (part.encode() for part in json.dumps(shape("TEXT")).split("TEXT"))
    start = f"{head}Content-Length: %d\r\n\r\n".encode() + before.replace(b"%", b"%%")
    escaped = [json.dumps(row)[1:-1].encode() for row in rows]
    for lap in count():
        blanks = b" " * lap
        for place in range(0, len(escaped), size):
            text = b'", "'.join([blanks + each for each in escaped[place : place + size]])
            yield start % (len(before) + len(text) + len(after)) + text + after


def closed(url: str, requests: Iterator[bytes], *, connections: int, seconds: float) -> Outcome:
    """The outcome of connections that send without pause for these seconds."""
    loop = _Loop(url, requests, connections)
    end = time.perf_counter() + seconds

    def due(_: int) -> float | None:
        now = time.perf_counter()
        return now if now < end else None

    return loop.run(due)


def open_loop(
    url: str, requests: Iterator[bytes], *, rate: float, seconds: float, connections: int = 256, seed: int = 0
) -> Outcome:
    """The outcome of requests due at random times, `rate` per second on average, for `seconds`."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds * 1.1) + 100)
    times = np.cumsum(gaps)
    times = array("d", times[times < seconds])
    loop = _Loop(url, requests, connections)
    start = time.perf_counter()
    return loop.run(lambda index: start + times[index] if index < len(times) else None)


class _Connection:
    """A keep-alive connection, and the index of the request that is under way on it, or -1."""

    __slots__ = ("address", "index", "received", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.open()

    def open(self) -> None:
        self.index = -1
        self.received = b""
        self.socket = socket.create_connection(self.address, timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def status(self, data: bytes) -> int:
        """The status of the response, or -1 until it is complete."""
        if self.received:
            data = self.received + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or len(data) < end + 4 + _length(data[:end]):
            self.received = data
            return -1
        self.received = b""
        return int(data[9:12])


class _Loop:
    """Sends requests when they are due, on the most recently used idle connection, and records the responses."""

    def __init__(self, url: str, requests: Iterator[bytes], connections: int) -> None:
        parts = urlsplit(url)
        address = parts.hostname or "127.0.0.1", parts.port or 80
        self._requests = requests
        self._epoll = select.epoll()
        self._by_number: dict[int, _Connection] = {}
        self._idle = [_Connection(address) for _ in range(connections)]
        for connection in self._idle:
            self._register(connection)
        time.sleep(SETTLE)
        self._due, self._done, self._status = array("d"), array("d"), array("q")

    def run(self, due: Callable[[int], float | None]) -> Outcome:
        """Send each request when it is due until `due(index)` is None; then wait for the last responses."""
        processor, start = time.process_time(), time.perf_counter()
        connections = len(self._idle)
        while (following := due(len(self._due))) is not None:
            now = time.perf_counter()
            if following <= now and self._idle:
                self._send(following)
            else:
                self._receive(following - now if self._idle else TIMEOUT)
        limit = time.perf_counter() + TIMEOUT
        while len(self._idle) < connections and (left := limit - time.perf_counter()) > 0:
            self._receive(left)
        return self._outcome(start, time.process_time() - processor)

    def _outcome(self, start: float, processor: float) -> Outcome:
        for connection in self._by_number.values():
            connection.socket.close()
        self._epoll.close()
        due, done = np.array(self._due), np.array(self._done)
        finish = max(done.max(initial=start), start + 1e-9)
        status = np.array(self._status)
        return Outcome(
            due - start, np.where(status == UNANSWERED, np.inf, done - due), status, finish - start, processor
        )

    def _register(self, connection: _Connection) -> None:
        self._by_number[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket.fileno(), select.EPOLLIN)

    def _send(self, due: float) -> None:
        connection = self._idle.pop()
        connection.index = len(self._due)
        self._due.append(due)
        self._done.append(due)
        self._status.append(UNANSWERED)
        try:
            connection.socket.sendall(next(self._requests))
        except OSError:
            self._broken(connection)

    def _receive(self, timeout: float) -> None:
        events = self._epoll.poll(0)
        if not events:
            select.select([self._epoll], [], [], timeout)  # the timeout of epoll has a resolution of a millisecond
            events = self._epoll.poll(0)
        for number, _ in events:
            connection = self._by_number[number]
            try:
                data = connection.socket.recv(RECEIVE)
            except OSError:
                data = b""
            if not data:
                self._broken(connection)
            elif (status := connection.status(data)) >= 0:
                self._answered(connection, status)

    def _answered(self, connection: _Connection, status: int) -> None:
        self._done[connection.index] = time.perf_counter()
        self._status[connection.index] = status
        connection.index = -1
        self._idle.append(connection)

    def _broken(self, connection: _Connection) -> None:
        del self._by_number[connection.socket.fileno()]
        connection.socket.close()
        if connection.index >= 0:
            self._answered(connection, BROKEN)
        connection.open()
        self._register(connection)


def _length(head: bytes) -> int:
    place = head.lower().find(b"\r\ncontent-length:")
    if place < 0:
        raise ValueError(f"a response without Content-Length: {head[:200]!r}")
    return int(head[place + 17 :].split(b"\r", 1)[0])


def _name(status: int) -> str:
    return {BROKEN: "broken", UNANSWERED: "unanswered"}.get(status, str(status))


if __name__ == "__main__":
    main()
