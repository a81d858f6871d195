"""Statistics of rows do not depend on how the rows are divided into parts."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_fakes import (
    HashClassifier,
    NeutralClassifier,
    emotion,
    neutral,
    probabilities,
    score,
    texts,
    write_parquet,
)

from emoscope import EMOTIONS
from emoscope.scoring import Scorer, Scoring
from emoscope.scoring.summary import BINS, EXAMPLES, RowStatistics

some_texts = st.lists(st.none() | st.just(" ") | st.integers(0, 120).map(str), max_size=120)


def statistics(texts, part_rows=1000):
    found = RowStatistics(EMOTIONS, "text")
    scorer = Scorer(HashClassifier(), Scoring("text"))
    for start in range(0, max(1, len(texts)), part_rows):
        found.add(scorer.score(pa.table({"text": pa.array(texts[start : start + part_rows], pa.string())})))
    return found


@settings(max_examples=60, deadline=None)
@given(some_texts, st.integers(1, 50))
def test_statistics_do_not_depend_on_parts(texts, part_rows):
    whole, parts = statistics(texts), statistics(texts, part_rows)
    assert whole.rows == parts.rows == len(texts)
    np.testing.assert_array_equal(whole.confidence, parts.confidence)
    assert (whole.confident, whole.doubtful) == (parts.confident, parts.doubtful)


@settings(max_examples=60, deadline=None)
@given(some_texts)
def test_counts_and_examples_equal_a_plain_search(texts):
    found = statistics(texts)
    read = [text for text in texts if text and text.strip()]
    assert found.label_rows == {label: sum(emotion(text) == label for text in read) for label in EMOTIONS}
    bins = [min(int(probabilities(text).max() * BINS), BINS - 1) for text in read]
    assert found.confidence.sum(axis=0).tolist() == [bins.count(i) for i in range(BINS)]
    for label, confident, doubtful in zip(EMOTIONS, found.confident, found.doubtful, strict=True):
        first_rows = {text: texts.index(text) + 1 for text in read if emotion(text) == label}
        by_score = sorted(first_rows, key=lambda text: (-probabilities(text).max(), first_rows[text]))
        assert [(example.text, example.row) for example in confident] == [
            (text, first_rows[text]) for text in by_score[:EXAMPLES]
        ]
        by_doubt = sorted(first_rows, key=lambda text: (probabilities(text).max(), first_rows[text]))
        assert [example.text for example in doubtful] == by_doubt[:EXAMPLES]


def test_example_has_the_second_label():
    (example,) = next(kept for kept in statistics([None, "a"]).confident if kept)
    ranking = np.argsort(-probabilities("a"))
    assert (example.row, example.score) == (2, pytest.approx(probabilities("a").max()))
    assert (example.second, example.second_score) == (
        EMOTIONS[ranking[1]],
        pytest.approx(np.sort(probabilities("a"))[-2]),
    )


def test_beginning_of_a_long_text_is_kept():
    (example,) = next(kept for kept in statistics(["x" * 10_000]).confident if kept)
    assert example.text == "x" * 300 + "…"


def test_model_with_one_label():
    class One:
        labels = ("only",)

        def predict_proba(self, texts):
            return np.ones((len(texts), 1), np.float32)

    found = RowStatistics(One.labels, "text")
    found.add(Scorer(One(), Scoring("text")).score(pa.table({"text": ["a"]})))
    assert found.confident[0][0].second is None and found.label_rows == {"only": 1}


def scored_by_neutral(source, **options):
    """Values of the column `emotion`, and the summary."""
    summary = score(source, source.with_name("out.parquet"), classifier=NeutralClassifier(), **options)
    return pq.read_table(source.with_name("out.parquet"))["emotion"].to_pylist(), summary


@pytest.mark.parametrize("how", ["column", "label"])
def test_totals_agree_with_the_column(tmp_path, how):
    rows = [*texts(60), None, " ", *texts(60)]
    source = write_parquet(tmp_path / "in.parquet", {"text": rows})
    emotions, summary = scored_by_neutral(source, neutral=how)
    neutral_rows = sum(neutral(text) >= 0.5 for text in texts(60)) * 2
    assert 0 < neutral_rows < 120 and summary.neutral == neutral_rows and summary.without_text == 2
    assert summary.labels == {name: emotions.count(name) for name in summary.labels}
    assert summary.labels.get("neutral", 0) == (neutral_rows if how == "label" else 0)
    assert list(summary.labels) == [*EMOTIONS, *["neutral"] * (how == "label")]


def test_without_the_output_nothing_is_said_about_neutral(tmp_path):
    source = write_parquet(tmp_path / "in.parquet", {"text": texts(3)})
    assert score(source, tmp_path / "out.csv").neutral is None


def test_example_of_neutral_has_the_nearest_label():
    scorer = Scorer(NeutralClassifier(), Scoring("text", neutral="label"))
    found = RowStatistics(scorer.answers, "text", has_neutral=True)
    text = next(text for text in texts(60) if neutral(text) >= 0.5)
    found.add(scorer.score(pa.table({"text": [text]})))
    (example,) = found.confident[-1]
    assert (example.score, example.second) == (neutral(text), emotion(text))
    assert example.second_score == probabilities(text).max() and found.neutral == 1
