"""Speed of a column of texts through Polars, DuckDB and pandas, as a share of the bare `predict_proba` loop.

All score the same texts in turns, in one run, and every text occurs once, since tables score equal texts once. Bare is
`predict_proba` on a list of str. Each library starts with a column of its own, and ends with one. DuckDB scores row
groups of 122,880 rows in parallel, so fewer rows than two of them use one thread to tokenize.

Run: python benchmarks/frames.py --data DIR [--rows 1000000]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa

import emoscope.duckdb
import emoscope.pandas
import emoscope.polars
import record
from emoscope import EmotionClassifier
from emoscope.data import load_splits

VECTOR = 2_048
"""Rows that DuckDB hands over at a time."""


def main() -> None:
    args = _arguments()
    contestants = _contestants(_texts(args.data, args.rows))
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(args.rounds):
        for name, score in contestants.items():
            began = time.perf_counter()
            assert score() == args.rows
            seconds[name].append(time.perf_counter() - began)
            print(f"{name:<28} {args.rows / seconds[name][-1]:12,.0f} rows/s", flush=True)
    summary = _summary(seconds, args)
    for name, row in summary["ways"].items():
        print(f"{name:<28} {row['rows_per_second']:12,.0f} rows/s {row['share_of_bare']:8.1%}")
    print(
        record.write(args.name, summary, packages=("emoscope", "onnxruntime", "polars", "duckdb", "pandas", "pyarrow"))
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--name", default="frames", help="name of the file of results")
    return parser.parse_args()


def _texts(data: str, rows: int) -> list[str]:
    """Texts of the data, all different: after the first round each gets the number of the round behind it."""
    pool = list(dict.fromkeys(text for split in load_splits(data).values() for text in split.texts))
    return [pool[row % len(pool)] + (f" {row // len(pool)}" if row >= len(pool) else "") for row in range(rows)]


def _contestants(texts: Sequence[str]) -> dict[str, Callable[[], int]]:
    """Functions that score all texts, and return the number of scored rows."""
    classifier = EmotionClassifier.from_pretrained()
    polars, pandas, arrow = pl.DataFrame({"text": texts}), pd.Series(texts), pa.table({"text": texts})
    connection = duckdb.connect()
    emoscope.duckdb.register(connection, classifier)
    connection.register("arrow", arrow)
    connection.execute("create table rows as select * from arrow").fetchall()
    sql = partial(_sql, connection)
    lazy = polars.lazy()
    text = pl.col("text").emotion
    pieces = [texts[start : start + VECTOR] for start in range(0, len(texts), VECTOR)]
    return {
        "bare": lambda: len(classifier.predict_proba(texts)),
        f"bare, {VECTOR:,} rows at a time": lambda: sum(len(classifier.predict_proba(piece)) for piece in pieces),
        "polars label": lambda: lazy.select(text.label(classifier)).collect().height,
        "polars streaming": lambda: lazy.select(text.label(classifier)).collect(engine="streaming").height,
        "polars scores": lambda: lazy.select(text.scores(classifier)).collect().height,
        "duckdb label": lambda: sql("select emotion(text) as e from rows"),
        "duckdb scores": lambda: sql("select emotion_scores(text) as s from rows"),
        "pandas label": lambda: len(pandas.emotion.label(classifier)),
        "pandas scores": lambda: len(pandas.emotion.scores(classifier)),
    }


def _sql(connection: Any, query: str) -> int:
    return len(connection.sql(query).to_arrow_table())


def _summary(seconds: dict[str, list[float]], args: argparse.Namespace) -> dict[str, Any]:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ways = {
        name: {
            "seconds": values,
            "rows_per_second": args.rows / medians[name],
            "share_of_bare": medians["bare"] / medians[name],
        }
        for name, values in seconds.items()
    }
    return {"rows": args.rows, "rounds": args.rounds, "ways": ways}


if __name__ == "__main__":
    main()
