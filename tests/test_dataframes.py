"""Emotions of columns in Polars, pandas and DuckDB: the same for all three, by the rules that tables have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import emoscope
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.errors import DataError
from fake_classifier import FakeClassifier

for module in ("pyarrow", "pandas", "polars", "duckdb"):
    pytest.importorskip(module)

import duckdb
import pandas as pd
import polars as pl

import emoscope.duckdb
import emoscope.pandas
import emoscope.polars

TEXTS = ["i feel so happy today", None, "i am so angry with them", "", "  \n", "the bus leaves at nine"]
LABELS = ["joy", None, "anger", None, None, "neutral"]
NAMES = [*EMOTIONS, "neutral"]
FRAME = pl.DataFrame({"id": range(len(TEXTS)), "text": TEXTS})


@pytest.fixture(scope="module")
def expected() -> list[list[float] | None]:
    """Probabilities of each text, or None where there is no text."""
    texts = [text for text, label in zip(TEXTS, LABELS, strict=True) if text and label]
    scored = iter(EmotionClassifier.from_pretrained().predict_with_neutral(texts).tolist())
    return [next(scored) if label else None for label in LABELS]


@pytest.fixture
def connection() -> Any:
    with duckdb.connect() as connection:
        emoscope.duckdb.register(connection, neutral="label")
        yield connection


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_polars_expressions(engine: str, expected: list[list[float] | None]) -> None:
    text = pl.col("text").emotion
    query = FRAME.lazy().select("id", label=text.label(neutral="label"), scores=text.scores())
    assert query.collect_schema()["scores"] == pl.Struct(dict.fromkeys(NAMES, pl.Float32))
    found = query.collect(engine=engine).sort("id")
    assert found["label"].to_list() == LABELS
    scores = [row and list(row.values()) for row in found["scores"].to_list()]
    assert [row is None for row in scores] == [row is None for row in expected]
    np.testing.assert_allclose([*filter(None, scores)], [*filter(None, expected)], atol=1e-6)
    assert found.unnest("scores").columns[2:] == NAMES


def test_polars_expressions_stream_to_a_file(tmp_path: Any) -> None:
    FRAME.write_parquet(tmp_path / "rows.parquet")
    rows = pl.scan_parquet(tmp_path / "rows.parquet")
    rows.with_columns(emotion=pl.col("text").emotion.label(neutral="label")).sink_csv(tmp_path / "out.csv")
    assert pl.read_csv(tmp_path / "out.csv")["emotion"].to_list() == LABELS


def test_polars_series(expected: list[list[float] | None]) -> None:
    labels = FRAME["text"].emotion.label(neutral="label")
    assert (labels.name, labels.to_list()) == ("text", LABELS)
    assert [row and list(row.values()) for row in FRAME["text"].emotion.scores().to_list()] == expected
    assert FRAME["text"].cast(pl.Categorical).emotion.label(neutral="label").to_list() == LABELS
    assert FRAME["text"][:0].emotion.label().to_list() == []


def test_polars_groups() -> None:
    counts = FRAME.group_by("text").agg(pl.col("text").emotion.label().first().alias("emotion"))
    assert counts.filter(pl.col("text") == TEXTS[0])["emotion"].to_list() == ["joy"]


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_pandas_series(dtype: str, expected: list[list[float] | None]) -> None:
    texts = pd.Series(TEXTS, index=list("cabdfe"), name="review", dtype=dtype)
    labels = texts.emotion.label(neutral="label")
    assert (labels.name, labels.index.tolist()) == ("review", texts.index.tolist())
    assert [None if pd.isna(label) else label for label in labels] == LABELS
    scores = texts.emotion.scores()
    assert scores.columns.tolist() == NAMES
    assert scores.index.tolist() == texts.index.tolist()
    assert set(scores.dtypes) == {np.dtype("float32")}
    np.testing.assert_array_equal(scores, [row or [np.nan] * 7 for row in expected])
    assert texts[:0].emotion.scores().shape == (0, 7)


def test_duckdb_functions(connection: Any, expected: list[list[float] | None]) -> None:
    rows = connection.sql("select emotion(text), emotion_scores(text) from FRAME order by id").fetchall()
    assert [label for label, _ in rows] == LABELS
    scores = [None if row is None else list(row.values()) for _, row in rows]
    assert [row is None for row in scores] == [row is None for row in expected]
    np.testing.assert_array_equal([row for row in scores if row], [row for row in expected if row])


def test_duckdb_functions_in_clauses(connection: Any) -> None:
    query = "select emotion(text) as e, count(*) from FRAME where emotion_scores(text).joy > 0.5 or id = 2 group by e"
    assert sorted(connection.sql(query).fetchall()) == [("anger", 1), ("joy", 1)]


def test_duckdb_functions_of_many_rows(connection: Any) -> None:
    """More rows than one vector of DuckDB, in an order that shows whether rows are mixed up."""
    numbers = pl.DataFrame({"id": range(5000), "text": ["i feel happy", "i feel sad"] * 2500})
    rows = connection.sql("select id, emotion(text) from numbers").fetchall()
    assert numbers.height == len(rows)
    assert {(number % 2, label) for number, label in rows} == {(0, "joy"), (1, "sadness")}


def test_duckdb_functions_can_be_registered_again(connection: Any) -> None:
    text = "'the bus leaves at nine'"
    assert connection.sql(f"select emotion({text})").fetchall() == [("neutral",)]
    emoscope.duckdb.register(connection)
    assert connection.sql(f"select emotion({text})").fetchall()[0][0] in EMOTIONS


def test_column_that_is_not_of_texts_is_an_error() -> None:
    with pytest.raises(DataError, match="is int64; allowed: text"):
        pd.Series([1, 2]).emotion.label()
    with pytest.raises((DataError, pl.exceptions.ComputeError), match="is int64; allowed: text"):
        FRAME.select(pl.col("id").emotion.label())


def test_neutral_as_something_else_is_an_error() -> None:
    with pytest.raises(DataError, match="neutral cannot be shown as 'maybe'"):
        pl.col("text").emotion.label(neutral="maybe")


def test_predictions_as_a_frame() -> None:
    texts = pd.Series(["i feel so happy today", "i am so angry"], index=[5, 7])
    predictions = EmotionClassifier.from_pretrained().predict(texts)
    found = emoscope.frame(predictions, texts)
    assert found.columns.tolist() == ["text", "emotion", "emotion_score", *NAMES]
    assert found.index.tolist() == [5, 7]
    assert found["emotion"].tolist() == ["joy", "anger"]
    np.testing.assert_allclose(found[NAMES], texts.emotion.scores(), rtol=1e-6)
    assert emoscope.frame(predictions).columns.tolist() == ["emotion", "emotion_score", *NAMES]
    assert emoscope.frame(predictions, list(texts))["text"].tolist() == list(texts)
    with pytest.raises(ValueError, match="length"):
        emoscope.frame(predictions, ["one"])


def test_any_classifier_is_a_model() -> None:
    fake = FakeClassifier(("no", "yes"), {"a": [0.25, 0.75], "b": [1.0, 0.0]})
    assert pl.Series(["a", "b", None]).emotion.label(fake).to_list() == ["yes", "no", None]
    assert pd.Series(["a"]).emotion.scores(fake).to_dict("records") == [{"no": 0.25, "yes": 0.75}]
    with duckdb.connect() as connection:
        emoscope.duckdb.register(connection, fake)
        assert connection.sql("select emotion('a'), emotion_scores('b').no").fetchall() == [("yes", 1.0)]
