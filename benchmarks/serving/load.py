"""A load generator for HTTP/1.1 servers on this machine, with latency from the moment a request was due.

Open loop: requests are due at random times (Poisson) of a given rate, whether the server keeps up or not. One that is
due while all connections are busy waits, and its latency counts from when it was due: nothing is omitted because the
server was slow. Closed loop: each connection sends the next request when it has its answer, which finds the largest
rate.

One thread, one epoll over keep-alive connections, requests prepared as bytes, of an answer only the status and the
length are read: it takes little of the processor that it shares with the server. What it took is in the result.

Run: python benchmarks/serving/load.py http://127.0.0.1:8000/v1/predict --data DIR [--rate R] [--seconds S]
As many as it takes without --rate, open loop with it.
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
"""Seconds between opening the connections and the first request: what a server does to accept them is not measured."""
PATIENCE = 30.0
"""Seconds after the last request was due in which answers are waited for."""
BROKEN = 0
"""The status of a request whose connection was cut."""
UNANSWERED = 1
"""The status of a request that had no answer when patience ended."""


@dataclass(frozen=True)
class Outcome:
    """What became of each request, in the order in which they were due.

    Attributes:
        due: seconds from the start to the moment that each was due, float64 (requests,).
        latency: seconds from then to its answer, float64 (requests,).
        status: HTTP status, or BROKEN or UNANSWERED, int64 (requests,).
        seconds: from the start to the last answer.
        processor: seconds of processor time that the generator took.
    """

    due: NDArray[np.float64]
    latency: NDArray[np.float64]
    status: NDArray[np.int64]
    seconds: float
    processor: float

    @property
    def rate(self) -> float:
        """Answers with status 200 a second."""
        return float((self.status == 200).sum()) / self.seconds

    def within(self, start: float, end: float) -> Outcome:
        """Only the requests that were due between these seconds."""
        chosen = (self.due >= start) & (self.due < end)
        return Outcome(self.due[chosen], self.latency[chosen], self.status[chosen], end - start, self.processor)

    def summary(self) -> dict[str, Any]:
        """Counts by status, answers a second, latency in ms of those with status 200 and of the refused."""
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
    """Percentiles, mean and largest value in milliseconds; None of nothing."""
    if not len(seconds):
        return None
    values = np.percentile(seconds, PERCENTILES) * 1e3
    named = {f"p{percent:g}": float(value) for percent, value in zip(PERCENTILES, values, strict=True)}
    return named | {"mean": float(seconds.mean() * 1e3), "max": float(seconds.max() * 1e3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--rate", type=float, help="requests a second; without it as many as it takes")
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
    """So many distinct texts: those of the validation split, then copies of them with two words replaced at random.

    Their words and lengths are those of the split.
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
    """Requests as they go over the wire, without end, and never the same text twice.

    Args:
        url: where to.
        rows: texts; when they are used up they come again with one more blank before them, which no model sees.
        shape: the body for a text.
        size: texts of a request; the shape must then be a list of texts.
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
    """As many requests as connections that never rest get answered in these seconds."""
    loop = _Loop(url, requests, connections)
    end = time.perf_counter() + seconds

    def due(_: int) -> float | None:
        now = time.perf_counter()
        return now if now < end else None

    return loop.run(due)


def open_loop(
    url: str, requests: Iterator[bytes], *, rate: float, seconds: float, connections: int = 256, seed: int = 0
) -> Outcome:
    """Requests due at random times, `rate` a second on average, for `seconds`."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds * 1.1) + 100)
    times = np.cumsum(gaps)
    times = array("d", times[times < seconds])
    loop = _Loop(url, requests, connections)
    start = time.perf_counter()
    return loop.run(lambda index: start + times[index] if index < len(times) else None)


class _Connection:
    """A keep-alive connection and the one request that is under way on it, or -1."""

    __slots__ = ("address", "index", "received", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.open()

    def open(self) -> None:
        self.index = -1
        self.received = b""
        self.socket = socket.create_connection(self.address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def status(self, data: bytes) -> int:
        """The status of the answer, or -1 until all of it is there."""
        if self.received:
            data = self.received + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or len(data) < end + 4 + _length(data[:end]):
            self.received = data
            return -1
        self.received = b""
        return int(data[9:12])


class _Loop:
    """Sends what is due over the connection that was used last, as pools do, and notes answers."""

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
        """Send request after request when it is due, until `due(index)` is None; then wait for the last answers."""
        processor, start = time.process_time(), time.perf_counter()
        connections = len(self._idle)
        while (following := due(len(self._due))) is not None:
            now = time.perf_counter()
            if following <= now and self._idle:
                self._send(following)
            else:
                self._receive(following - now if self._idle else PATIENCE)
        limit = time.perf_counter() + PATIENCE
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
            select.select([self._epoll], [], [], timeout)  # epoll's own time-out counts whole milliseconds
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
        raise ValueError(f"an answer without a length: {head[:200]!r}")
    return int(head[place + 17 :].split(b"\r", 1)[0])


def _name(status: int) -> str:
    return {BROKEN: "broken", UNANSWERED: "unanswered"}.get(status, str(status))


if __name__ == "__main__":
    main()
