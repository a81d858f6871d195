"""Evaluation reports: their keys, their figures, and the checks before them."""

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
QUALITY = {"accuracy", "loss", "ece", "per_label", "confusion", "intervals", "reliability", "ambiguity", "thresholds"}
COST = {"runtime_seconds", "samples_per_second", "memory"}
TRAINER = {"test_accuracy", "test_f1", "test_loss", "test_runtime", "test_samples_per_second"}


def test_report_is_plain_json_with_every_key(classifier: Any, examples: Examples) -> None:
    report = evaluate(classifier, examples, model_name="fake", keywords=fit_keywords(examples))
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report.keys() == {"model", "dataset", "trainer", "slices"} | AVERAGED | QUALITY | COST
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


def test_trainer_block_repeats_the_report(classifier: Any, examples: Examples) -> None:
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
    with pytest.raises(LabelError, match=r"the model has the labels sadness, joy.* but the data has sadness, joy"):
        evaluate(fake(labels, {}), examples, model_name="fake")


def test_no_rows_are_an_error(classifier: Any, examples: Examples) -> None:
    empty = replace(examples, texts=[], label_ids=np.zeros(0, np.int64))
    with pytest.raises(DataError, match="sentences has no rows"):
        evaluate(classifier, empty, model_name="fake")


@pytest.mark.parametrize("row", [[np.nan] * 6, [0.9] * 6, [1.5, -0.5, 0, 0, 0, 0], [np.inf, 0, 0, 0, 0, 0]])
def test_values_that_are_not_probabilities_are_an_error(row: list[float], classifier: Any, examples: Examples) -> None:
    classifier.rows[examples.texts[7]] = row
    with pytest.raises(ModelError, match=r"the model returned .* for row 7, not probabilities"):
        evaluate(classifier, examples, model_name="fake")


def test_a_wrong_number_of_columns_is_an_error(examples: Examples, fake: Callable[..., Any]) -> None:
    classifier = fake(EMOTIONS, {text: [0.5, 0.5] for text in examples.texts})
    with pytest.raises(ModelError, match=r"shape \(300, 2\), expected \(300, 6\)"):
        evaluate(classifier, examples, model_name="fake")


def test_one_row_is_enough_for_a_report(classifier: Any, examples: Examples) -> None:
    report = evaluate(classifier, examples.subset([0]), model_name="fake", keywords=fit_keywords(examples))
    json.dumps(report, allow_nan=False)
    assert report["ambiguity"]["with_keyword"] == {"rows": 0, "accuracy": None}


# Multi-label rows

THRESHOLDS = (0.5, 0.9, 0.4, 0.3, 0.6)


def test_multi_label_report_has_the_same_keys(
    multi_label_classifier: Any, several_labels: Examples, classifier: Any, examples: Examples
) -> None:
    report = evaluate(multi_label_classifier, several_labels, model_name="fake")
    one_label = evaluate(classifier, examples, model_name="fake")
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert list(report) == list(one_label)
    assert (report["confusion"], report["ambiguity"], one_label["thresholds"]) == (None, None, None)
    assert report["thresholds"] == dict.fromkeys(several_labels.labels.names, 0.5)
    assert report["trainer"]["test_f1"] == report["f1_weighted"]
    assert report["trainer"]["test_loss"] == report["loss"]
    assert sum(group["rows"] for group in report["reliability"]) == several_labels.label_ids.size


@pytest.mark.parametrize("thresholds", [None, THRESHOLDS])
def test_multi_label_figures_equal_scikit_learns(
    thresholds: tuple[float, ...] | None, multi_label_classifier: Any, several_labels: Examples
) -> None:
    report = evaluate(multi_label_classifier, several_labels, model_name="fake", thresholds=thresholds)
    probabilities = multi_label_classifier.predict_proba(several_labels.texts)
    given = (probabilities >= np.array(thresholds or [0.5] * 5))[:, ::-1]
    truth, names = several_labels.label_ids, several_labels.labels.names
    expected = sklearn_metrics.classification_report(
        truth, given, target_names=names, output_dict=True, zero_division=0
    )
    assert report["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(truth, given))
    entries = probabilities[:, ::-1].ravel().astype(np.float64)
    assert report["loss"] == pytest.approx(sklearn_metrics.log_loss(truth.ravel(), entries), rel=1e-5)
    assert report["ece"] == expected_calibration_error(probabilities[:, ::-1], truth)
    for average in ("macro", "micro", "weighted"):
        assert report[f"f1_{average}"] == pytest.approx(expected[f"{average} avg"]["f1-score"])
    for name, row in report["per_label"].items():
        scores = {"f1" if key == "f1-score" else key: value for key, value in expected[name].items()}
        assert row == pytest.approx(scores), name
    if thresholds:
        assert report["thresholds"] == dict(zip(names, thresholds[::-1], strict=True))
    for name, interval in report["intervals"].items():
        assert interval["low"] < report[name] < interval["high"], name


def test_a_label_is_predicted_at_its_threshold(several_labels: Examples, fake: Callable[..., Any]) -> None:
    row = several_labels.subset([0])
    at = np.float32(0.3)
    model = fake(row.labels.names, {row.texts[0]: np.where(row.label_ids[0], at, np.nextafter(at, np.float32(0)))})
    assert evaluate(model, row, model_name="fake", thresholds=[float(at)] * 5)["accuracy"] == 1.0


def test_wrong_number_of_thresholds_is_an_error(multi_label_classifier: Any, several_labels: Examples) -> None:
    with pytest.raises(LabelError, match="got 2 thresholds for 5 labels"):
        evaluate(multi_label_classifier, several_labels, model_name="fake", thresholds=(0.5, 0.5))


@pytest.mark.parametrize("row", [[np.nan] * 5, [0.9, 1.1, 0, 0, 0], [0.5, -0.1, 0, 0, 0], [np.inf, 0, 0, 0, 0]])
def test_multi_label_values_that_are_not_probabilities_are_an_error(
    row: list[float], multi_label_classifier: Any, several_labels: Examples
) -> None:
    multi_label_classifier.rows[several_labels.texts[7]] = row
    with pytest.raises(ModelError, match=r"the model returned .* for row 7, not probabilities between 0 and 1"):
        evaluate(multi_label_classifier, several_labels, model_name="fake")


def test_multi_label_model_and_single_label_data_are_an_error(
    classifier: Any, examples: Examples, multi_label_classifier: Any, several_labels: Examples
) -> None:
    classifier.multi_label = True
    with pytest.raises(ModelError, match=r"the model is multi-label, .* \(--multi-label\)"):
        evaluate(classifier, examples, model_name="fake")
    multi_label_classifier.multi_label = False
    with pytest.raises(ModelError, match="the model gives one label a text, but the data is read as multi-label"):
        evaluate(multi_label_classifier, several_labels, model_name="fake")
    multi_label_classifier.multi_label = True
    assert evaluate(multi_label_classifier, several_labels, model_name="fake")["accuracy"] > 0


def test_keywords_need_single_label_rows(
    multi_label_classifier: Any, several_labels: Examples, examples: Examples
) -> None:
    with pytest.raises(DataError, match="moods is multi-label"):
        fit_keywords(several_labels)
    report = evaluate(multi_label_classifier, several_labels, model_name="fake", keywords=fit_keywords(examples))
    assert report["ambiguity"] is None
