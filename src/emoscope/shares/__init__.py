"""Shares of the emotions in scored rows, with intervals, from a few labelled rows; and which rows to label.

Works on the base install; tables of Excel need the extra "excel". Knows no model: predictions come as arrays, or from a
table that `emoscope score` wrote.
"""

from __future__ import annotations

from emoscope.shares.differences import ShareDifference
from emoscope.shares.estimation import Grouping, LabelledRows, estimate
from emoscope.shares.label_shift import HeldOut, LabelShift, ShiftCheck, label_shift
from emoscope.shares.labellers import Agreement, Coefficient
from emoscope.shares.results import ClassShare, Estimate, Shares
from emoscope.shares.sampling import SamplingPlan, draw_rows, labels_needed, plan_sample

__all__ = [
    "Agreement",
    "ClassShare",
    "Coefficient",
    "Estimate",
    "Grouping",
    "HeldOut",
    "LabelShift",
    "LabelledRows",
    "SamplingPlan",
    "ShareDifference",
    "Shares",
    "ShiftCheck",
    "draw_rows",
    "estimate",
    "label_shift",
    "labels_needed",
    "plan_sample",
]
