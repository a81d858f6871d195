"""Calibration: make a model's probabilities reliable, on labelled rows that it was not trained on.

Fits temperature, prediction sets and neutral texts, for multi-label models the threshold of each label, measures how
good they are, and writes them into a model folder.
Works on the base install; the plots need the extra `plot`.
"""

from __future__ import annotations

from emoscope.calibration.fit import (
    fit_multi_label_temperature,
    fit_neutral,
    fit_prediction_sets,
    fit_temperature,
    tune_thresholds,
)
from emoscope.calibration.folder import write_calibrated
from emoscope.calibration.multi_label import calibrate_multi_label
from emoscope.calibration.plots import plot_calibration
from emoscope.calibration.report import CalibrationResult, calibrate
from emoscope.calibration.selective import aurc, risk_coverage_curve, selective_accuracy

__all__ = [
    "CalibrationResult",
    "aurc",
    "calibrate",
    "calibrate_multi_label",
    "fit_multi_label_temperature",
    "fit_neutral",
    "fit_prediction_sets",
    "fit_temperature",
    "plot_calibration",
    "risk_coverage_curve",
    "selective_accuracy",
    "tune_thresholds",
    "write_calibrated",
]
