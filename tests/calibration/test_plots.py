"""Plots of a calibration report, of this edition and of 0.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope.calibration.coverage import split_half_quality
from emoscope.calibration.old_keys import with_old_keys
from emoscope.calibration.plots import plot_calibration
from emoscope.calibration.report import _curves
from emoscope.calibration.selective import aurc, selective_accuracy
from emoscope.errors import MissingExtraError

NAMES = ("calm", "tense")


@pytest.fixture
def report() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 2)) * 2
    rows = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random(200) > rows[:, 0]).astype(int)
    correct = rows.argmax(axis=1) == truth
    quality = split_half_quality(rows, truth, 90, repeats=4)
    spreads = dict(zip(NAMES, quality["label_coverage"], strict=True))
    curves = _curves(rows, rows, truth)
    curves["neutral"] = {"edges": [0.0, 0.5, 1.0], "neutral": [1, 3], "emotional": [4, 1]}
    return {
        "rows": dict(zip(NAMES, np.bincount(truth).tolist(), strict=True)),
        "temperature": {"before": 1.0, "after": 1.5},
        "loss": {"before": 0.5, "after": 0.4},
        "ece": {"before": 0.05, "after": 0.04},
        "accuracy": float(correct.mean()),
        "aurc": aurc(rows.max(axis=1), correct),
        "selective_prediction": selective_accuracy(rows.max(axis=1), correct),
        "prediction_sets": {"90": {"repeats": 4, **quality, "label_coverage": spreads}},
        "neutral": {
            "auroc": {"neutral": 0.9, "max_probability": 0.8},
            "predicted_neutral": {"neutral": 0.75, "emotional": 0.2, "data": 0.0},
        },
        "curves": curves,
    }


def test_every_part_of_the_report_has_a_plot_with_content(report: dict[str, Any], tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    files = plot_calibration(report, tmp_path / "new")
    assert [file.name for file in files] == [
        *("reliability.png", "risk_coverage.png", "prediction_sets.png", "neutral.png")
    ]
    for file in files:
        pixels = image.imread(file)
        assert min(pixels.shape[:2]) > 400
        assert 0.02 < (pixels[..., :3] < 0.95).any(axis=2).mean() < 0.98


def test_reports_of_0_1_can_be_plotted(report: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    old = with_old_keys(report)
    old = {key: old[key] for key in old if key not in ("selective_prediction", "prediction_sets", "neutral")}
    assert len(plot_calibration(old, tmp_path)) == 3


def test_plots_without_matplotlib_are_an_error(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="plot"):
        plot_calibration(report, tmp_path / "plots")
    assert not (tmp_path / "plots").exists()
