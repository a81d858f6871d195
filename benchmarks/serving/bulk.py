"""Share of single texts that are refused (429) beside bulk requests, and right after them.

For each number in --quiet, that many clients send single texts with a pause between two; first alone, then beside
--bulk clients that send requests with 1,000 texts without a pause, then alone again. The second after the bulk requests
counts apart. The server's own limit of requests in flight is read from /info, four times a second.

Run: python benchmarks/serving/bulk.py [--seconds 10]
Flags of `emoscope serve` follow `--`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import live_server
import record

WORDS = ("i", "feel", "so", "very", "happy", "sad", "angry", "afraid", "loved", "surprised", "today", "my", "old")
RECOVERY = 1.0
"""Seconds after the bulk requests that count as the recovery."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quiet", type=int, nargs="+", default=[8, 16], help="numbers of clients with single texts")
    parser.add_argument("--bulk", type=int, default=4, help="number of clients with 1,000 texts per request")
    parser.add_argument("--pause", type=float, default=0.02, help="seconds between two requests of a quiet client")
    parser.add_argument("--seconds", type=float, default=10.0, help="duration of each phase")
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    parser.add_argument("flags", nargs="*", help="flags of emoscope serve, after --")
    args = parser.parse_args()
    results: dict[str, Any] = {name: vars(args)[name] for name in ("flags", "bulk", "pause", "seconds")}
    with tempfile.TemporaryDirectory() as folder:
        for quiet in args.quiet:
            with live_server.emoscope(Path(folder, f"log-{quiet}"), *args.flags) as server:
                results[f"quiet_{quiet}"] = _Run(server.port, args).statuses(quiet)
            print(quiet, json.dumps(results[f"quiet_{quiet}"]), flush=True)
    print(record.write("serving_bulk", results, packages=("emoscope", "uvicorn"), folder=args.output))


class _Run:
    """Clients of one server; `phase` names what the quiet clients' requests count for."""

    def __init__(self, port: int, args: argparse.Namespace) -> None:
        self._port, self._args = port, args
        self._phase = "before"
        self._single: dict[str, Counter[int]] = {}
        self._many: Counter[int] = Counter()
        self._limits: dict[str, list[int]] = {}
        self._lock = threading.Lock()
        self._ended, self._bulk_ended = threading.Event(), threading.Event()

    def statuses(self, quiet: int) -> dict[str, Any]:
        threads = [threading.Thread(target=self._send_single, args=(i,)) for i in range(quiet)]
        bulk = [threading.Thread(target=self._send_bulk, args=(i,)) for i in range(self._args.bulk)]
        threads.append(threading.Thread(target=self._watch_limit))
        self._start(threads, "before", self._args.seconds)
        self._start(bulk, "beside", self._args.seconds)
        self._bulk_ended.set()
        for thread in bulk:
            thread.join()
        self._start([], "recovery", RECOVERY)
        self._start([], "after", self._args.seconds)
        self._ended.set()
        for thread in threads:
            thread.join()
        return {phase: self._summary(phase) for phase in self._single} | {"bulk_statuses": dict(self._many)}

    def _start(self, threads: list[threading.Thread], phase: str, seconds: float) -> None:
        with self._lock:
            self._phase = phase
            self._single[phase], self._limits[phase] = Counter(), []
        for thread in threads:
            thread.start()
        time.sleep(seconds)

    def _summary(self, phase: str) -> dict[str, Any]:
        counts, limits = self._single[phase], self._limits[phase]
        return {
            "statuses": dict(counts),
            "share_429": counts[429] / max(1, counts.total()),
            "requests_in_flight_limit": {"min": min(limits, default=None), "max": max(limits, default=None)},
        }

    def _send_single(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._ended.is_set():
            phase = self._phase
            status = self._send([" ".join(chance.choices(WORDS, k=12))])
            with self._lock:
                self._single[phase][status] += 1
            time.sleep(self._args.pause)

    def _send_bulk(self, seed: int) -> None:
        chance = random.Random(1000 + seed)
        while not self._bulk_ended.is_set():
            status = self._send([" ".join(chance.choices(WORDS, k=20)) for _ in range(1000)])
            with self._lock:
                self._many[status] += 1

    def _send(self, texts: list[str]) -> int:
        status, _ = live_server.request(self._port, "POST", "/v1/predict", json.dumps({"texts": texts}).encode())
        return int(status)

    def _watch_limit(self) -> None:
        while not self._ended.wait(0.25):
            phase = self._phase
            _, body = live_server.request(self._port, "GET", "/info")
            self._limits[phase].append(json.loads(body)["limits"]["requests_in_flight"])


if __name__ == "__main__":
    main()
