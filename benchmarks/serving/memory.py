"""Memory of a server under clients that make it hold as much as they can, beside a server that is idle.

Each attack meets a server of its own, which must answer as before afterwards:
- unread: --connections clients send requests with 1,000 texts one after another, and read nothing;
- long texts: --clients clients send the longest texts that are allowed, of characters that the model reads as many, and
  longer ones; beside them one client sends single texts, and counts how many are refused;
- bodies: --bodies clients send bodies of 3.9 MB, all but the last bytes;
- disk: --tables clients send a table without end, and read nothing;
- heads: --heads clients send a header without end.

The peak is that of the resident memory of the process; what the temporary folder holds is counted apart.

Run: python benchmarks/serving/memory.py [--seconds 30]
Flags of `emoscope serve` follow `--`.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "serving"))
from attacks import Start
from hostile_clients import BODIES, request

import live_server
import record

MAX_EXTRA_MB = 300
"""Memory that an attack may take beyond that of an idle server, in MB."""
LIGATURE = "\ufdfa"
"""One character that the model reads as 18."""
RECEIVE_BYTES = 4096
"""Size of the receive buffer of clients that do not read: the system then buffers little for them, the server more."""
MAX_HEAD_PIECES = 50
"""Pieces of 1 MB that a header without end consists of: a server that does not limit heads holds all of them."""
PAUSE = 0.05
"""Seconds between two requests of the client with single texts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="duration of each attack")
    add_sizes(parser)
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    parser.add_argument("flags", nargs="*", help="flags of emoscope serve, after --")
    args = parser.parse_args()
    results: dict[str, Any] = {"flags": args.flags, "seconds": args.seconds, "max_extra_mb": MAX_EXTRA_MB}
    results |= attacked(partial(_start, args.flags), args)
    print(record.write("serving_memory", results, packages=("emoscope", "uvicorn"), folder=args.output))


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how many clients attack."""
    parser.add_argument("--connections", type=int, default=400)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--bodies", type=int, default=300)
    parser.add_argument("--tables", type=int, default=16)
    parser.add_argument("--heads", type=int, default=20)


def _start(flags: list[str], log: Path, environment: dict[str, str]) -> AbstractContextManager[live_server.Server]:
    return live_server.emoscope(log, *flags, environment=environment)


def attacked(start: Start, args: argparse.Namespace) -> dict[str, Any]:
    """What each attack found on a server of its own."""
    with tempfile.TemporaryDirectory() as folder, start(Path(folder, "log"), {}) as idle:
        return {
            attack.__name__.strip("_"): _measured(attack, Path(folder), idle, start, args)
            for attack in (_unread, _long_texts, _bodies, _disk, _heads)
        }


def _measured(
    attack: Callable[[int, argparse.Namespace, float], dict[str, Any]],
    folder: Path,
    idle: live_server.Server,
    start: Start,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """What an attack found, the peak of the server's memory, and whether it answers as before."""
    temporary = folder / attack.__name__
    temporary.mkdir()
    with start(temporary / "log", {"TMPDIR": str(temporary)}) as server:
        before = server.memory()
        with _peaks(server) as peaks:
            found = attack(server.port, args, args.seconds)
        status, body = live_server.request(server.port, "POST", "/v1/predict", BODIES["/v1/predict"])
        extra = (peaks["memory"] - min(before, idle.memory())) / 1e6
        found |= {
            "idle_mb": idle.memory() / 1e6,
            "before_mb": before / 1e6,
            "peak_mb": peaks["memory"] / 1e6,
            "extra_mb": extra,
            "within_limit": extra <= MAX_EXTRA_MB,
            "temporary_files_mb": peaks["files"] / 1e6,
            "answers_as_before": status == 200 and json.loads(body)["label"] == ["joy", "anger"],
            "tracebacks": server.log.read_text().count("Traceback"),
        }
    print(attack.__name__.strip("_"), json.dumps(found), flush=True)
    return found


@contextmanager
def _peaks(server: live_server.Server) -> Iterator[dict[str, int]]:
    """The peaks of a server's memory and of its deleted temporary files, in bytes, measured ten times a second."""
    peaks = {"memory": 0, "files": 0}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            peaks["memory"] = max(peaks["memory"], server.memory())
            peaks["files"] = max(peaks["files"], _file_bytes(server.process.pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _file_bytes(pid: int) -> int:
    """Bytes of the open files of a process that have no name any more."""
    total = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if str(descriptor.readlink()).endswith("(deleted)"):
                total += descriptor.stat().st_blocks * 512
    return total


class _Sender:
    """A client that sends pieces, by client and number, for as long as the server takes them, and reads nothing."""

    def __init__(self, port: int, client: int, piece: Callable[[int, int], bytes]) -> None:
        self.sent, self.is_closed = 0, False
        self._client, self._number, self._piece = client, 0, piece
        self._rest = memoryview(piece(client, 0))
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)

    def send(self) -> None:
        if self.is_closed:
            return
        try:
            size = self.socket.send(self._rest)
        except BlockingIOError:
            return
        except OSError:
            self.is_closed = True
            return
        self.sent += size
        self._rest = self._rest[size:]
        if not self._rest:
            self._number += 1
            self._rest = memoryview(self._piece(self._client, self._number))


def _send_all(port: int, count: int, piece: Callable[[int, int], bytes], seconds: float) -> dict[str, Any]:
    senders = [_Sender(port, client, piece) for client in range(count)]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for sender in senders:
            sender.send()
        time.sleep(0.001)
    for sender in senders:
        sender.socket.close()
    return {
        "clients": count,
        "sent_mb": sum(sender.sent for sender in senders) / 1e6,
        "closed_by_the_server": sum(sender.is_closed for sender in senders),
    }


def _unread(port: int, args: argparse.Namespace, seconds: float) -> dict[str, Any]:
    data = request("/v1/predict", json.dumps({"texts": ["i feel happy"] * 1000}).encode())
    return _send_all(port, args.connections, lambda client, number: data, seconds)


def _bodies(port: int, args: argparse.Namespace, seconds: float) -> dict[str, Any]:
    cut_off = request("/v1/predict", json.dumps({"texts": ["x" * 97_500] * 40}).encode())[:-10]
    return _send_all(port, args.bodies, lambda client, number: b"" if number else cut_off, seconds)


def _heads(port: int, args: argparse.Namespace, seconds: float) -> dict[str, Any]:
    start, piece = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ", b"x" * 1_000_000

    def part(client: int, number: int) -> bytes:
        return start if number == 0 else piece if number <= MAX_HEAD_PIECES else b""

    return _send_all(port, args.heads, part, seconds)


def _disk(port: int, args: argparse.Namespace, seconds: float) -> dict[str, Any]:
    headers = b"Host: localhost\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
    head = b"POST /v1/score?text_column=text HTTP/1.1\r\n" + headers
    rows = b"i feel happy today\n" * 5_000
    chunk = b"%x\r\n%b\r\n" % (len(rows), rows)
    return _send_all(port, args.tables, lambda client, number: chunk if number else head + b"5\r\ntext\n\r\n", seconds)


def _long_texts(port: int, args: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """Statuses of the long texts, those that are allowed and longer ones, and of the single texts beside them."""
    until = time.monotonic() + seconds
    statuses: dict[str, Counter[int]] = {name: Counter() for name in ("allowed", "longer", "single")}

    def send(name: str, client: int) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            start = f"{client} {number} "
            if name == "single":
                text = f"i feel happy for the {number}. time"
                time.sleep(PAUSE)
            else:
                text = start + LIGATURE * ((100_000 - len(start)) // (18 if name == "allowed" else 1))
            status, _ = live_server.request(port, "POST", "/v1/predict", json.dumps({"texts": [text]}).encode())
            statuses[name][status] += 1

    threads = [threading.Thread(target=send, args=("single", 0))]
    for client in range(args.clients):
        threads += [threading.Thread(target=send, args=(name, client)) for name in ("allowed", "longer")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = statuses["single"].total() - statuses["single"][200]
    return {
        "clients": 2 * args.clients,
        "statuses": {name: dict(counts) for name, counts in statuses.items()},
        "share_of_single_texts_refused": refused / statuses["single"].total(),
    }


if __name__ == "__main__":
    main()
