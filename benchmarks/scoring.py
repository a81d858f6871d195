"""`emoscope score`: rows per second compared with a `predict_proba` loop, peak memory, and output after kills.

Rows of Parquet are made from the texts of a data set, each with one of a few hundred words appended, so that all
differ. The loop and the command take turns, each in a process of its own; the loop has its texts in memory and discards
the results. Loading the model is not counted for either.

Run: python benchmarks/scoring.py --data DIR [--rows 1000000 5000000] [--rounds 1] [--kills 20] [--kill-rows 300000]
Each number of rows, and the kills, has a result file of its own, so that a part can be run alone: --kills 0, or --rows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
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
        for rows in args.rows:
            _write(f"scoring_{rows}", _size(args, Path(folder), rows))
        if args.kills:
            _write("scoring_kills", _kills(args, Path(folder)))


def _write(name: str, results: dict[str, Any]) -> None:
    print(json.dumps(results, indent=1))
    print(record.write(name, results, packages=("emoscope", "onnxruntime", "pyarrow"), seed=SEED))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 5_000_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kill-rows", type=int, default=300_000)
    parser.add_argument("--kill-part-rows", type=int, default=16_384)
    parser.add_argument("--folder", help="folder for the files, some 3 GB for 5,000,000 rows")
    parser.add_argument(
        "--prefix", type=shlex.split, default=[], help="command before each timed command: 'taskset -c 0,1'"
    )
    return parser.parse_args()


def _size(args: argparse.Namespace, folder: Path, rows: int) -> dict[str, Any]:
    """Run the loop and the command in turn, on the same rows."""
    source, output = folder / f"{rows}.parquet", folder / "scored.parquet"
    _make(args.data, source, rows)
    runs: dict[str, list[dict[str, Any]]] = {"loop": [], "score": []}
    for _ in range(args.rounds):
        runs["loop"].append(_run([*args.prefix, sys.executable, "-c", LOOP.format(group=GROUP), source]))
        command = [*SCORE, source, output, "--text-column", "text", "--overwrite", "--json"]
        runs["score"].append(_run([*args.prefix, *command]))
        print({name: [round(run["rows_per_second"]) for run in done] for name, done in runs.items()})
    source.unlink()
    best = {name: max(run["rows_per_second"] for run in done) for name, done in runs.items()}
    peak = max(run["peak_mb"] for run in runs["score"])
    return {"rows": rows, **runs, "share_of_loop": best["score"] / best["loop"], "peak_mb": peak}


def _make(data: str, path: Path, rows: int) -> None:
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    texts = islice(_texts(data), rows)
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, GROUP):
            group = list(islice(texts, GROUP))
            writer.write_table(pa.table({"id": range(start, start + len(group)), "text": group}, schema))


def _texts(data: str) -> Iterator[str]:
    """Texts that all differ: each text of the data set, followed by one of its most frequent words after another."""
    texts = list(dict.fromkeys(text for split in load_splits(data).values() for text in split.texts))
    counts = Counter(word for text in texts for word in text.split())
    for word, _ in counts.most_common():
        for text in texts:
            yield f"{text} {word}"


def _run(command: list[Any]) -> dict[str, Any]:
    """The JSON that a command prints, with its processor time and its peak memory."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return {**json.loads(printed), "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1000}


def _kills(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Kill a run at random moments, resume it, and compare its table and report with those of an undisturbed run."""
    source, whole, killed = folder / "rows.parquet", folder / "whole.parquet", folder / "killed.parquet"
    _make(args.data, source, args.kill_rows)
    flags = ["--text-column", "text", "--part-rows", str(args.kill_part_rows), "--json"]
    began = time.perf_counter()
    _run([*SCORE, source, whole, "--report", _page(whole), *flags])
    seconds = time.perf_counter() - began
    expected, moments = _digests(whole), list[dict[str, Any]]()
    chance = random.Random(SEED)
    while sum(moment["killed"] for moment in moments) < args.kills:  # some runs end before their moment
        command = [*SCORE, source, killed, "--report", _page(killed), *flags]
        moments.append(_kill(command, chance.uniform(0, seconds), killed))
        moments[-1]["identical"] = _digests(killed) == expected
        killed.unlink()
        _page(killed).unlink()
        print(moments[-1])
    identical = sum(moment["identical"] for moment in moments if moment["killed"])
    counts = {"kills": args.kills, "identical": identical}
    return {"rows": args.kill_rows, "undisturbed_seconds": seconds, **counts, "moments": moments}


def _page(table: Path) -> Path:
    return table.with_suffix(".html")


def _digests(table: Path) -> list[str]:
    return [sha256(table), sha256(_page(table))]


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
