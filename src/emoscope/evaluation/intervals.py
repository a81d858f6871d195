"""How far a metric could be off: 95 % percentile bootstrap intervals.

Rows are drawn again with replacement, as many as there are, and the metric is taken of each draw; the
interval is the middle 95 % of those values (Efron, "Bootstrap methods: another look at the jackknife",
Annals of Statistics 7, 1979; percentile interval: Efron and Tibshirani, "An Introduction to the Bootstrap",
1993, chapter 13). It covers the choice of rows, not the seed that a model was trained with.

A metric of counts depends on the rows only through the confusion matrix, and drawing rows draws that
matrix from a multinomial distribution: all resamples come from one call.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoscope.evaluation.metrics import accuracy, f1, macro, weighted

LEVEL = 0.95
RESAMPLES = 2000


class Interval(NamedTuple):
    """Both ends of an interval."""

    low: float
    high: float


def bootstrap_intervals(
    confusion: NDArray[np.int64], losses: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """95 % intervals of `accuracy`, `f1_macro`, `f1_weighted` and `loss`.

    Args:
        confusion: (labels, labels), from `metrics.confusion_matrix`.
        losses: (rows,), from `metrics.row_losses`, of the same rows.
        resamples: how often the rows are drawn again.
        seed: of the draws; the same seed gives the same intervals.
    """
    rng = np.random.default_rng(seed)
    rows = len(losses)
    draws = rng.multinomial(rows, confusion.ravel() / rows, resamples).reshape(resamples, *confusion.shape)
    scores = f1(draws)
    values = {
        "accuracy": accuracy(draws),
        "f1_macro": macro(scores, draws),
        "f1_weighted": weighted(scores, draws),
        "loss": np.array([losses[rng.integers(rows, size=rows)].mean() for _ in range(resamples)]),
    }
    return {name: _middle(value) for name, value in values.items()}


def _middle(values: NDArray[np.float64]) -> Interval:
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(values, (tail, 1.0 - tail))
    return Interval(float(low), float(high))
