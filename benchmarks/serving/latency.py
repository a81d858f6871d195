"""Latency of single-text requests at shares of the server's maximum rate, and under overload.

Connections that send without pause find the maximum rate. Then an open loop (requests are due whether or not the
server keeps up, and latency counts from when each was due) runs for some seconds at each share of that rate. It runs at
the same rate against a server that does nothing, which shows what the machine and the generator add. That is one round.
The speed of a shared machine varies, so there are several rounds, each with its own maximum rate, and the result is
their median.
With --overload, requests come once at a multiple of the median of the maximum rates: the server should refuse at once
(429) what it cannot answer in time. After that 70 % of the maximum rate are sent, to see when the server is back at
full speed.

Run: python benchmarks/serving/latency.py --data DIR [--seconds S] [--share 0.5 0.7 0.9]
     python benchmarks/serving/latency.py --data DIR --overload 4 --seconds 60
Flags of `emoscope serve` follow `--`: ... -- --workers 2
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import bare
import load

import live_server
import record

PROBE_SECONDS = 3.0
AFTER_SECONDS = 5.0
RECOVERY_STEP = 0.25


def main() -> None:
    args = _arguments()
    with tempfile.TemporaryDirectory() as folder, live_server.emoscope(Path(folder, "log"), *args.flags) as server:
        url = server.url("/v1/predict")
        requests = load.requests(url, load.texts(args.data), size=args.texts)
        results: dict[str, Any] = {"texts_a_request": args.texts, "flags": args.flags, "seconds": args.seconds}
        if args.overload:
            rates = [_largest(url, requests) for _ in range(args.rounds)]
            results |= {"largest": rates, "overload": _overload(url, requests, statistics.median(rates), args)}
        else:
            with bare.running(Path(folder, "bare-log")) as nothing:
                urls = (url, nothing.url("/v1/predict"))
                results["rounds"] = [_round(urls, requests, args) for _ in range(args.rounds)]
            results["median"] = {str(share): _median(results["rounds"], str(share)) for share in args.share}
            print("median of the rounds", results["median"])
    name = args.name or ("serving_overload" if args.overload else "serving_latency")
    print(record.write(name, results, packages=("emoscope", "onnxruntime", "uvicorn"), seed=0, folder=args.output))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--seconds", type=float, default=10.0, help="duration of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, nargs="+", default=[0.5, 0.7, 0.9])
    parser.add_argument("--overload", type=float, help="multiple of the maximum rate")
    parser.add_argument("--texts", type=int, default=1, help="texts per request")
    parser.add_argument("--connections", type=int, default=1000, help="maximum number of connections of the open loop")
    parser.add_argument("--name", help="name of the result")
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    parser.add_argument("flags", nargs="*", help="flags of emoscope serve, after --")
    return parser.parse_args()


def _largest(url: str, requests: Iterator[bytes]) -> float:
    """Responses per second on connections that send without pause: the best of a few numbers of connections."""
    outcomes = (load.closed(url, requests, connections=connections, seconds=PROBE_SECONDS) for connections in (8, 32))
    largest = max(outcome.rate for outcome in outcomes)
    print(f"largest rate: {largest:,.0f} requests/s", flush=True)
    return largest


def _round(urls: tuple[str, str], requests: Iterator[bytes], args: argparse.Namespace) -> dict[str, Any]:
    """One round for the server, at the first address, and the server that does nothing, at the second."""
    url, nothing = urls
    largest = _largest(url, requests)
    found: dict[str, Any] = {"largest": largest}
    for share in args.share:
        found[str(share)] = _at(url, requests, share * largest, args)
        found[str(share)]["bare"] = _at(nothing, requests, share * largest, args)
    return found


def _median(rounds: list[dict[str, Any]], share: str) -> dict[str, float]:
    """Medians over the rounds: rate, median and 99th percentile of the latency in ms, and share of refused requests."""
    found = [one[share] for one in rounds]
    return {
        "rate": statistics.median(float(each["rate"]) for each in found),
        "p50": statistics.median(each["latency_ms"]["p50"] for each in found),
        "p99": statistics.median(each["latency_ms"]["p99"] for each in found),
        "refused": statistics.median(each["status"].get("429", 0) / each["requests"] for each in found),
        "bare_p99": statistics.median(each["bare"]["latency_ms"]["p99"] for each in found),
    }


def _at(url: str, requests: Iterator[bytes], rate: float, args: argparse.Namespace) -> dict[str, Any]:
    outcome = load.open_loop(url, requests, rate=rate, seconds=args.seconds, connections=args.connections)
    summary = {"rate": rate} | outcome.summary()
    print(f"{rate:9,.0f}/s", summary["status"], summary["latency_ms"], flush=True)
    return summary


def _overload(url: str, requests: Iterator[bytes], largest: float, args: argparse.Namespace) -> dict[str, Any]:
    """The overload, and right after it 70 % of the maximum rate."""
    under = load.open_loop(
        url, requests, rate=args.overload * largest, seconds=args.seconds, connections=args.connections
    )
    after = load.open_loop(url, requests, rate=0.7 * largest, seconds=AFTER_SECONDS, connections=args.connections)
    refused = under.due[under.status == 429]
    steps = [after.within(start, start + RECOVERY_STEP).summary() for start in _steps(AFTER_SECONDS)]
    found = {
        "times": args.overload,
        "rate": args.overload * largest,
        "under": under.summary(),
        "by_second": [under.within(second, second + 1).summary() for second in range(int(args.seconds))],
        "first_refused_after_seconds": float(refused.min()) if len(refused) else None,
        "after": after.summary(),
        "after_by_quarter_second": steps,
    }
    print("under", found["under"]["status"], found["under"]["latency_ms"], found["under"]["refused_latency_ms"])
    print("first 429 after", found["first_refused_after_seconds"], "s;", found["under"]["generator_share_of_a_core"])
    print("after", [(step["status"], round((step["latency_ms"] or {}).get("p99", 0), 1)) for step in steps])
    return found


def _steps(seconds: float) -> list[float]:
    return [i * RECOVERY_STEP for i in range(int(seconds / RECOVERY_STEP))]


if __name__ == "__main__":
    main()
