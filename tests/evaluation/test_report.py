"""The report says what the classifier returned, under the names that it promises."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from emoscope.data import Examples
from emoscope.errors import DataError, LabelError, ModelError
from emoscope.evaluation import evaluate, expected_calibration_error, fit_keywords
from emoscope.labels import EMOTIONS, Labels

AVERAGED = {f"{name}_{kind}" for name in ("precision", "recall", "f1") for kind in ("macro", "micro", "weighted")}
MEMORY = {f"mem_{device}_{kind}_delta" for device in ("cpu", "gpu") for kind in ("alloc", "peaked")}
QUALITY = {"accuracy", "loss", "ece", "per_label", "confusion", "intervals", "reliability", "ambiguity"}
COST = {"runtime_seconds", "samples_per_second", "memory"}
TRAINER = {"test_accuracy", "test_f1", "test_loss", "test_runtime", "test_samples_per_second"}


def test_the_report_is_plain_json_with_every_key(classifier: Any, examples: Examples) -> None:
    report = evaluate(classifier, examples, model_name="fake", keywords=fit_keywords(examples))
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report.keys() == {"model", "dataset", "trainer"} | AVERAGED | QUALITY | COST
    assert report["memory"].keys() == MEMORY
    assert report["trainer"].keys() == TRAINER | {f"test_{key}" for key in MEMORY}
    assert report["model"] == "fake"
    assert report["dataset"] == {
        "name": "sentences",
        "split": "validation",
        "rows": 300,
        "fingerprint": examples.fingerprint,
    }


def test_figures_equal_scikit_learns(classifier: Any, examples: Examples) -> None:
    report = evaluate(classifier, examples, model_name="fake")
    probabilities = classifier.predict_proba(examples.texts)
    truth, predicted = examples.label_ids, probabilities.argmax(1)
    assert report["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(truth, predicted))
    assert report["loss"] == pytest.approx(sklearn_metrics.log_loss(truth, probabilities), rel=1e-5)
    assert report["ece"] == expected_calibration_error(probabilities, truth)
    assert report["confusion"]["labels"] == list(EMOTIONS)
    assert report["confusion"]["matrix"] == sklearn_metrics.confusion_matrix(truth, predicted).tolist()
    expected = sklearn_metrics.classification_report(
        truth, predicted, target_names=EMOTIONS, output_dict=True, zero_division=0
    )
    for name, row in report["per_label"].items():
        scores = {"f1" if key == "f1-score" else key: value for key, value in expected[name].items()}
        assert row == pytest.approx(scores), name
    assert report["f1_macro"] == pytest.approx(expected["macro avg"]["f1-score"])
    assert report["ambiguity"] is None


def test_the_trainer_block_repeats_the_report(classifier: Any, examples: Examples) -> None:
    report = evaluate(classifier, examples, model_name="fake")
    trainer = report["trainer"]
    assert trainer["test_accuracy"] == report["accuracy"]
    assert trainer["test_f1"] == report["f1_weighted"] != report["f1_macro"]
    assert trainer["test_loss"] == report["loss"]
    assert trainer["test_runtime"] == report["runtime_seconds"] > 0
    assert trainer["test_samples_per_second"] == pytest.approx(300 / report["runtime_seconds"])
    assert {f"test_{key}": value for key, value in report["memory"].items()}.items() <= trainer.items()


def test_intervals_contain_the_figures(classifier: Any, examples: Examples) -> None:
    report = evaluate(classifier, examples, model_name="fake")
    assert sorted(report["intervals"]) == ["accuracy", "f1_macro", "f1_weighted", "loss"]
    for name, interval in report["intervals"].items():
        assert interval["low"] < report[name] < interval["high"], name


def _quality(report: dict[str, Any]) -> dict[str, Any]:
    measured = ("runtime_seconds", "samples_per_second", "memory", "trainer")
    return {key: value for key, value in report.items() if key not in measured}


def test_labels_in_another_order_are_matched_by_name(
    classifier: Any, examples: Examples, fake: Callable[..., Any]
) -> None:
    order = [3, 0, 5, 1, 4, 2]
    shuffled = fake(tuple(EMOTIONS[i] for i in order), {text: row[order] for text, row in classifier.rows.items()})
    relabelled = replace(examples, labels=Labels(shuffled.labels), label_ids=np.argsort(order)[examples.label_ids])
    reports = [
        evaluate(model, examples, model_name="fake", keywords=fit_keywords(rows))
        for model, rows in ((classifier, examples), (shuffled, relabelled))
    ]
    assert _quality(reports[0]) == _quality(reports[1])


@pytest.mark.parametrize("labels", [EMOTIONS[:5], (*EMOTIONS[:5], "disgust"), (*EMOTIONS, "disgust")])
def test_other_labels_are_an_error(labels: tuple[str, ...], examples: Examples, fake: Callable[..., Any]) -> None:
    with pytest.raises(LabelError, match=r"the model's labels are sadness, joy.* the data's are sadness, joy"):
        evaluate(fake(labels, {}), examples, model_name="fake")


def test_no_rows_are_an_error(classifier: Any, examples: Examples) -> None:
    empty = replace(examples, texts=[], label_ids=np.zeros(0, np.int64))
    with pytest.raises(DataError, match="sentences has no rows"):
        evaluate(classifier, empty, model_name="fake")


@pytest.mark.parametrize("row", [[np.nan] * 6, [0.9] * 6, [1.5, -0.5, 0, 0, 0, 0], [np.inf, 0, 0, 0, 0, 0]])
def test_what_is_no_probability_is_an_error(row: list[float], classifier: Any, examples: Examples) -> None:
    classifier.rows[examples.texts[7]] = row
    with pytest.raises(ModelError, match="the model's row 7 is"):
        evaluate(classifier, examples, model_name="fake")


def test_a_wrong_number_of_columns_is_an_error(examples: Examples, fake: Callable[..., Any]) -> None:
    classifier = fake(EMOTIONS, {text: [0.5, 0.5] for text in examples.texts})
    with pytest.raises(ModelError, match=r"shape \(300, 2\), expected \(300, 6\)"):
        evaluate(classifier, examples, model_name="fake")


def test_a_single_row_makes_a_report(classifier: Any, examples: Examples) -> None:
    report = evaluate(classifier, examples.subset([0]), model_name="fake", keywords=fit_keywords(examples))
    json.dumps(report, allow_nan=False)
    assert report["ambiguity"]["with_keyword"] == {"rows": 0, "accuracy": None}
