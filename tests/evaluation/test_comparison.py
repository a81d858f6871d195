"""Comparisons of classifiers: quality, paired tests, speed, and the checks before them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from emoscope.data import Examples
from emoscope.errors import ChecksumError, DataError, LabelError, ModelError
from emoscope.evaluation import (
    Footprint,
    compare,
    comparison_text,
    evaluate,
    load_classifiers,
)
from emoscope.labels import EMOTIONS, Labels
from emoscope.model_folder import BUNDLED

MODEL_KEYS = {"model", "accuracy", "f1_macro", "f1_weighted", "loss", "ece", "intervals"} | {
    "samples_per_second",
    "parameters",
    "size_bytes",
    "peak_rss_bytes",
}


def test_comparison_is_plain_json_with_every_key(comparison: dict[str, Any], examples: Examples) -> None:
    assert json.loads(json.dumps(comparison, allow_nan=False)) == comparison
    assert comparison.keys() == {"dataset", "models", "pairs", "settings", "published"}
    assert [row["model"] for row in comparison["models"]] == ["good", "worse", "twin"]
    assert all(row.keys() == MODEL_KEYS for row in comparison["models"])
    assert [(pair["a"], pair["b"]) for pair in comparison["pairs"]] == [
        ("good", "worse"),
        ("good", "twin"),
        ("worse", "twin"),
    ]
    assert comparison["dataset"]["fingerprint"] == examples.fingerprint
    assert comparison["settings"]["speed_texts"] == 40


def test_quality_equals_the_evaluation_report(comparison: dict[str, Any], classifier: Any, examples: Examples) -> None:
    report = evaluate(classifier, examples, model_name="good")
    row = comparison["models"][0]
    for key in ("accuracy", "f1_macro", "f1_weighted", "loss", "ece", "intervals"):
        assert row[key] == report[key], key


def test_pairs_are_tested_row_by_row_and_corrected(
    comparison: dict[str, Any], classifier: Any, worse: Any, examples: Examples
) -> None:
    right, wrong = (
        model.predict_proba(examples.texts).argmax(1) == examples.label_ids for model in (classifier, worse)
    )
    only_a, only_b = int((right & ~wrong).sum()), int((wrong & ~right).sum())
    first, twins, last = comparison["pairs"]
    test = first["mcnemar"]
    assert (test["only_a"], test["only_b"]) == (only_a, only_b)
    assert test["p"] == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert test["p_holm"] == pytest.approx(3 * test["p"])
    rows = comparison["models"]
    assert first["accuracy"]["difference"] == pytest.approx(rows[0]["accuracy"] - rows[1]["accuracy"])
    assert first["f1_macro"]["difference"] == pytest.approx(rows[0]["f1_macro"] - rows[1]["f1_macro"])
    assert [pair["verdict"] for pair in (first, twins, last)] == ["good better", "tie", "twin better"]
    assert twins["mcnemar"] == {"only_a": 0, "only_b": 0, "p": 1.0, "p_holm": 1.0}


def test_the_verdict_follows_the_corrected_p(examples: Examples, fake: Callable[..., Any]) -> None:
    """With seven discordant rows, p = 0.016 is significant for two models, but not for one pair of six."""
    rows = dict(zip(examples.texts, np.eye(6)[examples.label_ids], strict=True))
    wrong = {text: np.roll(rows[text], 1) for text in examples.texts[:7]}
    models = {"a": fake(EMOTIONS, rows), "b": fake(EMOTIONS, rows | wrong)}
    (pair,) = compare(models, examples, rounds=1, speed_texts=1)["pairs"]
    assert pair["mcnemar"]["p"] == pair["mcnemar"]["p_holm"] == pytest.approx(2 / 2**7)
    assert pair["verdict"] == "a better"
    models["c"] = fake(EMOTIONS, rows | {text: np.roll(rows[text], 1) for text in examples.texts[:1]})
    models["d"] = models["c"]
    pair = compare(models, examples, rounds=1, speed_texts=1)["pairs"][0]
    assert pair["mcnemar"]["p_holm"] == pytest.approx(6 * 2 / 2**7)
    assert pair["verdict"] == "tie"


def test_models_are_timed_in_turns_on_the_first_rows(examples: Examples, classifier: Any) -> None:
    calls: list[tuple[str, int]] = []

    class Spy:
        labels = EMOTIONS
        parameters = 7

        def __init__(self, name: str) -> None:
            self.name = name

        def predict_proba(self, texts: Any) -> Any:
            calls.append((self.name, len(texts)))
            assert list(texts) == examples.texts[: len(texts)]
            return classifier.predict_proba(texts)

    comparison = compare({"a": Spy("a"), "b": Spy("b")}, examples, rounds=3, speed_texts=50)
    assert [call for call in calls if call[1] == 50] == [("a", 50), ("b", 50)] * 3
    for row in comparison["models"]:
        speed = row["samples_per_second"]
        assert len(speed["rounds"]) == 3
        assert speed["low"] == min(speed["rounds"]) <= speed["median"] <= speed["high"] == max(speed["rounds"])
        assert speed["median"] in speed["rounds"]
        assert row["parameters"] == 7


def test_unknown_sizes_are_null(classifier: Any, examples: Examples) -> None:
    kept = {"b": Footprint(12, 34)}
    rows = compare({"a": classifier, "b": classifier}, examples, rounds=1, footprints=kept)["models"]
    assert (rows[0]["parameters"], rows[0]["size_bytes"], rows[0]["peak_rss_bytes"]) == (None, None, None)
    assert (rows[1]["size_bytes"], rows[1]["peak_rss_bytes"]) == (12, 34)


def test_labels_in_another_order_are_matched_by_name(
    classifier: Any, examples: Examples, fake: Callable[..., Any]
) -> None:
    order = [3, 0, 5, 1, 4, 2]
    shuffled = fake(tuple(EMOTIONS[i] for i in order), {text: row[order] for text, row in classifier.rows.items()})
    a, b = compare({"a": classifier, "b": shuffled}, examples, rounds=1)["models"]
    assert {key: a[key] for key in ("accuracy", "loss", "ece")} == {key: b[key] for key in ("accuracy", "loss", "ece")}


def test_other_labels_are_an_error_that_names_the_model(
    classifier: Any, examples: Examples, fake: Callable[..., Any]
) -> None:
    with pytest.raises(LabelError, match=r"model 'odd' has the labels sadness, disgust, but the data has sadness, joy"):
        compare({"fine": classifier, "odd": fake(("sadness", "disgust"), {})}, examples)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([np.nan] * 6, "model 'bad' returned .* for row 0, not probabilities"),
        ([0.9] * 6, "that sum to 1, as a single-label model returns"),
        ([1.5, -0.5, 0, 0, 0, 0], "not probabilities"),
    ],
)
def test_values_that_are_not_probabilities_are_an_error(
    row: list[float], message: str, classifier: Any, examples: Examples, fake: Callable[..., Any]
) -> None:
    with pytest.raises(ModelError, match=message):
        compare({"fine": classifier, "bad": fake(EMOTIONS, dict.fromkeys(examples.texts, row))}, examples)


def test_a_failing_model_is_an_error_that_names_it(
    classifier: Any, examples: Examples, fake: Callable[..., Any]
) -> None:
    with pytest.raises(ModelError, match=r"model 'bad' cannot score sentences: 'sentence number 0'"):
        compare({"fine": classifier, "bad": fake(EMOTIONS, {})}, examples)
    with pytest.raises(ModelError, match=r"model 'bad' returned probabilities of shape \(300, 2\)"):
        compare({"bad": fake(EMOTIONS, {text: [0.5, 0.5] for text in examples.texts})}, examples)


def test_unsuitable_data_is_an_error(classifier: Any, examples: Examples, several_labels: Examples) -> None:
    with pytest.raises(DataError, match="sentences has no rows"):
        compare({"a": classifier}, replace(examples, texts=[], label_ids=np.zeros(0, np.int64)))
    classifier.multi_label = True
    with pytest.raises(ModelError, match="model 'a': the model is multi-label, but the data is read as one label"):
        compare({"a": classifier}, examples)
    classifier.multi_label = False
    classifier.labels = several_labels.labels.names
    with pytest.raises(ModelError, match="model 'a': the model gives one label a text, but the data is read as m"):
        compare({"a": classifier}, several_labels)
    classifier.labels = EMOTIONS
    for wrong in ({"rounds": 0}, {"speed_texts": 0}):
        with pytest.raises(ValueError, match="at least one"):
            compare({"a": classifier}, examples, **wrong)
    with pytest.raises(ValueError, match="at least one classifier"):
        compare({}, examples)


def test_loading_errors_name_the_model(tmp_path: Path) -> None:
    copy = shutil.copytree(BUNDLED, tmp_path / "copy")
    assert [*load_classifiers(["bundled", str(copy)])] == ["bundled", str(copy)]
    with (copy / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ChecksumError, match=r"^model '.*copy': .* is damaged"):
        load_classifiers(["bundled", str(copy)])
    with pytest.raises(ModelError, match=r"model '.*none': no model at"):
        load_classifiers([str(tmp_path / "none")])
    with pytest.raises(ModelError, match="'bundled' is given twice"):
        load_classifiers(["bundled", "bundled"])


def test_loading_models_with_different_labels_is_an_error(tmp_path: Path) -> None:
    other = shutil.copytree(BUNDLED, tmp_path / "other", ignore=shutil.ignore_patterns("emoscope.json"))
    config = json.loads((other / "config.json").read_text())
    del config["neutral"]
    (other / "config.json").write_text(json.dumps(config | {"id2label": {"0": "calm", "1": "tense"}}))
    with pytest.raises(LabelError, match=r"other' has the labels calm, tense, but 'bundled' has sadness, joy"):
        load_classifiers(["bundled", str(other)])


def test_any_number_of_labels_can_be_compared(fake: Callable[..., Any]) -> None:
    labels = tuple(f"mood {i}" for i in range(28))
    texts = [f"text {i}" for i in range(90)]
    examples = Examples(texts, np.arange(90) % 28, Labels(labels), "moods", None)
    rows = {text: np.eye(28)[i % 28 if i % 3 else 0] for i, text in enumerate(texts)}
    comparison = compare({"a": fake(labels, rows), "b": fake(labels, rows)}, examples, rounds=1)
    assert comparison["pairs"][0]["verdict"] == "tie"
    assert comparison_text(comparison).startswith("Measured on moods, 90 rows")


def test_multi_label_models_are_compared(
    several_comparison: dict[str, Any], multi_label_classifier: Any, several_labels: Examples
) -> None:
    assert json.loads(json.dumps(several_comparison, allow_nan=False)) == several_comparison
    report = evaluate(multi_label_classifier, several_labels, model_name="good")
    good, nothing = several_comparison["models"]
    assert good["accuracy"] == report["accuracy"] and good["intervals"] == report["intervals"]
    (pair,) = several_comparison["pairs"]
    assert pair["verdict"] == "good better"
    assert pair["accuracy"]["difference"] == pytest.approx(good["accuracy"] - nothing["accuracy"])
    assert pair["f1_macro"]["difference"] == pytest.approx(good["f1_macro"] - nothing["f1_macro"])
    assert pair["f1_macro"]["low"] < pair["f1_macro"]["difference"] < pair["f1_macro"]["high"]


def test_published_models_are_shown_for_their_data_only(classifier: Any, examples: Examples) -> None:
    assert compare({"a": classifier}, examples, rounds=1)["published"] is None
    assert compare({"a": classifier}, replace(examples, name="dair-ai/emotion"), rounds=1)["published"]["models"]
