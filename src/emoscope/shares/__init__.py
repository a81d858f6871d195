"""Shares of the emotions in scored rows, with intervals, from a few labelled rows; and which rows to label.

Works on the base install. Knows no model: predictions come as arrays, or from a table that `emoscope score` wrote.
"""

from __future__ import annotations

from emoscope.shares.estimation import ClassShare, LabelledRows, Shares, estimate
from emoscope.shares.label_shift import LabelShift, label_shift
from emoscope.shares.sampling import SamplingPlan, draw_rows, labels_needed, plan_sample

__all__ = [
    "ClassShare",
    "LabelShift",
    "LabelledRows",
    "SamplingPlan",
    "Shares",
    "draw_rows",
    "estimate",
    "label_shift",
    "labels_needed",
    "plan_sample",
]
