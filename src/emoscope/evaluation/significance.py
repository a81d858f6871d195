"""Paired tests of two classifiers on the same rows, the rows that they need, and the correction for many tests.

McNemar's test looks at the rows that one classifier has right and the other wrong (McNemar, "Note on the
sampling error of the difference between correlated proportions or percentages", Psychometrika 12, 1947);
Dietterich recommends it for two classifiers trained once ("Approximate statistical tests for comparing
supervised classification learning algorithms", Neural Computation 10, 1998). The bootstrap draws rows with
replacement and scores both classifiers on the same draw (Efron and Tibshirani, "An Introduction to the
Bootstrap", 1993). Both speak of the choice of rows, not of the seed that a model was trained with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from emoscope.evaluation.intervals import LEVEL, RESAMPLES
from emoscope.evaluation.metrics import accuracy, f1, macro


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test of two classifiers.

    Attributes:
        only_a: rows that the first has right and the second wrong.
        only_b: rows that the second has right and the first wrong.
        p: two-sided.
    """

    only_a: int
    only_b: int
    p: float


ALPHA = 0.05
POWER = 0.8


@dataclass(frozen=True)
class SampleSize:
    """Rows that McNemar's test needs.

    Attributes:
        rows: to find a difference in accuracy like the one seen at the level 0.05, in nearly 80 % of all samples of so
            many rows; None where both classifiers are equally often alone right.
        detectable: the smallest difference in accuracy that the rows at hand would show as often, with as
            many rows that one alone has right; None where no difference is large enough.
    """

    rows: int | None
    detectable: float | None


@dataclass(frozen=True)
class Difference:
    """A metric of the first classifier less that of the second.

    Attributes:
        difference: on the rows as they are.
        low: lower end of its 95 % interval.
        high: upper end.
        p: two-sided; below 0.05 about when the interval leaves out 0.
    """

    difference: float
    low: float
    high: float
    p: float


def mcnemar(correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test; two classifiers that err on the same rows get p = 1.

    Args:
        correct_a: whether the first classifier has each row right, (rows,).
        correct_b: the second, on the same rows.
    """
    only_a = int((correct_a & ~correct_b).sum())
    only_b = int((correct_b & ~correct_a).sum())
    return McNemar(only_a, only_b, sign_test(only_a, only_b))


def sample_size(only_a: int, only_b: int, rows: int) -> SampleSize:
    """Rows needed to tell two classifiers apart, from what they did on some.

    Connor, "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43, 1987:
    n = (z(1 - alpha/2) sqrt(psi) + z(power) sqrt(psi - delta^2))^2 / delta^2, with psi the share of the rows that one
    classifier alone has right, and delta the difference in accuracy. It takes both as they were seen, so it is as
    unsure as they are; the exact test needs somewhat more, and has a power of 0.76 to 0.8 with these.

    Args:
        only_a: rows that the first has right and the second wrong.
        only_b: rows that the second has right and the first wrong.
        rows: all rows, one at least.
    """
    psi, delta = (only_a + only_b) / rows, abs(only_a - only_b) / rows
    low, high = 0.0, psi
    if not only_a + only_b or _rows_needed(psi, high) > rows:
        detectable = None
    else:
        while high - low > 1e-9:
            middle = (low + high) / 2
            low, high = (low, middle) if _rows_needed(psi, middle) <= rows else (middle, high)
        detectable = high
    return SampleSize(ceil(_rows_needed(psi, delta)) if delta else None, detectable)


def _rows_needed(psi: float, delta: float) -> float:
    level, power = NormalDist().inv_cdf(1 - ALPHA / 2), NormalDist().inv_cdf(POWER)
    return ((level * sqrt(psi) + power * sqrt(psi - delta**2)) / delta) ** 2


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact binomial p of `wins` against `losses` where both are equally likely; 1 without either.

    Twice the shorter tail, at most 1, summed over logarithms so that no number of rows overflows.
    """
    trials, fewer = wins + losses, min(wins, losses)
    if wins == losses:
        return 1.0
    steps = np.arange(1, fewer + 1)
    log_ways = np.concatenate([[0.0], np.cumsum(np.log(trials - steps + 1) - np.log(steps))])
    return min(1.0, float(2.0 * np.exp(log_ways - trials * np.log(2.0)).sum()))


def paired_bootstrap(
    truth: NDArray[np.int64],
    predicted_a: NDArray[np.int64],
    predicted_b: NDArray[np.int64],
    labels: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """Differences in `accuracy` and `f1_macro`, with percentile intervals and p.

    The metrics depend on the rows only through how often each (truth, first, second) occurs, and drawing
    rows draws those counts from a multinomial distribution: all resamples come from one call. The p is
    the smallest 1 - level of an interval that leaves out 0 (Efron and Tibshirani, section 15.4), with
    the rows as they are counted as one draw, so that it is never 0.

    Args:
        truth: label ids (rows,), each in 0 to labels - 1.
        predicted_a: label ids (rows,) of the first classifier.
        predicted_b: label ids (rows,) of the second.
        labels: number of labels.
        resamples: how often the rows are drawn again.
        seed: of the draws; the same seed gives the same result.
    """
    cells, counts = np.unique(np.stack([truth, predicted_a, predicted_b], 1), axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(truth), counts / len(truth), resamples)
    weights = np.concatenate([counts[None], draws])
    scores_a = _scores(_confusions(weights, cells[:, 0], cells[:, 1], labels))
    scores_b = _scores(_confusions(weights, cells[:, 0], cells[:, 2], labels))
    return {name: _difference(scores_a[name] - scores_b[name]) for name in scores_a}


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for being several: the chance of one false finding among them stays below the level.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return [float(value) for value in adjusted]


def _confusions(
    weights: NDArray[np.int64], truth: NDArray[np.int64], predicted: NDArray[np.int64], labels: int
) -> NDArray[np.int64]:
    """Confusion matrices (draws, labels, labels) of cells that occur `weights` (draws, cells) times."""
    cell_of = np.zeros((len(truth), labels * labels))
    cell_of[np.arange(len(truth)), truth * labels + predicted] = 1.0
    return (weights @ cell_of).astype(np.int64).reshape(len(weights), labels, labels)


def _scores(confusions: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    return {"accuracy": accuracy(confusions), "f1_macro": macro(f1(confusions), confusions)}


def _difference(values: NDArray[np.float64]) -> Difference:
    """From the difference on the rows as they are (first) and on each draw."""
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(values[1:], (tail, 1.0 - tail))
    beyond = min((1 + (values[1:] <= 0).sum()), (1 + (values[1:] >= 0).sum())) / len(values)
    return Difference(float(values[0]), float(low), float(high), float(min(1.0, 2.0 * beyond)))
