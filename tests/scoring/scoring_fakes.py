"""A classifier and tables for the tests of scoring."""

from __future__ import annotations

import hashlib
import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emoscope import EMOTIONS
from emoscope.scoring import Job, Scoring, score_table


class HashClassifier:
    """Probabilities that depend on the text alone; remembers what it was asked."""

    labels = EMOTIONS

    def __init__(self, seconds_a_call=0.0):
        self.asked = []
        self._seconds = seconds_a_call

    def predict_proba(self, texts):
        self.asked.append(list(texts))
        time.sleep(self._seconds)
        return np.array([probabilities(text) for text in texts], np.float32).reshape(len(texts), len(EMOTIONS))


def probabilities(text):
    weights = np.frombuffer(hashlib.sha256(text.encode()).digest()[:6], np.uint8).astype(np.float32) + 1
    return weights / weights.sum()


def emotion(text):
    return EMOTIONS[int(probabilities(text).argmax())]


def score(
    source, output, *, classifier=None, resume=False, overwrite=False, model="", report=None, delimiter=None, **options
):
    """Score with small parts; returns the summary."""
    scoring = Scoring(**({"text_column": "text", "part_rows": 7} | options))
    about = {"model": model, "resume": resume, "overwrite": overwrite, "report": report, "delimiter": delimiter}
    job = Job(source, output, scoring, **about)
    return score_table(job, classifier or HashClassifier())


def texts(count):
    return [f"text number {i}" for i in range(count)]


def write_parquet(path, columns, **options):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, path, **options)
    return path


def rejected(output):
    """What stands in OUT.rejected.jsonl."""
    return [json.loads(line) for line in output.with_name(f"{output.name}.rejected.jsonl").read_text().splitlines()]
