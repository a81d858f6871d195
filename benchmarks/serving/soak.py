"""A million requests: resident memory after warm-up against the end.

Connections that never rest send single texts, of which the first --distinct are different and then come again; a part
of the requests has many texts, a part is wrong, a part is cancelled, as in life. Memory is of all the server's
processes.

Run: python benchmarks/serving/soak.py --data DIR [--requests 1000000]
Behind `--`, flags of `emoscope serve`.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import load

import live_server
import record

CONNECTIONS = 32
SECONDS = 20.0
"""Of one stretch of load; memory is read after each."""
WRONG = b'{"texts": [1]}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--warm-up", type=int, default=100_000, help="requests before memory is first read")
    parser.add_argument("--distinct", type=int, default=200_000)
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder of the result")
    parser.add_argument("flags", nargs="*", help="of emoscope serve, behind --")
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
    requests = load.post(url, _bodies(load.texts(args.data, args.distinct)))
    memory = [(0, server.memory())]
    status: dict[str, int] = {}
    done, start, place = 0, time.perf_counter(), 0
    while done < args.requests + args.warm_up:
        rest = requests[place:] + requests[:place]
        outcome = load.closed(url, rest, connections=CONNECTIONS, seconds=SECONDS)
        summary = outcome.summary()
        done += summary["requests"]
        place = done % len(requests)
        for name, count in summary["status"].items():
            status[name] = status.get(name, 0) + count
        _cancel(server.port, rest[:100])
        memory.append((done, server.memory()))
        print(f"{done:>9,} {memory[-1][1] / 1e6:8.1f} MB {outcome.rate:8,.0f}/s", status, flush=True)
    warm = next(size for count, size in memory if count >= args.warm_up)
    return {
        "requests": done,
        "seconds": time.perf_counter() - start,
        "status": status,
        "memory": memory,
        "after_warm_up": warm,
        "end": memory[-1][1],
        "growth": memory[-1][1] / warm - 1,
    }


def _bodies(rows: list[str]) -> list[bytes]:
    """Of a hundred requests two have 16 texts and one is wrong."""
    bodies = [load.predict_body([row]) for row in rows]
    for i in range(0, len(bodies) - 16, 50):
        bodies[i] = load.predict_body(rows[i : i + 16])
        bodies[i + 25] = WRONG if i % 100 else bodies[i + 25]
    return bodies


def _cancel(port: int, requests: list[bytes]) -> None:
    """Requests whose senders do not wait for an answer."""
    for request in requests:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request)


if __name__ == "__main__":
    main()
