"""Tables as people make them are read right, or rejected in one clear line, by all commands alike."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("python_calamine")
pytest.importorskip("xlsxwriter")

import pyarrow.parquet as pq

from emoscope.data import load_examples
from emoscope.errors import DataError
from emoscope.scoring import Job, Scoring, score_table
from fake_classifier import FakeClassifier
from messy_tables import AFTER_OPTIONS, LABELS, MESSY_TABLES, TEXTS


class Constant(FakeClassifier):
    def predict_proba(self, texts: Any) -> Any:
        return super().predict_proba(["any"] * len(texts))


CLASSIFIER = Constant(("no", "yes"), {"any": [0.25, 0.75]})


def scored(source: Path, prefix: str = "", **options: str) -> list[Any]:
    """The texts in the output of `score`."""
    output = source.with_name("out.parquet")
    score_table(Job(source, output, Scoring("text", prefix=prefix), overwrite=True, **options), CLASSIFIER)
    table = pq.read_table(output)
    assert [emotion for emotion in table[f"{prefix}emotion"].to_pylist() if emotion] == ["yes"] * table.num_rows
    return table["text"].to_pylist()


def labelled(source: Path, **options: str) -> list[Any]:
    """The texts that `evaluate`, `audit` and `train` read."""
    examples = load_examples(source, **options)
    assert [examples.labels.names[label] for label in examples.label_ids] == list(LABELS)
    return examples.texts


@pytest.mark.parametrize("read", [scored, labelled])
@pytest.mark.parametrize("name", MESSY_TABLES)
def test_table_is_read_or_rejected_in_one_line(name: str, read: Any, tmp_path: Path) -> None:
    table, source = MESSY_TABLES[name], tmp_path / name
    table.write(source)
    if table.texts is not None:
        assert read(source) == list(table.texts)
        return
    with pytest.raises(DataError, match=table.error) as caught:
        read(source)
    assert "\n" not in str(caught.value)
    assert source.stem in str(caught.value)
    if table.options:
        assert read(source, **table.options) == list(AFTER_OPTIONS.get(name, TEXTS))


def test_workbooks_go_through_pipes(tmp_path: Path) -> None:
    MESSY_TABLES["dates.xlsx"].write(tmp_path / "dates.xlsx")
    command = [sys.executable, "-m", "emoscope", "score", "-", "-", "--text-column", "text"]
    formats = ["--input-format", "xlsx", "--output-format", "xlsx"]
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [*command, *formats],
        input=(tmp_path / "dates.xlsx").read_bytes(),
        capture_output=True,
        env=environment,
        check=True,
    )
    (tmp_path / "out.xlsx").write_bytes(done.stdout)
    assert scored(tmp_path / "out.xlsx", prefix="second_") == list(TEXTS)


def test_there_are_twenty() -> None:
    assert len(MESSY_TABLES) >= 20
