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
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "serving"))
import load
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
    results = _rounds(args)
    print({name: value for name, value in results.items() if name != "rounds"})
    print(record.write("serving_drain", results, packages=("emoscope", "uvicorn"), seed=args.seed, folder=args.output))


def _rounds(args: argparse.Namespace) -> dict[str, Any]:
    chance = random.Random(args.seed)
    rows = load.texts(args.data)
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.rounds):
            with live_server.emoscope(Path(folder, "log"), *args.flags) as server:
                requests = list(islice(load.requests(server.url("/v1/predict"), rows), len(rows)))
                delay = chance.uniform(0.2, 1.0)
                rounds.append(drain(server.process, server.port, requests, connections=args.connections, delay=delay))
                print(number, rounds[-1], "LOST" if rounds[-1].lost else "", flush=True)
    before = sum((each.before for each in rounds), Counter[int]())
    after = sum((each.after for each in rounds), Counter[int]())
    return {
        "flags": args.flags,
        "connections": args.connections,
        "sent_before": dict(before),
        "sent_after": dict(after),
        "lost": sum(each.lost for each in rounds),
        "cut_after_the_signal": after[CUT],
        "exit_status": dict(Counter(each.exit_status for each in rounds)),
        "longest_seconds": max(each.seconds for each in rounds),
        "rounds": len(rounds),
    }


if __name__ == "__main__":
    main()
