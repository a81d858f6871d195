"""Evaluation of classifiers: quality with intervals, calibration error, slices, speed, size, comparisons and bias.

Works on the base install; the plots need the extra `plot`.
"""

from __future__ import annotations

from emoscope.evaluation.bias import BiasReport, bias_text, check_bias
from emoscope.evaluation.comparison import Comparison, compare, load_classifiers
from emoscope.evaluation.comparison_plot import plot_comparison
from emoscope.evaluation.comparison_table import comparison_markdown, comparison_text
from emoscope.evaluation.footprint import Footprint, measure_footprint
from emoscope.evaluation.intervals import Interval, bootstrap_intervals
from emoscope.evaluation.keywords import AmbiguousKeyword, Keywords, fit_keywords
from emoscope.evaluation.metrics import (
    LabelMetrics,
    ReliabilityBin,
    auroc,
    averages,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
    per_label,
    reliability,
)
from emoscope.evaluation.plots import plot_report
from emoscope.evaluation.published import PUBLISHED, PublishedResult
from emoscope.evaluation.report import EvaluationReport, evaluate
from emoscope.evaluation.significance import (
    Difference,
    McNemar,
    SampleSize,
    holm,
    mcnemar,
    paired_bootstrap,
    sample_size,
)
from emoscope.evaluation.slices import measure_slices, slice_texts, slice_values
from emoscope.evaluation.timing import Measurement, measure

__all__ = [
    "PUBLISHED",
    "AmbiguousKeyword",
    "BiasReport",
    "Comparison",
    "Difference",
    "EvaluationReport",
    "Footprint",
    "Interval",
    "Keywords",
    "LabelMetrics",
    "McNemar",
    "Measurement",
    "PublishedResult",
    "ReliabilityBin",
    "SampleSize",
    "auroc",
    "averages",
    "bias_text",
    "bootstrap_intervals",
    "check_bias",
    "compare",
    "comparison_markdown",
    "comparison_text",
    "confusion_matrix",
    "evaluate",
    "expected_calibration_error",
    "fit_keywords",
    "holm",
    "load_classifiers",
    "log_loss",
    "mcnemar",
    "measure",
    "measure_footprint",
    "measure_slices",
    "paired_bootstrap",
    "per_label",
    "plot_comparison",
    "plot_report",
    "reliability",
    "sample_size",
    "slice_texts",
    "slice_values",
]
