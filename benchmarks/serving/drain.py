"""SIGTERM under load: no accepted request is lost, and the process exits by itself.

In each round, connections send single texts, one request after another, and at a random moment the server gets
SIGTERM. Each request that was completely sent before the signal must get a complete response, even if the server had
not read it yet: 200, or 429 or 503. A request that is sent later may get 503, or find its connection closed, as
HTTP/1.1 allows.

Run: python benchmarks/serving/drain.py --data DIR [--rounds 50]
Flags of `emoscope serve` follow `--`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "serving"))
import load
from attacks import Start
from draining import CUT, Round, drain

import live_server
import record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    parser.add_argument("flags", nargs="*", help="flags of emoscope serve, after --")
    args = parser.parse_args()
    start = partial(_start, args.flags)
    results = {"flags": args.flags} | drained(
        start, load.texts(args.data), rounds=args.rounds, connections=args.connections, seed=args.seed
    )
    print({name: value for name, value in results.items() if name != "rounds"})
    print(record.write("serving_drain", results, packages=("emoscope", "uvicorn"), seed=args.seed, folder=args.output))


def _start(flags: list[str], log: Path, environment: dict[str, str]) -> AbstractContextManager[live_server.Server]:
    return live_server.emoscope(log, *flags, environment=environment)


def drained(start: Start, rows: list[str], *, rounds: int, connections: int = 32, seed: int = 0) -> dict[str, Any]:
    """The outcome of the requests before and after a SIGTERM, in sum over rounds with a new server each."""
    chance = random.Random(seed)
    found: list[Round] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            with start(Path(folder, "log"), {}) as server:
                requests = list(islice(load.requests(server.url("/v1/predict"), rows), len(rows)))
                delay = chance.uniform(0.2, 1.0)
                found.append(drain(server.process, server.port, requests, connections=connections, delay=delay))
                print(number, found[-1], "LOST" if found[-1].lost else "", flush=True)
    before = sum((each.before for each in found), Counter[int]())
    after = sum((each.after for each in found), Counter[int]())
    return {
        "connections": connections,
        "sent_before": dict(before),
        "sent_after": dict(after),
        "lost": sum(each.lost for each in found),
        "cut_after_the_signal": after[CUT],
        "exit_status": dict(Counter(each.exit_status for each in found)),
        "longest_seconds": max(each.seconds for each in found),
        "rounds": len(found),
    }


if __name__ == "__main__":
    main()
