"""Tables that other programs write, scored and read back by them; and calls beside transformers' own pipeline.

Polars, DuckDB, pandas, datasets and Arrow JS each write the same rows, with texts that are hard to write, in every
format that they share with emoscope. Each file is scored in the same format and in Parquet. Then the program that wrote
it, or for text formats the bytes themselves, must show its own columns unchanged, and every label and score must be
that of `predict_proba` on the text. A pipeline of transformers and a classifier, on the same tiny checkpoint, are
called in the same random ways: both return the same, or both fail.

  npm ci --prefix benchmarks/foreign
  python benchmarks/foreign_tables.py

A library that is not installed is left out, and named. Exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import record
from emoscope import EmotionClassifier
from emoscope.scoring import Job, Scoring, score_table

FOREIGN = Path(__file__).parent / "foreign"
PIECES = (
    *("happy", "i feel", "so angry", "not sad at all", "NA", "null", "nan", "007", "1e5", "True", "-", "=1+1", "#"),
    *('"', '""', "'", ",", ";", "\t", "|", "\n", "\r\n", "\\", "\\n", "{", "}", "[1]", "<b>", "&amp;", "%", "  "),
    *("ünï", "😀", "👩‍👩‍👧", "שלום", "日本語", "é", "\u200e", "\u00a0", "\u2028", "\ufeff", "\x7f", "ﷺ", "𝒽"),
)
TOLERANCE = 1e-6


@dataclass
class Comparison:
    """What was compared, and what differed.

    Attributes:
        cells: number of cells, scores and calls that were compared.
        differences: what differed, in words.
    """

    cells: int = 0
    differences: list[str] = field(default_factory=list)

    def equal(self, what: str, ours: Any, theirs: Any, *, cells: int = 1) -> None:
        """Compare two values, which represent a number of cells, and keep the difference in words."""
        self.cells += cells
        if ours != theirs:
            self.differences.append(f"{what}: {str(ours)[:120]!r} instead of {str(theirs)[:120]!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000, help="number of rows of each table")
    parser.add_argument("--calls", type=int, default=400, help="number of calls beside the pipeline")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows, left_out = made_rows(args.rows, args.seed), []
    classifier = EmotionClassifier.from_pretrained()
    expected = expected_scores(classifier, [row["text"] for row in rows])
    results: dict[str, Any] = {"rows": args.rows}
    for writer, (needs, formats, write, read) in WRITERS.items():
        if not needs():
            left_out.append(writer)
            continue
        for name in formats:
            results[f"{writer}, {name}"] = compared_table(name, rows, write, read, classifier, expected)
    if find_spec("transformers"):
        results["calls beside the pipeline"] = compared_calls(args.calls, args.seed)
    else:
        left_out.append("transformers")
    return report(results, left_out, args.seed)


def report(results: dict[str, Any], left_out: list[str], seed: int) -> int:
    """Print and record the comparisons; returns the exit code."""
    compared = {name: found for name, found in results.items() if isinstance(found, Comparison)}
    for name, found in compared.items():
        print(f"{name:<28} {found.cells:>8,} compared, {len(found.differences)} differ")
        for difference in found.differences[:5]:
            print(f"    {difference}")
    if left_out:
        print(f"left out, not installed: {', '.join(left_out)}")
    plain = {name: {"compared": each.cells, "differ": len(each.differences)} for name, each in compared.items()}
    packages = tuple(name for name in ("polars", "duckdb", "pandas", "datasets", "pyarrow") if find_spec(name))
    record.write("foreign_tables", plain | {"left_out": left_out}, packages=packages, seed=seed)
    return int(any(each.differences for each in compared.values()))


# -- rows


def made_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows with an id, a text or None, a price, a truth value and one of three kinds."""
    draw = random.Random(seed)
    rows = [
        {
            "id": i,
            "text": None if draw.random() < 0.02 else made_text(draw),
            "price": None if draw.random() < 0.05 else round(draw.uniform(-1e4, 1e4), draw.randrange(6)),
            "checked": draw.random() < 0.5,
            "kind": draw.choice(("a", "b, c", "ü")),
        }
        for i in range(count)
    ]
    rows[0]["text"], rows[1]["text"], rows[2]["text"] = "", " ", "i feel so happy " * 400
    return rows


def made_text(draw: random.Random) -> str:
    return draw.choice(("", " ")).join(draw.choice(PIECES) for _ in range(draw.randrange(1, 12)))


def expected_scores(classifier: EmotionClassifier, texts: list[str | None]) -> list[list[float] | None]:
    """Probabilities of each text; None for one that is missing or blank."""
    known = [text for text in texts if text and text.strip()]
    found = iter(classifier.predict_proba(known).tolist())
    return [next(found) if text and text.strip() else None for text in texts]


# -- tables


def compared_table(
    name: str,
    rows: list[dict[str, Any]],
    write: Callable[[str, list[dict[str, Any]], Path], None],
    read: Callable[[Path], list[dict[str, Any]]],
    classifier: EmotionClassifier,
    expected: list[list[float] | None],
) -> Comparison:
    """Write a table, score it in its own format and in Parquet, and compare every cell."""
    found = Comparison()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"in.{name}"
        write(name, rows, source)
        same, parquet = Path(folder) / f"out.{name}", Path(folder) / "scores.parquet"
        for output in (same, parquet):
            summary = score_table(Job(source, output, Scoring("text")), classifier)
            found.equal(f"{output.name}: rows", (summary.rows, summary.rejected), (len(rows), 0))
        compare_scores(found, parquet, rows, expected, classifier.labels)
        if name.startswith(("csv", "jsonl")):
            compare_bytes(found, source, same, "csv" if name.startswith("csv") else "jsonl")
        else:
            compare_cells(found, read(same), read(source))
    return found


def compare_scores(
    found: Comparison, scored: Path, rows: list[dict[str, Any]], expected: list[list[float] | None], labels: Any
) -> None:
    """Texts, labels and scores of a scored Parquet file."""
    import pyarrow.parquet as pq

    got = pq.read_table(scored).to_pylist()
    found.equal("number of rows", len(got), len(rows))
    for number, (row, made, probabilities) in enumerate(zip(got, rows, expected, strict=False)):
        found.equal(f"text {number}", row["text"] or None, made["text"] or None)
        label = None if probabilities is None else labels[int(np.argmax(probabilities))]
        found.equal(f"label {number}", row["emotion"], label)
        for name, probability in zip(labels, probabilities or [None] * len(labels), strict=True):
            near = row[name] is probability or (
                None not in (row[name], probability) and abs(row[name] - probability) <= TOLERANCE
            )
            found.equal(f"{name} {number}", near, True)


def compare_bytes(found: Comparison, source: Path, scored: Path, kind: str) -> None:
    """Each record of a text file must be in the scored one to the letter, with cells behind it."""
    before, after = (content(path) for path in (source, scored))
    for number, (old, new) in enumerate(zip(records(before, kind), records(after, kind), strict=True)):
        found.equal(f"record {number}", new.startswith(old.removesuffix("}")), True)


def content(path: Path) -> str:
    import gzip

    stored = path.read_bytes()
    return (gzip.decompress(stored) if path.suffix == ".gz" else stored).decode("utf-8-sig")


def records(text: str, kind: str) -> Iterator[str]:
    """The records of a text file, without line ends."""
    if kind == "jsonl":
        yield from (line for line in text.split("\n") if line.strip())
        return
    lines = text.split("\n")
    reader = csv.reader(io.StringIO(text, newline=""))
    begin = 0
    for _ in reader:
        yield "\n".join(lines[begin : reader.line_num]).rstrip("\r\n")
        begin = reader.line_num


def compare_cells(found: Comparison, got: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    """The columns of the source, as the program that wrote it reads them from its own file and from the scored one.

    Arrow JS, for one, drops a byte order mark at the start of a text that it reads.
    """
    found.equal("number of rows", len(got), len(rows))
    for number, (row, written) in enumerate(zip(got, rows, strict=False)):
        for name in written:
            found.equal(f"{name} {number}", cell(row[name]), cell(written[name]))


def cell(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


# -- writers: each has what it needs, its formats, how it writes rows, and how it reads a columnar file


def polars_write(name: str, rows: list[dict[str, Any]], path: Path) -> None:
    import polars

    frame = polars.DataFrame(rows, schema_overrides={"kind": polars.Categorical}, infer_schema_length=None)
    oldest = {"compat_level": polars.CompatLevel.oldest()}
    write: dict[str, Callable[[], object]] = {
        "arrow": lambda: frame.write_ipc(path),
        "zstd.arrow": lambda: frame.write_ipc(path, compression="zstd"),
        "old.arrow": lambda: frame.write_ipc(path, compression="lz4", **oldest),
        "stream.arrow": lambda: frame.write_ipc_stream(path),
        "parquet": lambda: frame.write_parquet(path),
        "csv": lambda: frame.write_csv(path),
        "jsonl": lambda: frame.write_ndjson(path),
    }
    write[name]()


def polars_read(path: Path) -> list[dict[str, Any]]:
    import polars

    if path.suffix == ".parquet":
        return polars.read_parquet(path).to_dicts()
    is_file = path.read_bytes().startswith(b"ARROW1")
    return (polars.read_ipc if is_file else polars.read_ipc_stream)(path).to_dicts()


def duckdb_write(name: str, rows: list[dict[str, Any]], path: Path) -> None:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("create table t (id integer, text varchar, price double, checked boolean, kind varchar)")
        connection.executemany("insert into t values (?, ?, ?, ?, ?)", [tuple(row.values()) for row in rows])
        form = {"jsonl": "json", "csv": "csv, header", "csv.gz": "csv, header, compression gzip"}.get(name, name)
        connection.execute(f"copy t to '{path}' (format {form})")


def duckdb_read(path: Path) -> list[dict[str, Any]]:
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute(f"select * from '{path}'")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def pandas_write(name: str, rows: list[dict[str, Any]], path: Path) -> None:
    import pandas

    frame = pandas.DataFrame(rows).astype({"kind": "category"})
    write: dict[str, Callable[[], object]] = {
        "parquet": lambda: frame.to_parquet(path),
        "feather": lambda: frame.to_feather(path),
        "csv": lambda: frame.to_csv(path, index=False),
        "csv.gz": lambda: frame.to_csv(path, index=False),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True),
    }
    write[name]()


def pandas_read(path: Path) -> list[dict[str, Any]]:
    import pandas

    read = pandas.read_parquet if path.suffix == ".parquet" else pandas.read_feather
    frame = read(path).astype(object)
    return frame.where(frame.notna(), None).to_dict("records")


def datasets_write(name: str, rows: list[dict[str, Any]], path: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    made = datasets.Dataset.from_list(rows)
    {"parquet": made.to_parquet, "csv": made.to_csv, "jsonl": made.to_json}[name](str(path))


def datasets_read(path: Path) -> list[dict[str, Any]]:
    import datasets

    return datasets.Dataset.from_parquet(str(path), cache_dir=str(path.parent)).to_list()


def arrow_js_write(name: str, rows: list[dict[str, Any]], path: Path) -> None:
    lines = path.with_name("rows.jsonl")
    lines.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    arrow_js("write", lines, path, "stream" if name.startswith("stream") else "file")


def arrow_js_read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in arrow_js("read", path).split("\n") if line]


def arrow_js(*arguments: Any) -> str:
    command = ["node", str(FOREIGN / "arrow.js"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def installed(name: str) -> Callable[[], bool]:
    return lambda: find_spec(name) is not None


WRITERS: dict[str, tuple[Callable[[], bool], tuple[str, ...], Any, Any]] = {
    "polars": (
        installed("polars"),
        ("arrow", "zstd.arrow", "old.arrow", "stream.arrow", "parquet", "csv", "jsonl"),
        polars_write,
        polars_read,
    ),
    "duckdb": (installed("duckdb"), ("parquet", "csv", "csv.gz", "jsonl"), duckdb_write, duckdb_read),
    "pandas": (installed("pandas"), ("parquet", "feather", "csv", "csv.gz", "jsonl"), pandas_write, pandas_read),
    "datasets": (installed("datasets"), ("parquet", "csv", "jsonl"), datasets_write, datasets_read),
    "arrow js": ((FOREIGN / "node_modules").is_dir, ("arrow", "stream.arrow"), arrow_js_write, arrow_js_read),
}


# -- calls


def compared_calls(count: int, seed: int) -> Comparison:
    """A classifier and a pipeline of transformers on the same checkpoint, called in the same random ways."""
    found, draw = Comparison(), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = both_on_a_checkpoint(Path(folder))
        for _ in range(count):
            inputs, keywords = made_call(draw)
            a, b = (outcome(call, inputs, keywords) for call in (ours, theirs))
            found.cells += 1
            if not near(a, b):
                found.differences.append(f"{inputs!r:.80}, {keywords}: {a!r:.120} instead of {b!r:.120}")
    return found


def made_call(draw: random.Random) -> tuple[Any, dict[str, Any]]:
    texts = [" ".join(draw.choices(("great", "awful", "i", "feel", "?"), k=draw.randrange(1, 9))) for _ in range(4)]
    some = texts[: draw.randrange(1, 5)]
    inputs = draw.choice((texts[0], some, {"text": texts[0]}, [{"text": text} for text in some]))
    options = {
        "top_k": (None, 1, 2, 6, 9),
        "function_to_apply": ("softmax", "sigmoid", "none"),
        "batch_size": (1, 3),
        "truncation": (True,),
    }
    return inputs, {name: draw.choice(values) for name, values in options.items() if draw.random() < 0.4}


def outcome(call: Callable[..., Any], inputs: Any, keywords: dict[str, Any]) -> Any:
    try:
        return call(inputs, **keywords)
    except (TypeError, ValueError) as error:
        return type(error)


def near(ours: Any, theirs: Any) -> bool:
    """Whether two results have the same form, order and labels, and scores within 1e-5."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(near, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(near(value, theirs[key]) for key, value in ours.items())
    if isinstance(ours, float) and isinstance(theirs, float):
        return abs(ours - theirs) < 1e-5
    return type(ours) is type(theirs) and ours == theirs


def both_on_a_checkpoint(folder: Path) -> tuple[Any, Any]:
    """A classifier and a pipeline of the same tiny checkpoint, which the tests define."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import transformers

    import tiny
    from emoscope import EMOTIONS
    from hub.vocabularies import wordpiece_tokenizer

    names = dict(enumerate(EMOTIONS))
    tiny.classifier("distilbert", id2label=names, label2id={name: i for i, name in names.items()}).save_pretrained(
        folder
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = wordpiece_tokenizer([*special.values(), "[MASK]", "great", "awful", "i", "feel"])
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    pipeline = transformers.pipeline("text-classification", model=str(folder), top_k=None, device="cpu")
    return EmotionClassifier.from_pretrained(folder), pipeline


if __name__ == "__main__":
    sys.exit(main())
