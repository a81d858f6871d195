"""`emoscope score`: rows a second against the bare `predict_proba` loop, peak memory, and what is left after kills.

Rows of Parquet are made from the texts of a data set, each with one of a few hundred words behind it, so that all
differ. The loop and the command take turns, each in a process of its own; the loop has its texts in memory and keeps
nothing.
Run: python benchmarks/scoring.py --data DIR [--rows 1000000 5000000] [--rounds 1] [--kills 20] [--kill-rows 300000]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import record
from emoscope.checksums import sha256
from emoscope.data import load_splits

GROUP = 131_072
SCORE = [sys.executable, "-m", "emoscope", "score"]
SEED = 0
LOOP = """
import json, sys, time
import pyarrow.parquet as pq
from emoscope import EmotionClassifier
texts = pq.read_table(sys.argv[1], columns=["text"])["text"].to_pylist()
classifier = EmotionClassifier.from_pretrained()
classifier.predict_proba(texts[:1000])
began = time.perf_counter()
for start in range(0, len(texts), {group}):
    classifier.predict_proba(texts[start : start + {group}])
seconds = time.perf_counter() - began
print(json.dumps({{"rows": len(texts), "seconds": seconds, "rows_per_second": len(texts) / seconds}}))
"""


def main() -> None:
    args = _arguments()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        results = {"sizes": {str(rows): _size(args, Path(folder), rows) for rows in args.rows}}
        results["kills"] = _kills(args, Path(folder))
    peaks = [run["peak_mb"] for size in results["sizes"].values() for run in size["score"]]
    results["peak_mb"] = {"lowest": min(peaks), "highest": max(peaks)}
    print(json.dumps(results, indent=1))
    print(record.write("scoring", results, packages=("emoscope", "onnxruntime", "pyarrow"), seed=SEED))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kill-rows", type=int, default=300_000)
    parser.add_argument("--kill-part-rows", type=int, default=16_384)
    parser.add_argument("--folder", help="where the files are made, some 3 GB for 5,000,000 rows")
    return parser.parse_args()


def _size(args: argparse.Namespace, folder: Path, rows: int) -> dict[str, Any]:
    """Loop and command in turn, over the same rows."""
    source, output = folder / f"{rows}.parquet", folder / "scored.parquet"
    _make(args.data, source, rows)
    runs: dict[str, list[dict[str, Any]]] = {"loop": [], "score": []}
    for _ in range(args.rounds):
        runs["loop"].append(_run([sys.executable, "-c", LOOP.format(group=GROUP), source]))
        runs["score"].append(_run([*SCORE, source, output, "--text-column", "text", "--overwrite", "--json"]))
        print({name: [round(run["rows_per_second"]) for run in done] for name, done in runs.items()})
    source.unlink()
    best = {name: max(run["rows_per_second"] for run in done) for name, done in runs.items()}
    return {**runs, "share_of_loop": best["score"] / best["loop"]}


def _make(data: str, path: Path, rows: int) -> None:
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    texts = islice(_texts(data), rows)
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, GROUP):
            group = list(islice(texts, GROUP))
            writer.write_table(pa.table({"id": range(start, start + len(group)), "text": group}, schema))


def _texts(data: str) -> Iterator[str]:
    """Texts that all differ: each of the data set's, with one word after another of its most frequent ones."""
    texts = list(dict.fromkeys(text for split in load_splits(data).values() for text in split.texts))
    counts = Counter(word for text in texts for word in text.split())
    for word, _ in counts.most_common():
        for text in texts:
            yield f"{text} {word}"


def _run(command: list[Any]) -> dict[str, Any]:
    """What a command prints as JSON, with its times from start to end and its peak memory."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    times = {"wall_seconds": time.perf_counter() - began, "cpu_seconds": usage.ru_utime + usage.ru_stime}
    return {**json.loads(printed), **times, "peak_mb": usage.ru_maxrss / 1000}


def _kills(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Kill a run at random moments, resume it, and hold its output against an undisturbed one."""
    source, whole, output = folder / "rows.parquet", folder / "whole.parquet", folder / "killed.parquet"
    _make(args.data, source, args.kill_rows)
    flags = ["--text-column", "text", "--part-rows", str(args.kill_part_rows), "--json"]
    seconds = _run([*SCORE, source, whole, *flags])["wall_seconds"]
    expected, moments = sha256(whole), []
    chance = random.Random(SEED)
    for _ in range(args.kills):
        moments.append(_kill([*SCORE, source, output, *flags], chance.uniform(0, seconds), output))
        moments[-1]["identical"] = sha256(output) == expected
        output.unlink()
        print(moments[-1])
    identical = sum(moment["identical"] for moment in moments)
    return {"rows": args.kill_rows, "undisturbed_seconds": seconds, "identical": identical, "moments": moments}


def _kill(command: list[Any], after: float, output: Path) -> dict[str, Any]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
    killed = process.wait() != 0
    parts = len(list(Path(f"{output}.parts").glob("*.npy")))
    if not output.exists():
        _run([*command, "--resume"])
    return {"after_seconds": after, "killed": killed, "parts_kept": parts}


if __name__ == "__main__":
    main()
