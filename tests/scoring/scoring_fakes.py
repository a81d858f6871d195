"""A classifier and tables for the tests of scoring."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from emoscope import EMOTIONS
from emoscope.scoring import Job, Scoring, score_table

ROWS = 30
PARTS = 5  # of 7 rows
DAYS = [f"2024-05-{day:02}" for day in range(1, 31)]


class HashClassifier:
    """Probabilities that depend on the text alone; keeps the texts of each call."""

    labels = EMOTIONS

    def __init__(self, seconds_a_call=0.0):
        self.calls = []
        self._seconds = seconds_a_call

    def predict_proba(self, texts):
        self.calls.append(list(texts))
        if self._seconds:
            time.sleep(self._seconds)
        return np.array([probabilities(text) for text in texts], np.float32).reshape(len(texts), len(EMOTIONS))


class NeutralClassifier(HashClassifier):
    """Also returns the probability of neutral and prediction sets."""

    def predict_with_neutral(self, texts):
        column = np.array([neutral(text) for text in texts], np.float32)
        return np.column_stack([self.predict_proba(texts), column])

    def prediction_sets(self, rows, coverage, *, texts):
        return rows >= 2 * (1 - coverage)


def neutral(text):
    return np.float32(hashlib.sha256(text.encode()).digest()[6] / 255)


def probabilities(text):
    weights = np.frombuffer(hashlib.sha256(text.encode()).digest()[:6], np.uint8).astype(np.float32) + 1
    return weights / weights.sum()


def emotion(text):
    return EMOTIONS[int(probabilities(text).argmax())]


def score(
    source,
    output,
    *,
    classifier=None,
    resume=False,
    overwrite=False,
    model="",
    report=None,
    delimiter=None,
    allow_rejected=True,
    encoding="utf-8",
    **options,
):
    """Score with small parts, and any number of rejected rows; returns the summary."""
    scoring = Scoring(**({"text_column": "text", "part_rows": 7} | options))
    about = {"model": model, "resume": resume, "overwrite": overwrite, "report": report, "delimiter": delimiter}
    job = Job(source, output, scoring, allow_rejected=allow_rejected, encoding=encoding, **about)
    return score_table(job, classifier or HashClassifier())


def texts(count):
    return [f"text number {i}" for i in range(count)]


def write_parquet(path, columns, **options):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, path, **options)
    return path


def rejected(output):
    """The lines of OUT.rejected.jsonl."""
    return [json.loads(line) for line in output.with_name(f"{output.name}.rejected.jsonl").read_text().splitlines()]


class Stopped(Exception):  # noqa: N818 - it represents a kill
    pass


class StopsAfter(HashClassifier):
    """Fails after a number of calls."""

    def __init__(self, calls):
        super().__init__()
        self._max_calls = calls

    def predict_proba(self, texts):
        if len(self.calls) == self._max_calls:
            raise Stopped
        return super().predict_proba(texts)


def read(path):
    """Rows of a scored file, read by other libraries than emoscope."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        return pq.read_table(path).to_pylist()
    if name.endswith((".arrow", ".feather")) and name == path.name:
        return pyarrow.feather.read_table(path).to_pylist()
    content = unpacked(path)
    if name.endswith(".arrow"):
        return pa.ipc.open_file(content).read_all().to_pylist()
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in content.decode().splitlines()]
    delimiter = "\t" if name.endswith(".tsv") else ","
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), delimiter=delimiter))


def unpacked(path):
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        with pa.input_stream(path, compression="zstd") as stream:
            return stream.read()
    return path.read_bytes()


def write(path, rows):
    """Write rows with other libraries than emoscope."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    content = io.BytesIO()
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), content, row_group_size=4)
    elif name.endswith(".arrow"):
        with pa.ipc.new_file(content, pa.Table.from_pylist(rows).schema) as file:
            file.write_table(pa.Table.from_pylist(rows), max_chunksize=4)
    elif name.endswith(".jsonl"):
        content.write("".join(json.dumps(row) + "\n" for row in rows).encode())
    else:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if name.endswith(".tsv") else ",")
        writer.writeheader()
        writer.writerows(rows)
        content.write(text.getvalue().encode())
    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.output_stream(path, compression=compression) as file:
        file.write(content.getvalue())
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def stopped(source, output, calls=2, **options):
    with pytest.raises(Stopped):
        score(source, output, classifier=StopsAfter(calls), **options)


def kept_and_rejected(tmp_path, name, content, target="jsonl", **options):
    """Texts of the output, and (line or row, reason) of each rejected row."""
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    output = tmp_path / f"out.{target}"
    summary = score(tmp_path / name, output, **options)
    rejected_rows = rejected(output) if summary.rejected else []
    assert summary.rejected == sum(entry["rows"] for entry in rejected_rows)
    assert summary.rows_in == summary.rows + summary.rejected
    assert all(entry["file"] == str(tmp_path / name) for entry in rejected_rows)
    rows = [json.loads(line) for line in output.read_text().splitlines()] if target == "jsonl" else []
    assert len(rows) == summary.rows or target != "jsonl"
    return [row["text"] for row in rows], [
        (entry.get("line", entry.get("row")), entry["reason"]) for entry in rejected_rows
    ]
