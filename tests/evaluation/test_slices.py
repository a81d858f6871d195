"""Slices of a report, against scipy and against rows whose slices were made worse on purpose."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from emoscope.data import Examples
from emoscope.evaluation import evaluate, fit_keywords, measure_slices, slice_texts, slice_values
from emoscope.evaluation.slices import MAX_VALUES, MIN_ROWS, fisher
from emoscope.labels import Labels


def measured(slices: dict[str, list[str]], correct: list[bool]) -> dict[tuple[str, str], dict[str, Any]]:
    rows = measure_slices(slices, np.array(correct), np.zeros(len(correct)))
    return {(row["by"], row["slice"]): row for row in rows}


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 80), st.integers(0, 80))
def test_fisher_equals_scipys(right: int, wrong: int, rest_right: int, rest_wrong: int) -> None:
    expected = fisher_exact([[right, wrong], [rest_right, rest_wrong]]).pvalue
    assert fisher(right, right + wrong, rest_right, rest_right + rest_wrong) == pytest.approx(expected, rel=1e-6)


def test_built_in_slices_of_texts() -> None:
    long = "word " * 41
    slices = slice_texts(["I don't care", "they laughed", "we weren't there", "i didn t", "?!", long])
    assert slices["negation"] == ["with", "without", "with", "with", "without", "without"]
    assert slices["first person"] == ["yes", "no", "yes", "yes", "no", "no"]
    assert slices["length"][0] == slices["length"][4] == "up to 5 words" and slices["length"][5] == "41 words and more"
    assert "ambiguous keyword" not in slices


def test_slices_by_ambiguous_keyword() -> None:
    rows = [("gloomy", 0)] * 40 + [("cheerful", 1)] * 40 + [("odd", 0)] * 20 + [("odd", 1)] * 20
    rows += [("smitten", 2)] * 40
    train = Examples(
        [f"{word} {number}" for number, (word, _) in enumerate(rows)],
        np.array([label for _, label in rows]),
        Labels(("sadness", "joy", "love")),
        "made",
        "train",
    )
    slices = slice_texts(["odd", "odd gloomy", "gloomy"], fit_keywords(train))
    assert slices["ambiguous keyword"] == ["decides", "beside others", "none"]


def test_slices_by_the_values_of_a_column() -> None:
    assert slice_values(["b", "a", "", None, 3]) == ["b", "a", "(none)", "(none)", "3"]
    assert slice_values([1, 2, 1]) == ["1", "2", "1"]
    numbers = slice_values([*map(str, range(100)), ""])
    assert [len([name for name in numbers if name == kind]) for kind in dict.fromkeys(numbers)] == [25, 25, 25, 25, 1]
    assert numbers[0] == "0 to 24" and numbers[-1] == "(none)"
    many = slice_values([f"value {i % 30}" for i in range(100)])
    assert len(set(many)) == MAX_VALUES + 1 and "(other)" in many


@pytest.mark.parametrize(
    ("numbers", "first", "last"),
    [
        ([20240101 + day for day in range(31)] * 5, "20240101 to 20240108", "20240125 to 20240131"),
        ([1_700_000_000 + 30 * i for i in range(400)], "1700000000 to 1700002970", "1700009000 to 1700011970"),
        ([0.5 + i / 1e9 for i in range(100)], "0.5 to 0.500000024", "0.500000075 to 0.500000099"),
        ([i / 100 for i in range(-100, 100)], "-1 to -0.51", "0.5 to 0.99"),
        ([10.0**i for i in range(-50, 50)], "1e-50 to 1e-26", "1e+25 to 1e+49"),
    ],
    ids=["days", "seconds", "close together", "short", "far apart"],
)
def test_numbers_are_cut_into_four_quarters_with_distinct_names(numbers: list[float], first: str, last: str) -> None:
    names = slice_values(numbers)
    assert len(set(names)) == 4
    assert (names[0], names[-1]) == (first, last)


def test_a_worse_slice_is_significant_and_small_ones_are_not_tested() -> None:
    rng = np.random.default_rng(0)
    where = ["bad"] * 200 + ["good"] * 700 + ["other"] * 90 + ["few"] * 10
    correct = np.concatenate([rng.random(200) < 0.6, rng.random(790) < 0.9, np.zeros(10, bool)]).astype(bool)
    other = ["yes" if i % 2 else "no" for i in range(1000)]
    rows = measured({"where": where, "odd": other}, correct.tolist())
    assert rows["where", "bad"]["p_holm"] < 0.001 and rows["where", "bad"]["difference"] < -0.2
    assert rows["where", "few"]["p"] is None is rows["where", "few"]["difference"]
    assert rows["where", "few"]["rows"] == 10 < MIN_ROWS
    assert rows["odd", "yes"]["p_holm"] > 0.05
    assert rows["odd", "yes"]["p"] == rows["odd", "no"]["p"]
    tests = [rows["where", "bad"]["p"], rows["where", "good"]["p"], rows["where", "other"]["p"], rows["odd", "no"]["p"]]
    assert rows["where", "bad"]["p_holm"] == pytest.approx(min(1, 4 * min(tests))) or min(tests) != tests[0]
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in rows.values())


def test_random_slices_rarely_differ_significantly() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(100):
        slices = {str(i): rng.choice(["a", "b", "c", "d"], 400).tolist() for i in range(5)}
        found += any((row["p_holm"] or 1) < 0.05 for row in measured(slices, (rng.random(400) < 0.9).tolist()).values())
    assert found <= 10


def test_rows_in_no_slice_are_left_out() -> None:
    rows = measured({"kind": ["a"] * 50 + [""] * 50 + ["b"] * 50}, [True] * 50 + [False] * 50 + [True] * 50)
    assert {name for _, name in rows} == {"a", "b"}
    assert rows["kind", "a"]["difference"] == 0


def test_report_contains_the_slices(classifier: Any, examples: Examples) -> None:
    slices = slice_texts(examples.texts)
    report = evaluate(classifier, examples, model_name="fake", slices=slices)
    by_length = [row for row in report["slices"] if row["by"] == "length"]
    assert sum(row["rows"] for row in by_length) == len(examples)
    accuracy = sum(row["rows"] * row["accuracy"] for row in by_length) / len(examples)
    loss = sum(row["rows"] * row["loss"] for row in by_length) / len(examples)
    assert (accuracy, loss) == (pytest.approx(report["accuracy"]), pytest.approx(report["loss"]))
    json.dumps(report, allow_nan=False)
    assert evaluate(classifier, examples, model_name="fake")["slices"] is None


def test_multi_label_rows_count_as_right_if_all_labels_are() -> None:
    class Sure:
        labels = ("sad", "glad")
        multi_label = True

        def predict_proba(self, texts: list[str]) -> np.ndarray:
            return np.array([[0.9, 0.2]] * len(texts), np.float32)

    truth = np.array([[True, False]] * 50 + [[True, True]] * 50)
    rows = Examples([f"text {i}" for i in range(100)], truth, Labels(("sad", "glad")), "made", None)
    slices = {"half": ["first"] * 50 + ["second"] * 50}
    measured = evaluate(Sure(), rows, model_name="sure", slices=slices)["slices"]
    assert [(row["slice"], row["accuracy"]) for row in measured] == [("first", 1.0), ("second", 0.0)]
    assert all(row["p_holm"] < 0.001 for row in measured)
