"""The examples of docs/scoring.md for other engines, if their libraries are installed."""

import re
from pathlib import Path

import pyarrow
import pyarrow.parquet as pq
import pytest
from scoring_fakes import HashClassifier, emotion, texts

from emoscope import EmotionClassifier
from emoscope.scoring import Scorer, Scoring, score_batches

PAGE = Path(__file__).parents[2] / "docs" / "scoring.md"
GIVEN = {
    "pyarrow": pyarrow,
    "EmotionClassifier": EmotionClassifier,
    "Scorer": Scorer,
    "score_batches": score_batches,
    "scoring": Scoring("text", part_rows=16),
}


def rows_of(name, found):
    """The rows at the end of an example, as dictionaries."""
    if name == "pandas":
        return found["frame"].to_dict("records")
    if name == "Polars":
        return found["frame"].to_dicts()
    if name == "DuckDB":
        return pq.read_table("from_duckdb.parquet").to_pylist()
    return [row.asDict() for row in found["scored"].collect()]


@pytest.mark.parametrize(
    ("name", "library"), [("pandas", "pandas"), ("Polars", "polars"), ("DuckDB", "duckdb"), ("Spark", "pyspark")]
)
def test_example_scores_every_row(name, library, tmp_path, monkeypatch):
    pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    pq.write_table(pyarrow.table({"id": range(40), "text": texts(40)}), "rows.parquet")
    recipe = re.search(rf"### {name}\n.*?```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    found = {**GIVEN, "classifier": HashClassifier()}
    exec(recipe[1], found)
    rows = sorted(rows_of(name, found), key=lambda row: row["id"])
    assert [row["text"] for row in rows] == texts(40)
    expected = [emotion(text) for text in texts(40)]
    if name == "Spark":  # its tasks load the bundled model themselves
        expected = [prediction.label for prediction in EmotionClassifier.from_pretrained().predict(texts(40))]
    assert [row["emotion"] for row in rows] == expected
