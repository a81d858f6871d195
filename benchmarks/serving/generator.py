"""The limits of the load generator, measured against a server that does nothing, and compared with wrk if installed.

A closed loop measures the rate, with the generator and wrk in turns on the same server. An open loop measures the
latency, which against this server is that of the generator and the system. Run: python benchmarks/serving/generator.py
--data DIR [--seconds S]
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import bare
import load

import record

RATES = (1_000, 5_000, 10_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, bare.running(Path(folder, "log")) as server:
        results = _measure(args, server.url("/v1/predict"))
    print(record.write("serving_generator", results, packages=("emoscope", "uvloop"), seed=0, folder=args.output))


def _measure(args: argparse.Namespace, url: str) -> dict[str, Any]:
    requests = load.requests(url, load.texts(args.data))
    most: dict[str, list[dict[str, Any]]] = {}
    for _ in range(args.rounds):
        for connections in args.connections:
            outcome = load.closed(url, requests, connections=connections, seconds=args.seconds)
            most.setdefault(f"{connections} connections", []).append(
                outcome.summary() | {"wrk": _wrk(url, connections, args)}
            )
    at_rate = {str(rate): load.open_loop(url, requests, rate=rate, seconds=args.seconds).summary() for rate in RATES}
    for name, rounds in most.items():
        print(name, [round(each["requests_per_second"]) for each in rounds], "wrk", [each["wrk"] for each in rounds])
    for name, summary in at_rate.items():
        print(name, summary["latency_ms"], f"{summary['generator_share_of_a_core']:.2f} of a core")
    return {"most": most, "open_loop": at_rate}


def _wrk(url: str, connections: int, args: argparse.Namespace) -> float | None:
    if not shutil.which("wrk"):
        return None
    command = ["wrk", "-t1", f"-c{connections}", f"-d{args.seconds:.0f}s", url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    return float(found.group(1)) if found else None


if __name__ == "__main__":
    main()
