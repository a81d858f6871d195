"""Calibration of multi-label models: values fitted on held-out rows, and the report on them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import f1_score
from sklearn.metrics import log_loss as reference_loss

from emoscope.calibrated import Calibration
from emoscope.calibration import (
    CalibrationResult,
    calibrate,
    calibrate_multi_label,
    fit_multi_label_temperature,
    multi_label,
    write_calibrated,
)
from emoscope.calibration.card import section
from emoscope.calibration.plots import plot_calibration
from emoscope.data import Examples
from emoscope.errors import DataError, LabelError, ModelError
from emoscope.labels import Labels
from emoscope.manifest import Manifest, read_manifest
from emoscope.model_folder import ModelFolder
from emoscope.probabilities import probabilities

NAMES = ("calm", "tense", "labels")
"""The last is also a key of reports of 0.1."""


class Model:
    """Returns stored logits of every text."""

    labels = NAMES

    def __init__(self, logits: Any, calibration: Calibration) -> None:
        self.known, self.calibration = logits, calibration

    @property
    def multi_label(self) -> bool:
        return self.calibration.multi_label

    def predict_logits(self, texts: Any) -> Any:
        return self.known[[int(text) for text in texts]]


@pytest.fixture(autouse=True)
def _few_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multi_label, "REPEATS", 10)


@pytest.fixture
def model() -> Model:
    """Twice as sure as it may be, with a threshold for each label."""
    logits = np.random.default_rng(3).normal(-1, 2, size=(600, 3)).astype(np.float32)
    return Model(logits * np.float32(2), Calibration(1.0, (0.05, 0.5, 0.999)))


@pytest.fixture
def rows(model: Model) -> Examples:
    """Labels drawn with temperature 2, in another order than the model's."""
    shares = probabilities(model.known, 2.0, multi_label=True)
    drawn = np.random.default_rng(5).random(shares.shape) < shares
    return Examples([str(row) for row in range(600)], drawn[:, ::-1], Labels(NAMES[::-1]), "moods", None)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_temperature_is_the_minimum_of_the_binary_cross_entropy(true_temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = (rng.normal(size=(4000, 4)) * 3 - 2).astype(np.float32)
    drawn = rng.random(logits.shape) < probabilities(logits, true_temperature, multi_label=True)

    def loss(log_temperature: float) -> float:
        scaled = 1 / (1 + np.exp(-logits.astype(np.float64) / np.exp(log_temperature)))
        return float(reference_loss(drawn.ravel(), scaled.ravel()))

    expected = np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-6}).x)
    fitted = fit_multi_label_temperature(logits, drawn)
    assert fitted == pytest.approx(expected, rel=1e-3)
    assert fitted == pytest.approx(true_temperature, rel=0.1)


def test_temperature_and_thresholds_are_fitted_in_the_order_of_the_model(model: Model, rows: Examples) -> None:
    result = calibrate_multi_label(model, rows, model_name="m")
    fitted, truth = result.calibration, rows.label_ids[:, ::-1]
    assert fitted.temperature == pytest.approx(2, rel=0.15)
    given = fitted.probabilities(model.known) >= np.array(fitted.thresholds)
    before = model.calibration.probabilities(model.known) >= np.array(model.calibration.thresholds)
    for label in range(3):
        assert f1_score(truth[:, label], given[:, label]) >= f1_score(truth[:, label], before[:, label])
    report = result.report
    assert json.loads(json.dumps(report)) == report
    assert report["rows"] == dict(zip(NAMES, truth.sum(axis=0).tolist(), strict=True))
    assert report["loss"]["after"] < report["loss"]["before"] and report["ece"]["after"] < report["ece"]["before"]
    scaled = 1 / (1 + np.exp(-model.known.astype(np.float64) / fitted.temperature))
    assert report["loss"]["after"] == pytest.approx(reference_loss(truth.ravel(), scaled.ravel()), rel=1e-4)
    assert report["thresholds"]["tense"] == {"before": 0.5, "after": fitted.thresholds[1]}


def test_half_splits_measure_rows_that_were_not_fitted_on(model: Model, rows: Examples) -> None:
    """Labels that are drawn without the model have an F1 that fitting on the measured rows would exceed."""
    quality = calibrate_multi_label(model, rows, model_name="m").report["half_splits"]
    assert quality["repeats"] == 10
    assert quality["f1_macro"]["after"]["mean"] > quality["f1_macro"]["before"]["mean"] + 0.05
    assert quality["loss"]["after"]["mean"] < quality["loss"]["before"]["mean"]
    mean = np.mean([quality["label_f1"][name]["after"]["mean"] for name in NAMES])
    assert quality["f1_macro"]["after"]["mean"] == pytest.approx(mean)
    few = replace(rows, texts=rows.texts[:24], label_ids=np.random.default_rng(1).random((24, 3)) < 0.3)
    result = calibrate_multi_label(model, few, model_name="m")
    given = result.calibration.probabilities(model.known[:24]) >= np.array(result.calibration.thresholds)
    on_the_same = f1_score(few.label_ids[:, ::-1], given, average="macro")
    assert result.report["half_splits"]["f1_macro"]["after"]["mean"] < on_the_same - 0.05


def test_a_kept_temperature_still_fits_thresholds(model: Model, rows: Examples) -> None:
    result = calibrate_multi_label(model, rows, model_name="m", keep_temperature=True)
    assert result.calibration.temperature == 1.0
    assert result.report["loss"]["before"] == result.report["loss"]["after"]
    assert result.calibration.thresholds != model.calibration.thresholds


def test_the_temperature_is_kept_where_every_label_is_right(model: Model) -> None:
    right = Examples([str(row) for row in range(600)], model.known > 0, Labels(NAMES), "moods", None)
    assert calibrate_multi_label(model, right, model_name="m").calibration.temperature == 1.0


def test_a_label_without_rows_keeps_its_decisions(model: Model, rows: Examples) -> None:
    without = replace(rows, label_ids=rows.label_ids & [False, True, True])
    result = calibrate_multi_label(model, without, model_name="m")
    given, before = (
        calibration.probabilities(model.known)[:, 2] >= calibration.thresholds[2]
        for calibration in (result.calibration, model.calibration)
    )
    assert before.any() and (given == before).all()
    assert result.report["half_splits"]["label_f1"]["labels"]["after"]["mean"] is None
    assert "| labels | 0 |" in section(result.report)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"label_ids": np.zeros(600, np.int64)}, ModelError, "the model is multi-label"),
        ({"label_ids": np.zeros((600, 3), np.bool_)}, DataError, "no row with a label"),
        ({"texts": ["0"], "label_ids": np.ones((1, 3), np.bool_)}, DataError, "fewer than two rows"),
        ({"labels": Labels(("calm", "tense", "bored"))}, LabelError, "bored"),
    ],
)
def test_unsuitable_rows_are_an_error(
    model: Model, rows: Examples, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        calibrate_multi_label(model, replace(rows, **change), model_name="m")


def test_the_wrong_function_names_the_right_one(model: Model, rows: Examples) -> None:
    with pytest.raises(DataError, match="call calibrate_multi_label"):
        calibrate(model, rows, model_name="m")
    single = replace(rows, label_ids=np.zeros(600, np.int64))
    with pytest.raises(DataError, match="has one label; call calibrate$"):
        calibrate_multi_label(Model(model.known, Calibration()), single, model_name="m")
    with pytest.raises(ModelError, match="the model gives one label a text"):
        calibrate_multi_label(Model(model.known, Calibration()), rows, model_name="m")


def _verification(tmp_path: Path, recorded: Any, fitted: Calibration) -> Any:
    """The verification that is written for a folder with these recorded probabilities, tolerance 1e-4."""
    config = {"id2label": dict(enumerate(NAMES)), "problem_type": "multi_label_classification"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    record = {"texts": ["one", "two"], "probabilities": recorded, "tolerance": 1e-4}
    manifest = Manifest(calibration=Calibration(1.0, (0.5,) * 3), verification=record)
    report = {"model": "m", "curves": None}
    write_calibrated(ModelFolder(tmp_path, config, manifest), CalibrationResult(fitted, report))
    written = read_manifest(tmp_path)
    assert written.calibration == fitted
    return written.verification


def test_recorded_probabilities_follow_the_temperature(tmp_path: Path) -> None:
    logits = np.array([[-3.0, 0.5, 2.0], [1.0, -2.0, -1.0]], np.float32)
    before, after = (probabilities(logits, temperature, multi_label=True) for temperature in (1.0, 0.5))
    record = _verification(tmp_path, before.tolist(), Calibration(0.5, (0.5,) * 3))
    assert record["texts"] == ["one", "two"] and record["tolerance"] == pytest.approx(2e-4)
    np.testing.assert_allclose(record["probabilities"], after, atol=1e-6)


def test_texts_close_to_a_new_threshold_are_not_recorded(tmp_path: Path) -> None:
    rows = [[0.1, 0.2, 0.30001], [0.1, 0.2, 0.4]]
    assert _verification(tmp_path, rows, Calibration(1.0, (0.5, 0.5, 0.3)))["texts"] == ["two"]
    assert _verification(tmp_path, rows, Calibration(1.0, (0.5, 0.2, 0.5))) is None


def test_the_tolerance_covers_what_rounding_of_the_record_changes(tmp_path: Path) -> None:
    logits = np.array([[-18.0, 18.0, 2.0], [3.0, -18.0, -2.0]], np.float32)
    recorded = probabilities(logits, multi_label=True).astype(float).round(7)
    record = _verification(tmp_path, recorded.tolist(), Calibration(3.0, (0.5,) * 3))
    differences = np.abs(np.array(record["probabilities"]) - probabilities(logits, 3.0, multi_label=True))
    assert 1e-4 < differences.max() < record["tolerance"] < 0.01


def test_plots(model: Model, rows: Examples, tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    files = plot_calibration(calibrate_multi_label(model, rows, model_name="m").report, tmp_path)
    assert [file.name for file in files] == ["reliability.png", "label_f1.png"]
    for file in files:
        assert 0.02 < (image.imread(file)[..., :3] < 0.95).any(axis=2).mean() < 0.98
