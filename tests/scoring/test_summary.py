"""Statistics of rows do not depend on how the rows are divided into parts."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_fakes import HashClassifier, emotion, probabilities

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
