"""Hostile clients at full size: no 5xx (except 503 for shedding and draining), no crash, no scores without a key.

Sends every kind of broken request once and then valid requests with changed bytes, --requests in all; clients that
send a byte now and then, alongside ordinary ones; --cancelled requests whose clients disconnect; every path with every
wrong key; and schemathesis over /openapi.json with all its checks. After each part the server must respond as before,
and its log must have no traceback. The requests are those of tests/serving/hostile_clients.py; the tests have a small
version of this benchmark.

Run: python benchmarks/serving/attacks.py --data DIR [--requests 10000] [--cancelled 10000] [--slow 1000]
Flags of `emoscope serve` follow `--`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "serving"))
import load
from hostile_clients import (
    BODIES,
    GETS,
    POSTS,
    HostileRequest,
    Response,
    cancel,
    every_kind,
    mutations,
    request,
    schemathesis,
    send,
    wrong_credentials,
)

import live_server
import record

KEY = "a-right-key-of-some-length"
PUBLIC = ("/", "/health", "/health/ready", "/docs", "/openapi.json", "/page/app.js")
"""Paths that need no key."""
RATE = 200
"""Requests per second of the ordinary clients alongside the slow ones."""
Start = Callable[[Path, dict[str, str]], AbstractContextManager[live_server.Server]]
"""Starts a server that is ready for requests, given a file for its log and environment variables."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    add_sizes(parser)
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    parser.add_argument("flags", nargs="*", help="flags of emoscope serve, after --")
    args = parser.parse_args()
    results = {"flags": args.flags, **attacked(partial(_start, args.flags), args)}
    print(record.write("serving_attacks", results, packages=("emoscope", "uvicorn", "schemathesis"), seed=args.seed,
                       folder=args.output))  # fmt: skip


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how many attacks there are."""
    parser.add_argument("--requests", type=int, default=10_000, help="number of broken requests")
    parser.add_argument("--cancelled", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=1_000, help="number of slow clients at the same time")
    parser.add_argument("--slow-seconds", type=float, default=20.0, help="duration of the slow clients")
    parser.add_argument("--examples", type=int, default=100, help="examples of schemathesis per path")
    parser.add_argument("--seed", type=int, default=0)


def _start(flags: list[str], log: Path, environment: dict[str, str]) -> AbstractContextManager[live_server.Server]:
    return live_server.emoscope(log, *flags, environment=environment)


def attacked(start: Start, args: argparse.Namespace) -> dict[str, Any]:
    """The result of each attack, on a server without API keys and on one with a key."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        with start(Path(folder, "log"), {}) as server:
            for part in (_broken, _slow, _cancelled, _schemathesis):
                results[part.__name__.strip("_")] = _watched(part, server, args)
        with start(Path(folder, "keys"), {"EMOSCOPE_API_KEYS": KEY}) as server:
            results["keys"] = _watched(_keys, server, args)
    return results


def _watched(
    part: Callable[[live_server.Server, argparse.Namespace], dict[str, Any]],
    server: live_server.Server,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """The result of one attack, and the state of the server after it."""
    before, start = server.memory(), time.perf_counter()
    found = part(server, args)
    status, body = live_server.request(
        server.port, "POST", "/v1/predict", BODIES["/v1/predict"], {"Authorization": f"Bearer {KEY}"}
    )
    found |= {
        "seconds": time.perf_counter() - start,
        "alive": server.process.poll() is None,
        "answers_as_before": status == 200 and json.loads(body)["label"] == ["joy", "anger"],
        "tracebacks": server.log.read_text().count("Traceback"),
        "memory_before": before,
        "memory_after": server.memory(),
    }
    print(part.__name__.strip("_"), json.dumps(found)[:1500], flush=True)
    return found


def _broken(server: live_server.Server, args: argparse.Namespace) -> dict[str, Any]:
    statuses: Counter[int] = Counter()
    failures, unanswered = [], []
    hostile = islice(chain(every_kind(), mutations(args.seed)), args.requests)
    with ThreadPoolExecutor(16) as pool:
        for each, answer in pool.map(lambda each: (each, _sent(server.port, each)), hostile):
            statuses[answer.status] += 1
            if answer.is_failure:
                failures.append([each.name, answer.status, answer.body[:200].decode(errors="replace")])
            if answer.status == 0 and not each.name.startswith("mutated"):
                unanswered.append(each.name)
    return {"status": dict(statuses), "failures": failures, "closed_without_answer": unanswered}


def _sent(port: int, each: HostileRequest) -> Response:
    """The response. For requests that are not cut at random, the client waits longer before it ends its half."""
    return send(port, each.data) if each.name.startswith("mutated") else send(port, each.data, soon=3.0)


def _slow(server: live_server.Server, args: argparse.Namespace) -> dict[str, Any]:
    """Latency of ordinary clients before and alongside slow ones, and how many slow ones the server disconnected."""
    requests = load.requests(server.url("/v1/predict"), load.texts(args.data))
    before = load.open_loop(server.url("/v1/predict"), requests, rate=RATE, seconds=5, connections=32)
    slow = [SlowClient(server.port, at_body=i % 2 == 0) for i in range(args.slow)]
    ended = threading.Event()
    thread = threading.Thread(target=_send_slowly, args=(slow, ended))
    thread.start()
    beside = load.open_loop(server.url("/v1/predict"), requests, rate=RATE, seconds=args.slow_seconds, connections=32)
    ended.set()
    thread.join()
    return {
        "clients": args.slow,
        "ended_by_the_server": sum(client.ended for client in slow),
        "ordinary_before": before.summary(),
        "ordinary_beside": beside.summary(),
    }


class SlowClient:
    """Sends a request one byte at a time, from the head on or from the body on."""

    def __init__(self, port: int, *, at_body: bool) -> None:
        self.ended = False
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setblocking(False)
        head = request("/v1/predict", b"x" * 1_000_000)[:-1_000_000]
        self._bytes = b"x" * 1_000_000 if at_body else head[:-2] + b"X-Slow: " + b"x" * 1_000_000
        self._place = 0
        if at_body:
            self._connection.send(head)

    def step(self) -> None:
        """Send the next byte."""
        if self.ended:
            return
        try:
            self._connection.send(self._bytes[self._place : self._place + 1])
            self._place += 1
            self._connection.recv(1)  # a response, or the end
            self.ended = True
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


def _send_slowly(clients: list[SlowClient], ended: threading.Event) -> None:
    while not ended.wait(0.5):
        for client in clients:
            client.step()
    for client in clients:
        client.close()


def _cancelled(server: live_server.Server, args: argparse.Namespace) -> dict[str, Any]:
    """Complete or partial requests with 1 to 200 texts, whose clients disconnect with FIN or RST."""
    chance = random.Random(args.seed)
    texts = load.texts(args.data, 2_000)

    def one(number: int) -> None:
        body = json.dumps({"texts": chance.sample(texts, chance.choice((1, 1, 1, 20, 200)))}).encode()
        data = request("/v1/predict", body)
        cancel(server.port, data[: chance.randrange(1, len(data))] if number % 4 == 0 else data, reset=number % 2 == 0)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(args.cancelled)))
    limit = time.monotonic() + 30
    while (waiting := _waiting_tokens(server)) and time.monotonic() < limit:
        time.sleep(0.1)
    return {"requests": args.cancelled, "tokens_still_waiting": waiting}


def _waiting_tokens(server: live_server.Server) -> float:
    _, body = live_server.request(server.port, "GET", "/metrics")
    found = re.findall(r"^emoscope_waiting_tokens(?:\{.*\})? (\S+)$", body.decode(), re.MULTILINE)
    return sum(map(float, found)) if found else float("nan")


def _schemathesis(server: live_server.Server, args: argparse.Namespace) -> dict[str, Any]:
    command = [
        *schemathesis(server.url("/openapi.json"), examples=args.examples, seed=args.seed),
        "--continue-on-failure",
    ]
    with tempfile.TemporaryDirectory() as folder:  # it leaves files in its folder
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    output = done.stdout.replace(f"{Path(__file__).parents[2]}/", "")
    print(output[-3000:])
    return {"exit_status": done.returncode, "end_of_output": output[-1500:].splitlines()}


def _keys(server: live_server.Server, args: argparse.Namespace) -> dict[str, Any]:
    """Each path with each wrong credential, valid requests and broken ones; then with the right key."""
    statuses: Counter[int] = Counter()
    wrong, leaks = [], []
    for path in [*POSTS, *(path for path in GETS if path not in PUBLIC)]:
        for name, headers in wrong_credentials(KEY).items():
            answer = send(server.port, request(path, BODIES.get(path), headers))
            statuses[answer.status] += 1
            if answer.status not in (400, 401, 431):
                wrong.append([path, name, answer.status])
            if answer.has_scores:
                leaks.append([path, name])
    hostile = [each for each in every_kind() if each.name.startswith("/")]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda each: send(server.port, each.data), hostile))
    leaks += [each.name for each, answer in zip(hostile, answers, strict=True) if answer.has_scores]
    right = [send(server.port, request(path, BODIES[path], [f"Authorization: Bearer {KEY}"])).status for path in POSTS]
    return {
        "status": dict(statuses),
        "neither_400_nor_401": wrong,
        "broken_without_key": dict(Counter(answer.status for answer in answers)),
        "answers_without_the_key": leaks,
        "with_the_key": right,
    }


if __name__ == "__main__":
    main()
