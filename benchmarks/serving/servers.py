"""emoscope's connection class compared with uvicorn's own HTTP protocol and with Granian, with the same application.

--part speed: in turns, with the other servers paused (SIGSTOP), the largest rate of single texts, and the latency at
shares of the largest rate that emoscope's connection class has in the same round. With --before, of the server of
another checkout too.
--part attacks: the memory of a new server with --idle connections that send nothing, and with as many clients that send
a byte now and then; the attacks of attacks.py and memory.py; and SIGTERM under load, as in drain.py.

Run: python benchmarks/serving/servers.py --data DIR --part speed|attacks
Needs `pip install granian`.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import attacks
import drain
import load
import memory

import live_server
import record

OURS, BEFORE = "emoscope", "before"
COMMANDS = {
    OURS: [*live_server.EMOSCOPE, "--port", "{port}"],
    BEFORE: [*live_server.EMOSCOPE, "--port", "{port}"],
    **{
        name: [sys.executable, str(Path(__file__).parent / "kept_server.py"), name, "{port}"]
        for name in ("uvicorn", "granian")
    },
}
SHARES = (0.5, 0.7)
PROBE_SECONDS = 3.0
MAX_CONNECTIONS = 1000
"""Maximum number of connections of an open loop."""
SETTLED_SECONDS = 5.0
"""Seconds from the last connection to reading the memory; slow clients send a byte each half second meanwhile."""
PACKAGES = ("emoscope", "onnxruntime", "uvicorn", "httptools", "granian")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--part", choices=("speed", "attacks"), required=True)
    servers = [name for name in COMMANDS if name != BEFORE]
    parser.add_argument("--servers", nargs="+", choices=servers, default=servers)
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="measure the speed of this checkout as well")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="duration of an open loop, and of a memory attack")
    parser.add_argument("--idle", type=int, default=1000, help="number of idle connections, and of slow ones")
    parser.add_argument("--drains", type=int, default=5, help="number of SIGTERMs")
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    attacks.add_sizes(parser)
    memory.add_sizes(parser)
    args = parser.parse_args()
    args.servers += [BEFORE] if args.before and args.part == "speed" else []
    name, results = ("serving_servers", _speed(args)) if args.part == "speed" else ("serving_servers_attacks", {})
    if args.part == "attacks":
        for server in args.servers:
            start = partial(_running, server)
            results[server] = {
                "connections": _held(start, args.idle),
                "attacks": attacks.attacked(start, args),
                "memory": memory.attacked(start, args),
                "drain": drain.drained(start, load.texts(args.data), rounds=args.drains),
            }
    print(record.write(name, results, packages=PACKAGES, seed=args.seed, folder=args.output))


@contextmanager
def _running(name: str, log: Path, environment: dict[str, str]) -> Iterator[live_server.Server]:
    """A server that is ready for requests."""
    with live_server.serve(COMMANDS[name], log, environment=environment) as server:
        live_server.wait_until_ok(server, "/health/ready")
        yield server


def _speed(args: argparse.Namespace) -> dict[str, Any]:
    rows = load.texts(args.data)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        running, sent = {}, {}
        for name in args.servers:
            environment = {"PYTHONPATH": str(args.before / "src")} if name == BEFORE else {}
            running[name] = server = stack.enter_context(_running(name, Path(folder, name), environment))
            sent[name] = load.requests(server.url("/v1/predict"), rows)
            load.closed(server.url("/v1/predict"), sent[name], connections=8, seconds=PROBE_SECONDS)
            server.pause()
        rounds = [_round(args, number, running, sent) for number in range(args.rounds)]
    return {"shares": SHARES, "rounds": rounds, "median": _medians(rounds, args.servers)}


def _round(
    args: argparse.Namespace, number: int, running: dict[str, live_server.Server], sent: dict[str, Iterator[bytes]]
) -> dict[str, Any]:
    """The largest rate of each server, and then its latency at shares of the rate of emoscope's."""
    names = [*args.servers[number % len(args.servers) :], *args.servers[: number % len(args.servers)]]
    found: dict[str, Any] = {}
    for name in names:
        with _resumed(running[name]) as url:
            outcomes = [load.closed(url, sent[name], connections=n, seconds=PROBE_SECONDS) for n in (8, 32)]
        found[name] = {"largest": max(outcome.rate for outcome in outcomes)}
    for name in names:
        with _resumed(running[name]) as url:
            for share in SHARES:
                rate = share * found[OURS]["largest"]
                outcome = load.open_loop(url, sent[name], rate=rate, seconds=args.seconds, connections=MAX_CONNECTIONS)
                found[name][str(share)] = {"rate": rate} | outcome.summary()
        p99 = [round(found[name][str(share)]["latency_ms"]["p99"], 1) for share in SHARES]
        print(f"{name:<10} {found[name]['largest']:9,.0f}/s, p99 {p99} ms", flush=True)
    return found


@contextmanager
def _resumed(server: live_server.Server) -> Iterator[str]:
    """The address of a server that runs meanwhile, and is paused afterwards."""
    server.resume()
    yield server.url("/v1/predict")
    server.pause()


def _medians(rounds: list[dict[str, Any]], servers: list[str]) -> dict[str, dict[str, float]]:
    """Medians over the rounds; the ratio of rates is that of each round."""
    return {
        name: {
            "largest": statistics.median(one[name]["largest"] for one in rounds),
            "ratio": statistics.median(one[name]["largest"] / one[OURS]["largest"] for one in rounds),
            **{
                f"p99_at_{share}": statistics.median(one[name][str(share)]["latency_ms"]["p99"] for one in rounds)
                for share in SHARES
            },
        }
        for name in servers
    }


def _held(start: attacks.Start, clients: int) -> dict[str, float]:
    """Memory in MB of a new server without clients, with idle connections, and with slow clients."""
    with tempfile.TemporaryDirectory() as folder, start(Path(folder, "log"), {}) as server:
        found = {
            "before": server.memory(),
            "idle": _with(server, [partial(_Idle, server.port)] * clients),
            "slow": _with(
                server, [partial(attacks.SlowClient, server.port, at_body=i % 2 == 0) for i in range(clients)]
            ),
        }
    return {name: size / 1e6 for name, size in found.items()}


class _Idle:
    """A connection whose client sends nothing."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))

    def step(self) -> None:
        """Send nothing."""

    def close(self) -> None:
        self._connection.close()


def _with(server: live_server.Server, make: list[Callable[[], Any]]) -> int:
    """Memory of a server while it has clients, in bytes."""
    clients = [each() for each in make]
    until = time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < until:
        time.sleep(0.5)
        for client in clients:
            client.step()
    found = server.memory()
    for client in clients:
        client.close()
    time.sleep(1.0)
    return found


if __name__ == "__main__":
    main()
