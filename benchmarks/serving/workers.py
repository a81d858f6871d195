"""SIGKILL of a worker under load: the service answers at once, and only requests in that worker fail.

Connections send single texts, one request after another, and connect again when one breaks. Again and again a worker
gets SIGKILL. The connections that it has at that moment are known from the system; requests on others must not fail.
Each time a new client measures how long it takes until it gets a response, and the next kill waits until the
supervisor has replaced the worker.

Run: python benchmarks/serving/workers.py --data DIR [--kills 20]
Needs psutil. Flags of `emoscope serve` follow `--`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import load

import live_server
import record
from waiting import DEADLINE, wait_until

REQUESTS = 50
"""Requests on a connection before the client opens another, so that a new worker gets connections too."""


class Failure(NamedTuple):
    """A request without a complete response: the local port of its connection, and the time."""

    port: int
    at: float


class Client(threading.Thread):
    """Sends one request after another until it is stopped, some on each connection."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        super().__init__(daemon=True)
        self.statuses: list[int] = []
        self.failures: list[Failure] = []
        self.stopped = threading.Event()
        self._address, self._requests = ("127.0.0.1", port), requests

    def run(self) -> None:
        """Send until stopped."""
        while not self.stopped.is_set():
            with socket.create_connection(self._address, timeout=DEADLINE) as connection:
                port = connection.getsockname()[1]
                for request in islice(self._requests, REQUESTS):
                    status = answered(connection, request)
                    if status == 0:
                        self.failures.append(Failure(port, time.monotonic()))
                        break
                    self.statuses.append(status)


def answered(connection: socket.socket, request: bytes) -> int:
    """The status of the response, 0 without a complete one."""
    received = b""
    try:
        connection.sendall(request)
        while part := connection.recv(1 << 16):
            received += part
            head, end, body = received.partition(b"\r\n\r\n")
            if end and len(body) >= int(head.lower().partition(b"content-length:")[2].split()[0]):
                return int(head[9:12])
    except OSError:
        pass
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    parser.add_argument("flags", nargs="*", help="flags of emoscope serve, after --")
    args = parser.parse_args()
    flags = ["--workers", str(args.workers), *args.flags]
    with tempfile.TemporaryDirectory() as folder, live_server.emoscope(Path(folder, "log"), *flags) as server:
        results = _killed(server, args)
        results |= {"flags": flags, "exit_status": server.stop()}
    print({name: value for name, value in results.items() if name != "kills"})
    print(record.write("serving_workers", results, packages=("emoscope", "uvicorn"), seed=args.seed,
                       folder=args.output))  # fmt: skip


def _killed(server: live_server.Server, args: argparse.Namespace) -> dict[str, Any]:
    url, chance = server.url("/v1/predict"), random.Random(args.seed)
    rows = load.texts(args.data)
    sent = [list(islice(load.requests(url, rows[i:] + rows[:i]), 2_000)) for i in range(args.connections + 1)]
    clients = [Client(server.port, cycle(requests)) for requests in sent[1:]]
    wait_until(lambda: len(_serving(server)) == args.workers)
    for client in clients:
        client.start()
    kills = []
    for number in range(args.kills):
        time.sleep(chance.uniform(0.5, 1.5))
        kills.append(_kill(server, clients, chance.choice(sorted(_serving(server))), sent[0][number]))
        print(kills[-1], flush=True)
    for client in clients:
        client.stopped.set()
    for client in clients:
        client.join(DEADLINE)
    statuses = [status for client in clients for status in client.statuses]
    return {
        "connections": args.connections,
        "kills": kills,
        "status": {str(status): statuses.count(status) for status in sorted(set(statuses))},
        "failed": sum(len(client.failures) for client in clients),
        "failed_in_other_workers": sum(kill["failed_in_other_workers"] for kill in kills),
        "longest_seconds_to_a_response": max(kill["seconds_to_a_response"] for kill in kills),
        "longest_seconds_to_a_new_worker": max(kill["seconds_to_a_new_worker"] for kill in kills),
    }


def _serving(server: live_server.Server) -> set[int]:
    """Process ids of the workers that serve."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    return {line["process"] for line in lines if "url" in line} - {line["worker"] for line in lines if "worker" in line}


def _kill(server: live_server.Server, clients: list[Client], worker: int, request: bytes) -> dict[str, Any]:
    """The outcome of killing one worker."""
    count = len(_serving(server))
    process = psutil.Process(worker)
    process.suspend()  # so that it accepts no connection between the look at its connections and its end
    ports = {each.raddr.port for each in process.net_connections("tcp") if each.raddr}
    before = time.monotonic()
    os.kill(worker, signal.SIGKILL)
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as connection:
        status = answered(connection, request)
    responded = time.monotonic()
    wait_until(lambda: worker not in _serving(server) and len(_serving(server)) == count)
    replaced = time.monotonic()
    failures = [failure for client in clients for failure in client.failures if failure.at >= before]
    return {
        "connections_of_the_worker": len(ports),
        "failed": len(failures),
        "failed_in_other_workers": sum(failure.port not in ports for failure in failures),
        "status_of_the_first_response": status,
        "seconds_to_a_response": responded - before,
        "seconds_to_a_new_worker": replaced - before,
    }


if __name__ == "__main__":
    main()
