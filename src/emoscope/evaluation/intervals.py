"""How far a metric could be off: 95 % percentile bootstrap intervals.

Rows are drawn again with replacement, as many as there are, and the metric is taken of each draw; the
interval is the middle 95 % of those values (Efron, "Bootstrap methods: another look at the jackknife",
Annals of Statistics 7, 1979; percentile interval: Efron and Tibshirani, "An Introduction to the Bootstrap",
1993, chapter 13). Of an accuracy of 0 or 1 all draws are alike and say nothing: it has Wilson's interval ("Probable
inference, the law of succession, and statistical inference", Journal of the American Statistical Association 22, 1927).
An interval covers the choice of rows, not the seed that a model was trained with.

A metric of counts depends on the rows only through the confusion matrix, and drawing rows draws that
matrix from a multinomial distribution: all resamples come from one call. Rows with any number of labels have no
such matrix; there, how often each row is drawn, times what each row counts for, gives the counts of a resample.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoscope.evaluation.metrics import Counts, accuracy, confusion_counts, f1, macro, weighted

LEVEL = 0.95
RESAMPLES = 2000
RESAMPLES_AT_ONCE = 50


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
    loss = np.array([losses[rng.integers(rows, size=rows)].mean() for _ in range(resamples)])
    return _intervals(confusion_counts(draws), loss, int(confusion.trace()))


def multi_label_intervals(
    truth: NDArray[np.bool_],
    given: NDArray[np.bool_],
    losses: NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """What `bootstrap_intervals` gives, of rows with any number of labels.

    Args:
        truth: bool (rows, labels), true where a row has a label.
        given: bool (rows, labels), true where it was given one.
        losses: (rows,), from `metrics.row_losses`, of the same rows.
        resamples: how often the rows are drawn again.
        seed: of the draws; the same seed gives the same intervals.
    """
    rows, labels = truth.shape
    exact = (truth == given).all(1)
    table = np.column_stack((truth & given, given, truth, exact, losses)).astype(np.float64)
    sums = _resampled_sums(table, resamples, np.random.default_rng(seed))
    correct, chosen, support = np.split(sums[:, :-2], 3, axis=1)
    averaged = np.ones((resamples, labels), np.bool_)
    counts = Counts(correct, chosen, support, averaged, sums[:, -2], np.full(resamples, rows))
    return _intervals(counts, sums[:, -1] / rows, int(exact.sum()))


def wilson(right: int, rows: int) -> Interval:
    """Wilson's 95 % interval of a share.

    Args:
        right: rows that count.
        rows: all, one at least.
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share, scale = right / rows, 1 + z**2 / rows
    centre, arm = share + z**2 / (2 * rows), z * sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return Interval(max(0.0, min(share, (centre - arm) / scale)), min(1.0, max(share, (centre + arm) / scale)))


def _resampled_sums(table: NDArray[np.float64], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Column sums of the rows of a table drawn again with replacement, (resamples, columns)."""
    rows = len(table)
    sums = []
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        draws = rng.integers(rows, size=(min(RESAMPLES_AT_ONCE, resamples - start), rows))
        times = np.array([np.bincount(draw, minlength=rows) for draw in draws], np.float64)
        sums.append(times @ table)
    return np.concatenate(sums)


def _intervals(counts: Counts, loss: NDArray[Any], right: int) -> dict[str, Interval]:
    """Intervals from the counts and the loss of each resample; `right` rows are right as they are."""
    scores, rows = f1(counts), int(counts.rows[0])
    values = {
        "accuracy": accuracy(counts),
        "f1_macro": macro(scores, counts),
        "f1_weighted": weighted(scores, counts),
        "loss": loss,
    }
    intervals = {name: _middle(value) for name, value in values.items()}
    return intervals | ({"accuracy": wilson(right, rows)} if right in (0, rows) else {})


def _middle(values: NDArray[np.float64]) -> Interval:
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(values, (tail, 1.0 - tail))
    return Interval(float(low), float(high))
