"""Evaluation: how good, how sure, how fast and how heavy a classifier is.

Works on the base install; the plots need the extra `plot`.
"""

from __future__ import annotations

from emoscope.evaluation.intervals import Interval, bootstrap_intervals
from emoscope.evaluation.keywords import AmbiguousKeyword, Keywords, fit_keywords
from emoscope.evaluation.metrics import (
    LabelMetrics,
    ReliabilityBin,
    averages,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
    per_label,
    reliability,
)
from emoscope.evaluation.plots import plot_report
from emoscope.evaluation.report import Report, evaluate
from emoscope.evaluation.timing import Measurement, measure

__all__ = [
    "AmbiguousKeyword",
    "Interval",
    "Keywords",
    "LabelMetrics",
    "Measurement",
    "ReliabilityBin",
    "Report",
    "averages",
    "bootstrap_intervals",
    "confusion_matrix",
    "evaluate",
    "expected_calibration_error",
    "fit_keywords",
    "log_loss",
    "measure",
    "per_label",
    "plot_report",
    "reliability",
]
