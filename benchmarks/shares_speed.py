"""`emoscope sample` and `emoscope estimate` of many scored rows: seconds and peak memory, in a process of its own each.

Run: python benchmarks/shares_speed.py --rows 500000 5000000

The rows are made: scores of six emotions and neutral, a time and a group for each, in CSV and in Parquet. 200 labels.
CPU seconds are reported too, because a machine that does other work makes the seconds of the clock longer.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow.parquet import ParquetWriter

import record
from emoscope import EMOTIONS

AT_ONCE = 100_000
TEXT = "a text as long as a short review, row "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[500_000, 5_000_000])
    parser.add_argument("--formats", nargs="+", default=["csv", "parquet"])
    parser.add_argument("--output", type=Path, default=record.RESULTS)
    args = parser.parse_args()
    results: dict[str, Any] = {}
    for rows in args.rows:
        for kind in args.formats:
            with tempfile.TemporaryDirectory() as folder:
                results[f"{kind}, {rows}"] = measured(Path(folder), kind, rows)
                print(kind, rows, results[f"{kind}, {rows}"], flush=True)
    print(record.write("shares_speed", results, packages=("numpy", "pyarrow"), seed=0, folder=args.output))


def measured(folder: Path, kind: str, rows: int) -> dict[str, Any]:
    """The figures of drawing a sample, and of shares by month and group."""
    scored, sample, labels = folder / f"scored.{kind}", folder / "sample.csv", folder / "labels.csv"
    write_scored(scored, rows)
    sampled = run(["sample", str(scored), str(sample), "--text-column", "text", "--size", "200"])
    with sample.open(newline="") as file, labels.open("w", newline="") as output:
        drawn = list(csv.DictReader(file))
        writer = csv.DictWriter(output, drawn[0])
        writer.writeheader()
        writer.writerows(row | {"label": EMOTIONS[int(row["row"]) % 6]} for row in drawn)
    by = ["--by", "product", "--time-column", "written", "--json"]
    return {
        "megabytes": round(scored.stat().st_size / 1e6),
        "sample": sampled,
        "estimate": run(["estimate", str(scored), "--labels", str(labels), *by]),
    }


def tables(rows: int) -> Iterator[pa.Table]:
    rng = np.random.default_rng(0)
    for start in range(0, rows, AT_ONCE):
        count = min(AT_ONCE, rows - start)
        scores = rng.dirichlet(np.full(6, 0.3), count).astype(np.float32)
        days = np.datetime64("2024-01-01") + rng.integers(0, 366, count)
        columns = {
            "text": [f"{TEXT}{row}" for row in range(start, start + count)],
            "product": np.array(["kettle", "lamp", "chair"])[rng.integers(0, 3, count)],
            "written": np.datetime_as_string(days.astype("M8[D]")),
            "emotion": np.array(EMOTIONS)[scores.argmax(1)],
            "emotion_score": scores.max(1),
            **{name: scores[:, index] for index, name in enumerate(EMOTIONS)},
            "neutral": rng.random(count, np.float32),
        }
        yield pa.table(columns)


def write_scored(file: Path, rows: int) -> None:
    writer: Any = None
    for table in tables(rows):
        if writer is None:
            make = ParquetWriter if file.suffix == ".parquet" else arrow_csv.CSVWriter
            writer = make(str(file), table.schema)
        writer.write_table(table)
    writer.close()


def run(command: list[str]) -> dict[str, float]:
    """Seconds, CPU seconds and peak memory of a command in a process of its own."""
    code = "import sys; from emoscope.cli import main; sys.exit(main(sys.argv[1:]))"
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, *command], stdout=subprocess.DEVNULL, env=dict(os.environ))
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return {
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_megabytes": round(usage.ru_maxrss / (1 if sys.platform == "darwin" else 1024)),
    }


if __name__ == "__main__":
    main()
