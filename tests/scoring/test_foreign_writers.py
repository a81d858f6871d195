"""Tables that other programs write, in every format that they and emoscope have: the same rows come out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scoring_fakes import emotion, read, score

FOREIGN = Path(__file__).parents[2] / "benchmarks" / "foreign"
TEXTS = [
    "one",
    'with "quotes", commas',
    "two\nlines",
    "ünïcode 😀",
    "a text that is longer than twelve bytes",
    " x ",
] * 3
COLUMNS = {"id": list(range(len(TEXTS))), "text": TEXTS, "category": ["a", "b", "c"] * 6}


def polars(name: str, path: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(COLUMNS, schema_overrides={"category": polars.Categorical})
    oldest = {"compat_level": polars.CompatLevel.oldest()}
    write: dict[str, Callable[[], object]] = {
        "arrow": lambda: frame.write_ipc(path),
        "old.arrow": lambda: frame.write_ipc(path, **oldest),
        "zstd.arrow": lambda: frame.write_ipc(path, compression="zstd"),
        "lz4.arrow": lambda: frame.write_ipc(path, compression="lz4", **oldest),
        "stream.arrow": lambda: frame.write_ipc_stream(path),
        "parquet": lambda: frame.write_parquet(path),
        "csv": lambda: frame.write_csv(path),
        "jsonl": lambda: frame.write_ndjson(path),
    }
    write[name]()


def duckdb(name: str, path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.execute("create table t (id integer, text varchar, category varchar)")
    connection.executemany("insert into t values (?, ?, ?)", list(zip(*COLUMNS.values(), strict=True)))
    form = {"jsonl": "json", "csv": "csv, header", "csv.gz": "csv, header, compression gzip"}.get(name, name)
    connection.execute(f"copy t to '{path}' (format {form})")


def pandas(name: str, path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(COLUMNS).astype({"category": "category"})
    write: dict[str, Callable[[], object]] = {
        "parquet": lambda: frame.to_parquet(path),
        "feather": lambda: frame.to_feather(path),
        "csv": lambda: frame.to_csv(path, index=False),
        "csv.gz": lambda: frame.to_csv(path, index=False),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True),
    }
    write[name]()


def datasets(name: str, path: Path) -> None:
    rows = pytest.importorskip("datasets").Dataset.from_dict(COLUMNS)
    write = {"parquet": rows.to_parquet, "csv": rows.to_csv, "jsonl": rows.to_json}
    write[name](str(path))


def arrow_js(name: str, path: Path) -> None:
    if not (FOREIGN / "node_modules").is_dir():
        pytest.skip(f"needs Arrow JS: npm ci --prefix {FOREIGN}")
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
    source = path.with_name("rows.jsonl")
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    form = "stream" if name.startswith("stream") else "file"
    subprocess.run(["node", str(FOREIGN / "arrow.js"), "write", str(source), str(path), form], check=True)


@pytest.mark.parametrize("target", ["jsonl", "csv", "parquet", "arrow"])
@pytest.mark.parametrize(
    ("writer", "name"),
    [
        *((polars, f"{kind}arrow") for kind in ("", "old.", "zstd.", "lz4.", "stream.")),
        *((polars, name) for name in ("parquet", "csv", "jsonl")),
        *((duckdb, name) for name in ("parquet", "csv", "csv.gz", "jsonl")),
        *((pandas, name) for name in ("parquet", "feather", "csv", "csv.gz", "jsonl")),
        *((datasets, name) for name in ("parquet", "csv", "jsonl")),
        *((arrow_js, name) for name in ("arrow", "stream.arrow")),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_rows_of_other_writers(tmp_path, writer, name, target):
    source, output = tmp_path / f"in.{name}", tmp_path / f"out.{target}"
    writer(name, source)
    summary = score(source, output)
    assert (summary.rows, summary.rejected) == (len(TEXTS), 0)
    rows = read(output)
    assert [{column: row[column] for column in ("text", "category")} for row in rows] == [
        {"text": text, "category": category} for text, category in zip(TEXTS, COLUMNS["category"], strict=True)
    ]
    assert [int(row["id"]) for row in rows] == COLUMNS["id"]
    assert [row["emotion"] for row in rows] == list(map(emotion, TEXTS))
