"""Single-text requests per second of emoscope, LitServe, infinity, and FastAPI with a transformers pipeline.

All servers run at the same time, but all except the measured one are paused (SIGSTOP). They get the same texts in
turns. A server never gets the same text twice in a round, so that caches have no effect; emoscope is also measured with
texts that repeat, reported separately. Each server is measured with several numbers of connections that send without
pause (a server that batches needs many), and in the configurations of its documentation; the best one counts.

Run: python benchmarks/serving/peers.py --data DIR --infinity PYTHON --litserve PYTHON --fastapi PYTHON
     [--checkpoint DIR]

--checkpoint is a fine-tuned encoder that all servers serve, emoscope as the model folder that `emoscope export` makes
of it; the default is a random one of DistilBERT's size. The interpreters of the peers are in virtual environments:
  infinity: pip install "infinity-emb[torch,optimum,server]" torch==2.13.0 "transformers<5"
            works: infinity-emb 0.0.78, transformers 4.57.6, optimum 2.1.0, optimum-onnx 0.1.0, numpy 1.26.4,
            click 8.1.8, typer 0.12.5, fastapi 0.165.0, uvicorn 0.32.1, onnxruntime 1.32.0
  litserve: pip install litserve torch==2.13.0 transformers
            works: litserve 0.2.19, transformers 5.24.0, fastapi 0.165.0, uvicorn 0.54.0
  fastapi:  pip install fastapi "uvicorn[standard]" torch==2.13.0 transformers
            works: fastapi 0.165.0, uvicorn 0.54.0, transformers 5.24.0

infinity's ONNX engine finds a local graph only next to config.json in the working folder. It gets the graph as torch
exports it, and optimizes it itself.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import load

import live_server
import record

HERE = Path(__file__).parent
OFFLINE = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
PACKAGES = ("torch", "transformers", "litserve", "infinity_emb", "optimum", "optimum-onnx", "fastapi", "uvicorn")
GATE_TEXTS = 256
OURS = "emoscope"


@dataclass(frozen=True)
class System:
    """One server in one configuration: its command, and the path and the body that it takes."""

    command: Sequence[str]
    path: str
    body: Callable[[str], dict[str, Any]]
    folder: Path | None = None


def main() -> None:
    args = _arguments()
    rows = load.texts(args.data)
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        work = args.work or Path(temporary)
        systems = {name: system for name, system in _systems(args, work).items() if re.search(args.only, name)}
        running = {name: _start(name, system, work, rows[0], stack) for name, system in systems.items()}
        rates = _rounds(args, systems, running, rows)
    results = {
        "seconds_a_measurement": args.seconds,
        "connections": args.connections,
        "checkpoint": args.checkpoint.name if args.checkpoint else "random, of DistilBERT's size",
        "peers": {name: _versions(getattr(args, name)) for name in ("infinity", "litserve", "fastapi")},
        "requests_per_second": rates,
        **_summary(rates),
    }
    print(json.dumps({key: results[key] for key in ("best", "ratio_to_best_peer")}, indent=1))
    print(
        record.write(
            "serving_peers", results, packages=("emoscope", "onnxruntime", "uvicorn"), seed=0, folder=args.output
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are sent")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="checkpoint that all servers serve")
    for peer in ("infinity", "litserve", "fastapi"):
        parser.add_argument(
            f"--{peer}", type=Path, metavar="PYTHON", help="Python interpreter of its virtual environment"
        )
    parser.add_argument("--seconds", type=float, default=3.0, help="duration of a measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--only", default="", metavar="PATTERN", help="measure only systems whose name matches")
    parser.add_argument("--work", type=Path, help="folder that keeps checkpoint and model folders for the next run")
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder for the result")
    return parser.parse_args()


# -- the servers


def _systems(args: argparse.Namespace, work: Path) -> dict[str, System]:
    checkpoint = (args.checkpoint or _random_checkpoint(work / "checkpoint", args.data)).resolve()
    folder = _exported(checkpoint, work / "model", args.data).resolve()
    systems = {
        f"{OURS}, bundled, {workers} worker{'s' * (workers > 1)}": _ours("bundled", workers) for workers in (1, 2)
    } | {
        f"{OURS}, same checkpoint, {workers} worker{'s' * (workers > 1)}": _ours(
            str(folder), workers, "--target-latency", "2"
        )
        for workers in (1, 2)
    }
    if args.litserve:
        for batch, workers, threads in ((1, 1, 2), (1, 2, 1), (32, 1, 2), (32, 2, 1)):
            flags = ["--batch", str(batch), "--workers", str(workers), "--threads", str(threads)]
            script = [str(args.litserve), str(HERE / "peer_litserve.py"), str(checkpoint), "{port}", *flags]
            systems[f"LitServe, batch {batch}, {workers} x {threads} threads"] = System(script, "/predict", _one_text)
    if args.fastapi:
        for threads in (1, 2):
            script = [
                str(args.fastapi),
                str(HERE / "peer_fastapi.py"),
                str(checkpoint),
                "{port}",
                "--threads",
                str(threads),
            ]
            systems[f"FastAPI, pipeline, {threads} threads of torch"] = System(script, "/predict", _one_text)
    if args.infinity:
        from cpu_encoders import with_graph

        plain = with_graph(checkpoint, work / "optimum")
        systems["infinity, torch"] = _infinity(args.infinity, "torch", checkpoint)
        systems["infinity, optimum"] = _infinity(args.infinity, "optimum", plain)
    return systems


def _ours(model: str, workers: int, *flags: str) -> System:
    command = [*live_server.EMOSCOPE, "--port", "{port}", "--model", model, *flags]
    command += ["--workers", str(workers)] if workers > 1 else []
    return System(command, "/v1/predict", lambda text: {"texts": [text]})


def _infinity(python: Path, engine: str, folder: Path) -> System:
    flags = ["--engine", engine, "--device", "cpu", "--batch-size", "32", "--no-model-warmup", "--log-level", "error"]
    names = ["--model-id", ".", "--served-model-name", "model", "--host", "127.0.0.1", "--port", "{port}"]
    command = [str(python.parent / "infinity_emb"), "v2", *names, *flags]
    return System(command, "/classify", lambda text: {"model": "model", "input": [text]}, folder)


def _one_text(text: str) -> dict[str, Any]:
    return {"text": text}


def _random_checkpoint(folder: Path, data: str) -> Path:
    from cpu_encoders import save_random
    from emoscope.data import load_splits

    if not folder.is_dir():
        save_random("distilbert", folder, load_splits(data)["train"].texts)
        path = folder / "tokenizer_config.json"
        settings = json.loads(path.read_text()) | {"model_input_names": ["input_ids", "attention_mask"]}
        path.write_text(json.dumps(settings))
    return folder


def _exported(checkpoint: Path, folder: Path, data: str) -> Path:
    """The model folder that `emoscope export` makes, verified on part of the validation split."""
    from emoscope.data import load_splits
    from emoscope.export import export
    from emoscope.model_folder import open_folder

    if not folder.is_dir():
        examples = load_splits(data)["validation"]
        part = examples.subset(range(0, len(examples), max(1, len(examples) // GATE_TEXTS)))
        export(open_folder(checkpoint), folder, part, quantize=False)
    return folder


# -- the measurements


def _start(name: str, system: System, work: Path, text: str, stack: ExitStack) -> live_server.Server:
    log = work / f"{name}.log"
    environment = OFFLINE | ({} if name.startswith(OURS) else {"PYTHONPATH": ""})
    server = stack.enter_context(live_server.serve(system.command, log, environment=environment, folder=system.folder))
    live_server.wait_until_ok(server, system.path, "POST", json.dumps(system.body(text)).encode())
    server.pause()
    print("running:", name, flush=True)
    return server


def _rounds(
    args: argparse.Namespace, systems: dict[str, System], running: dict[str, live_server.Server], rows: list[str]
) -> dict[str, dict[str, list[float]]]:
    rates: dict[str, dict[str, list[float]]] = {name: {} for name in systems}
    sent = {name: _kinds(name, systems[name], running[name], rows) for name in systems}
    for number in range(args.rounds):
        for name, system in systems.items():
            server = running[name]
            server.resume()
            for kind, requests in sent[name].items():
                for connections in args.connections:
                    outcome = load.closed(
                        server.url(system.path), requests, connections=connections, seconds=args.seconds
                    )
                    if not {200} <= set(outcome.status) <= {200, 429}:
                        raise RuntimeError(f"{name}: {outcome.summary()['status']}; {server.log.read_text()[-1000:]}")
                    rates[name].setdefault(f"{kind}, {connections} connections", []).append(outcome.rate)
                    print(f"{number} {name:<40} {kind:<16} {connections:>3} {outcome.rate:10.1f}", flush=True)
            server.pause()
    return rates


def _kinds(name: str, system: System, server: live_server.Server, rows: list[str]) -> dict[str, Iterator[bytes]]:
    """Requests with distinct texts; for emoscope's bundled model also requests with a thousand texts that repeat."""
    url = server.url(system.path)
    kinds = {"distinct texts": load.requests(url, rows, system.body)}
    if name.startswith(f"{OURS}, bundled"):
        kinds["texts come again"] = cycle(islice(load.requests(url, rows, system.body), 1_000))
    return kinds


def _summary(rates: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    best = {
        name: max(statistics.median(values) for kind, values in kinds.items() if kind.startswith("distinct"))
        for name, kinds in rates.items()
    }
    peers = [rate for name, rate in best.items() if not name.startswith(OURS)]
    ratios = {name: rate / max(peers) for name, rate in best.items() if name.startswith(OURS)} if peers else None
    return {"best": best, "ratio_to_best_peer": ratios}


def _versions(python: Path | None) -> dict[str, str] | None:
    if python is None:
        return None
    program = (
        "import json, sys\nfrom importlib.metadata import distributions\n"
        "print(json.dumps({d.name: d.version for d in distributions()}))"
    )
    found = json.loads(subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout)
    names = {name.replace("_", "-") for name in PACKAGES}
    return {name: version for name, version in sorted(found.items()) if name.replace("_", "-") in names}


if __name__ == "__main__":
    main()
