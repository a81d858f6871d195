"""95 % confidence intervals of metrics: percentile bootstrap, and Wilson's interval of a share.

The bootstrap draws as many rows as there are, with replacement, and computes the metric on each draw; the interval is
the middle 95 % of the values (Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979;
percentile interval: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). With an accuracy of 0
or 1 all draws are alike, so it gets Wilson's interval ("Probable inference, the law of succession, and statistical
inference", Journal of the American Statistical Association 22, 1927). Intervals cover the choice of the rows, not the
seed with which a model was trained.

A metric of counts depends on single-label rows only through the confusion matrix, and drawing rows draws that matrix
from a multinomial distribution, so one call makes all resamples. Multi-label rows have no such matrix; there, the
counts of a resample are sums over the rows, each weighted by how often it was drawn.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoscope.evaluation.metrics import Counts, accuracy, confusion_counts, label_scores, macro, weighted

LEVEL = 0.95
RESAMPLES = 2000
RESAMPLES_AT_ONCE = 50
"""Resamples of multi-label rows held in memory at once."""


class Interval(NamedTuple):
    """Both ends of a confidence interval."""

    low: float
    high: float


def bootstrap_intervals(
    confusion: NDArray[np.int64], losses: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """95 % intervals of `accuracy`, `f1_macro`, `f1_weighted` and `loss` of single-label rows.

    Args:
        confusion: (labels, labels), from `metrics.confusion_matrix`.
        losses: (rows,), from `metrics.row_losses`, of the same rows.
        resamples: number of draws.
        seed: seed of the draws; the same seed gives the same intervals.
    """
    rng = np.random.default_rng(seed)
    rows = len(losses)
    draws = rng.multinomial(rows, confusion.ravel() / rows, resamples).reshape(resamples, *confusion.shape)
    loss = np.array([losses[rng.integers(rows, size=rows)].mean() for _ in range(resamples)])
    return _intervals(confusion_counts(draws), loss, int(confusion.trace()))


def multi_label_intervals(
    truth: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    losses: NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """The intervals of `bootstrap_intervals` for multi-label rows.

    Args:
        truth: bool (rows, labels), true where a row has a label.
        predicted: bool (rows, labels), true where a label was predicted.
        losses: (rows,), from `metrics.row_losses`, of the same rows.
        resamples: number of draws.
        seed: seed of the draws; the same seed gives the same intervals.
    """
    rows, labels = truth.shape
    exact = (truth == predicted).all(1)
    columns = np.column_stack((truth & predicted, predicted, truth, exact, losses)).astype(np.float64)
    sums = _resampled_sums(columns, resamples, np.random.default_rng(seed))
    correct, given, support = np.split(sums[:, :-2], 3, axis=1)
    averaged = np.ones((resamples, labels), np.bool_)
    counts = Counts(correct, given, support, averaged, sums[:, -2], np.full(resamples, rows))
    return _intervals(counts, sums[:, -1] / rows, int(exact.sum()))


def wilson(right: int, rows: int) -> Interval:
    """Wilson's 95 % interval of the share right / rows.

    Args:
        right: rows that are right.
        rows: all rows, at least one.
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share, scale = right / rows, 1 + z**2 / rows
    centre, arm = share + z**2 / (2 * rows), z * sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return Interval(max(0.0, min(share, (centre - arm) / scale)), min(1.0, max(share, (centre + arm) / scale)))


def percentile_interval(values: NDArray[np.float64]) -> Interval:
    """Middle 95 % of the values (resamples,) of a bootstrap."""
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(values, (tail, 1.0 - tail))
    return Interval(float(low), float(high))


def _resampled_sums(columns: NDArray[np.float64], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Sums over rows drawn with replacement, (resamples, columns), of a table (rows, columns)."""
    rows = len(columns)
    sums = []
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        draws = rng.integers(rows, size=(min(RESAMPLES_AT_ONCE, resamples - start), rows))
        times = np.array([np.bincount(draw, minlength=rows) for draw in draws], np.float64)
        sums.append(times @ columns)
    return np.concatenate(sums)


def _intervals(counts: Counts, loss: NDArray[Any], right: int) -> dict[str, Interval]:
    """Intervals from the counts and the loss of each resample; `right` is the number of rows right in the data."""
    f1, rows = label_scores(counts)["f1"], int(counts.rows[0])
    values = {
        "accuracy": accuracy(counts),
        "f1_macro": macro(f1, counts),
        "f1_weighted": weighted(f1, counts),
        "loss": loss,
    }
    intervals = {name: percentile_interval(value) for name, value in values.items()}
    return intervals | ({"accuracy": wilson(right, rows)} if right in (0, rows) else {})
