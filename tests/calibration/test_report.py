"""Values fitted on held-out rows, and the report on them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoscope.calibrated import Calibration
from emoscope.calibration import calibrate, fit_temperature
from emoscope.calibration import report as calibration_report
from emoscope.calibration.report import NEUTRAL_LABELS
from emoscope.data import Examples
from emoscope.errors import DataError, LabelError, ModelError
from emoscope.evaluation.metrics import log_loss
from emoscope.labels import Labels
from emoscope.neutral import Neutral
from emoscope.probabilities import probabilities

NAMES = ("calm", "tense", "numb")


class Model:
    """Returns stored logits of every text, divided by a temperature."""

    labels = NAMES
    multi_label = False

    def __init__(self, logits: dict[str, Any], temperature: float = 1.0, neutral: Neutral | None = None) -> None:
        self.logits, self.calibration = logits, Calibration(temperature, neutral=neutral)

    def predict_proba(self, texts: Any) -> Any:
        return self.calibration.probabilities(self._logits(texts))

    def neutral_proba(self, texts: Any) -> Any:
        return self.calibration.probabilities_and_neutral(self._logits(texts))[:, -1]

    def _logits(self, texts: Any) -> Any:
        """With a neutral output that is high where the others are small."""
        labels = np.array([self.logits[text] for text in texts], np.float32).reshape(len(texts), 3)
        if self.calibration.neutral is None:
            return labels
        return np.column_stack([labels, 6 - np.linalg.norm(labels, axis=1)]).astype(np.float32)


@pytest.fixture(autouse=True)
def _few_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_report, "REPEATS", 10)


@pytest.fixture
def known() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    return {f"text {number}": row for number, row in enumerate(rng.normal(size=(900, 3)) * 3)}


@pytest.fixture
def rows(known: dict[str, Any]) -> Examples:
    """The first 600 texts, with labels drawn at temperature 1.5."""
    drawn = probabilities(np.array(list(known.values()), np.float32)[:600], 1.5)
    label_ids = (np.random.default_rng(5).random((600, 1)) > drawn.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return Examples(list(known)[:600], label_ids.astype(np.int64), Labels(NAMES), "moods", "validation")


@pytest.fixture
def neutral_data(known: dict[str, Any]) -> dict[str, Examples]:
    """The other 300: neutral where the logits are small; train and validation."""
    texts = list(known)[600:]
    label_ids = np.array([int(np.linalg.norm(known[text]) > 4.5) for text in texts])
    both = Examples(texts, label_ids, NEUTRAL_LABELS, "kinds", "train")
    return {"validation": replace(both.subset(range(200, 300)), split="validation"), "train": both.subset(range(200))}


def test_fitted_temperature_is_that_of_the_logits(known: dict[str, Any], rows: Examples) -> None:
    logits = np.array([known[text] for text in rows.texts], np.float32)
    fitted = calibrate(Model(known, 0.7), rows, model_name="m")
    assert fitted.calibration.temperature == pytest.approx(fit_temperature(logits, rows.label_ids), rel=2e-4)
    assert fitted.calibration.temperature == pytest.approx(1.5, rel=0.2)
    loss = fitted.report["loss"]
    assert loss["before"] == pytest.approx(log_loss(probabilities(logits, 0.7), rows.label_ids), rel=1e-5)
    assert loss["after"] == pytest.approx(
        log_loss(probabilities(logits, fitted.calibration.temperature), rows.label_ids), rel=1e-4
    )
    assert loss["after"] < loss["before"] and fitted.report["ece"]["after"] < fitted.report["ece"]["before"]


def test_prediction_sets_cover_at_the_new_temperature(known: dict[str, Any], rows: Examples) -> None:
    fitted = calibrate(Model(known), rows, model_name="m")
    new = Model(known, fitted.calibration.temperature).predict_proba(rows.texts)
    covered = fitted.calibration.prediction_sets.sets(new, 0.9)[np.arange(600), rows.label_ids]
    for label in range(3):
        of_label = covered[rows.label_ids == label]
        assert 0.9 <= of_label.mean() <= 0.9 + 2 / len(of_label)


def test_order_of_the_labels_changes_nothing(known: dict[str, Any], rows: Examples) -> None:
    order = [2, 0, 1]
    other = replace(rows, label_ids=np.argsort(order)[rows.label_ids], labels=Labels(tuple(NAMES[i] for i in order)))
    first, second = (calibrate(Model(known), each, model_name="m") for each in (rows, other))
    assert first.calibration.prediction_sets == second.calibration.prediction_sets
    assert first.report == second.report


def test_the_temperature_can_be_kept(known: dict[str, Any], rows: Examples) -> None:
    fitted = calibrate(Model(known, 1.3), rows, model_name="m", keep_temperature=True)
    assert fitted.calibration.temperature == 1.3
    assert fitted.report["loss"]["before"] == fitted.report["loss"]["after"]


def test_the_temperature_is_kept_if_every_row_is_right(known: dict[str, Any], rows: Examples) -> None:
    right = replace(rows, label_ids=np.array([known[text].argmax() for text in rows.texts]))
    fitted = calibrate(Model(known, 1.3), right, model_name="m")
    assert (fitted.calibration.temperature, fitted.report["accuracy"]) == (1.3, 1.0)


def test_neutral_texts_are_fitted_on_train_and_measured_on_validation(
    known: dict[str, Any], rows: Examples, neutral_data: dict[str, Examples]
) -> None:
    fitted = calibrate(Model(known, neutral=Neutral(0.5, 1.0)), rows, model_name="m", neutral_data=neutral_data)
    measured = fitted.report["neutral"]
    assert (measured["fitted_on"]["split"], measured["fitted_on"]["rows"]) == ("train", 200)
    assert (measured["measured_on"]["split"], measured["measured_on"]["rows"]) == ("validation", 100)
    validation = neutral_data["validation"]
    after = Model(known, neutral=fitted.calibration.neutral)
    probability, is_neutral = after.neutral_proba(validation.texts), validation.label_ids == 0
    highest = roc_auc_score(~is_neutral, after.predict_proba(validation.texts).max(axis=1))
    expected = {"neutral": roc_auc_score(is_neutral, probability), "max_probability": highest}
    assert measured["auroc"] == pytest.approx(expected, abs=1e-3)
    assert measured["predicted_neutral"] == pytest.approx(
        {
            "neutral": (probability[is_neutral] >= 0.5).mean(),
            "emotional": (probability[~is_neutral] >= 0.5).mean(),
            "data": (after.neutral_proba(rows.texts) >= 0.5).mean(),
        },
        abs=0.02,
    )
    shares = measured["predicted_neutral"]
    assert shares["neutral"] > 0.7 and shares["emotional"] < 0.3


def test_neutral_stays_as_it_is_without_neutral_data(known: dict[str, Any], rows: Examples) -> None:
    before = Neutral(0.5, 1.0)
    fitted = calibrate(Model(known, neutral=before), rows, model_name="m")
    assert fitted.report["neutral"] is None and fitted.calibration.neutral == before


def test_neutral_data_needs_a_model_with_the_output(
    known: dict[str, Any], rows: Examples, neutral_data: dict[str, Examples]
) -> None:
    with pytest.raises(ModelError, match="no output for neutral texts"):
        calibrate(Model(known), rows, model_name="m", neutral_data=neutral_data)


def test_report_is_json_without_nan(known: dict[str, Any], rows: Examples, neutral_data: dict[str, Examples]) -> None:
    report = calibrate(Model(known, neutral=Neutral()), rows, model_name="m", neutral_data=neutral_data).report
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["rows"] == dict(zip(NAMES, np.bincount(rows.label_ids).tolist(), strict=True))
    assert report["prediction_sets"]["90"]["coverage"]["mean"] == pytest.approx(0.9, abs=0.03)


def test_neutral_data_of_one_label_is_an_error(
    known: dict[str, Any], rows: Examples, neutral_data: dict[str, Examples]
) -> None:
    train = neutral_data["train"]
    for kind, name in enumerate(NEUTRAL_LABELS.names):
        alone = {"all": train.subset(train.label_ids == kind)}
        with pytest.raises(DataError, match=f"kinds has only {name} texts"):
            calibrate(Model(known, neutral=Neutral()), rows, model_name="m", neutral_data=alone)


def test_other_labels_are_an_error(known: dict[str, Any], rows: Examples) -> None:
    with pytest.raises(LabelError, match="the model has the labels calm, tense, numb, but the data has a, b, c"):
        calibrate(Model(known), replace(rows, labels=Labels(("a", "b", "c"))), model_name="m")


def test_a_label_without_rows_is_an_error(known: dict[str, Any], rows: Examples) -> None:
    with pytest.raises(DataError, match="no row has the label numb"):
        calibrate(Model(known), rows.subset(rows.label_ids < 2), model_name="m")


def test_a_multi_label_model_is_an_error(known: dict[str, Any], rows: Examples) -> None:
    model = Model(known)
    model.multi_label = True
    with pytest.raises(ModelError, match="the model is multi-label.*--multi-label"):
        calibrate(model, rows, model_name="m")


def test_values_that_are_not_probabilities_are_an_error(known: dict[str, Any], rows: Examples) -> None:
    model = Model(known)
    model.predict_proba = lambda texts: np.full((len(texts), 3), np.nan, np.float32)
    with pytest.raises(ModelError, match="not probabilities"):
        calibrate(model, rows, model_name="m")
