"""A million requests: resident memory after the warm-up compared with the end.

Connections send single texts without pause, half of them new and half seen before. Two of a hundred requests have 16
texts, one is wrong, and some are cancelled, as in production. The memory of all the server's processes is read after
each stretch of load. The warm-up is long enough for the cache to fill and for the allocator to reach its size.

Run: python benchmarks/serving/soak.py --data DIR [--requests 1000000]
Flags of `emoscope serve` follow `--`.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import load

import live_server
import record

CONNECTIONS = 32
SECONDS = 20.0
"""Duration of a stretch of load; memory is read after each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--warm-up", type=int, default=300_000, help="requests before memory is compared")
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    parser.add_argument("flags", nargs="*", help="flags of emoscope serve, after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, live_server.emoscope(Path(folder, "log"), *args.flags) as server:
        results = _soak(server, args)
    print({key: results[key] for key in ("requests", "after_warm_up", "end", "growth", "status")})
    print(
        record.write(
            "serving_soak", results, packages=("emoscope", "onnxruntime", "uvicorn"), seed=0, folder=args.output
        )
    )


def _soak(server: live_server.Server, args: argparse.Namespace) -> dict[str, Any]:
    url = server.url("/v1/predict")
    requests = _mixed(url, load.texts(args.data))
    memory = [(0, server.memory())]
    status: Counter[str] = Counter()
    done, start = 0, time.perf_counter()
    while done < args.requests + args.warm_up:
        outcome = load.closed(url, requests, connections=CONNECTIONS, seconds=SECONDS)
        done += len(outcome.status)
        status.update(outcome.summary()["status"])
        _cancel(server.port, list(islice(requests, 100)))
        memory.append((done, server.memory()))
        print(f"{done:>9,} {memory[-1][1] / 1e6:8.1f} MB {outcome.rate:8,.0f}/s", dict(status), flush=True)
    warm = next(size for number, size in memory if number >= args.warm_up)
    return {
        "requests": done,
        "seconds": time.perf_counter() - start,
        "status": dict(status),
        "memory": memory,
        "after_warm_up": warm,
        "end": memory[-1][1],
        "growth": memory[-1][1] / warm - 1,
    }


def _mixed(url: str, rows: list[str]) -> Iterator[bytes]:
    """New texts and texts seen before in turns, now and then many texts or a wrong body."""
    new, seen = load.requests(url, rows), cycle(islice(load.requests(url, rows), 2_000))
    many = load.requests(url, rows, size=16)
    wrong = load.requests(url, rows, lambda text: {"texts": [[text]]})
    for number in count():
        source = many if number % 50 == 0 else wrong if number % 100 == 25 else new if number % 2 else seen
        yield next(source)


def _cancel(port: int, requests: list[bytes]) -> None:
    """Send requests without waiting for a response."""
    for request in requests:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request)


if __name__ == "__main__":
    main()
