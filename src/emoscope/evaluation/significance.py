"""Paired tests of two classifiers on the same rows, the sample size they need, and the correction for many tests.

McNemar's test looks at the discordant rows, which only one of the two classifiers has right (McNemar, "Note on the
sampling error of the difference between correlated proportions or percentages", Psychometrika 12, 1947); Dietterich
recommends it for two classifiers trained once ("Approximate statistical tests for comparing supervised classification
learning algorithms", Neural Computation 10, 1998). The paired bootstrap draws rows with replacement and scores both
classifiers on the same draw (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993). Both cover the choice of
the rows, not the seed with which a model was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.evaluation.intervals import RESAMPLES, percentile_interval
from emoscope.evaluation.metrics import Confusion, Counts, accuracy, label_scores, macro

ALPHA = 0.05
"""Significance level."""
MIN_DIFFERING = 6
"""Smallest number of rows with different predictions for which a two-sided exact test can fall below ALPHA."""
POWER = 0.8
"""Power for which sample sizes are computed."""


@dataclass(frozen=True)
class McNemar:
    """Result of McNemar's exact test.

    Attributes:
        only_a: number of rows that only the first classifier has right.
        only_b: number of rows that only the second classifier has right.
        p: two-sided p-value.
    """

    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True)
class SampleSize:
    """Number of rows that McNemar's test needs.

    Attributes:
        rows: number of rows with which the observed difference in accuracy would be significant at ALPHA in nearly
            80 % of all samples; None if only_a equals only_b.
        detectable: smallest difference in accuracy that the rows at hand would show as often, with the observed share
            of discordant rows; None if no difference is large enough.
    """

    rows: int | None
    detectable: float | None


@dataclass(frozen=True)
class Difference:
    """A metric of the first classifier minus that of the second.

    Attributes:
        difference: observed difference.
        low: lower end of its 95 % interval; None if too few rows differ.
        high: upper end of its 95 % interval; None if too few rows differ.
        p: two-sided p-value; below 0.05 about when the interval excludes 0; None if too few rows differ.
    """

    difference: float
    low: float | None
    high: float | None
    p: float | None


def mcnemar(correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test; p is 1 for two classifiers that are wrong on the same rows.

    Args:
        correct_a: bool (rows,), whether the first classifier has each row right.
        correct_b: bool (rows,), whether the second has.
    """
    only_a = int((correct_a & ~correct_b).sum())
    only_b = int((correct_b & ~correct_a).sum())
    return McNemar(only_a, only_b, sign_test(only_a, only_b))


def sample_size(only_a: int, only_b: int, rows: int) -> SampleSize:
    """Number of rows needed to distinguish two classifiers that differ as observed.

    Connor, "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43, 1987:
    n = (z(1 - alpha/2) sqrt(psi) + z(power) sqrt(psi - delta^2))^2 / delta^2, with psi the share of discordant rows and
    delta the difference in accuracy. Both are taken as observed, so the result is as uncertain as they are. The exact
    test needs somewhat more rows: with n rows its power is 0.76 to 0.8.

    Args:
        only_a: number of rows that only the first classifier has right.
        only_b: number of rows that only the second classifier has right.
        rows: number of all rows, at least one.
    """
    psi, delta = (only_a + only_b) / rows, abs(only_a - only_b) / rows
    needed = ceil(_rows_needed(psi, delta)) if delta else None
    low, high = 0.0, psi
    if not psi or _rows_needed(psi, high) > rows:
        return SampleSize(needed, None)
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if _rows_needed(psi, middle) <= rows else (middle, high)
    return SampleSize(needed, high)


def _rows_needed(psi: float, delta: float) -> float:
    level, power = NormalDist().inv_cdf(1 - ALPHA / 2), NormalDist().inv_cdf(POWER)
    return ((level * sqrt(psi) + power * sqrt(psi - delta**2)) / delta) ** 2


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact binomial p-value of `wins` against `losses` if both are equally likely; 1 without either.

    Twice the shorter tail, at most 1, summed over logarithms so that no number of rows overflows.
    """
    trials, fewer = wins + losses, min(wins, losses)
    if wins == losses:
        return 1.0
    steps = np.arange(1, fewer + 1)
    log_ways = np.concatenate([[0.0], np.cumsum(np.log(trials - steps + 1) - np.log(steps))])
    return min(1.0, float(2.0 * np.exp(log_ways - trials * np.log(2.0)).sum()))


def paired_bootstrap(
    truth: NDArray[Any],
    predicted_a: NDArray[Any],
    predicted_b: NDArray[Any],
    labels: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """Differences in `accuracy` and `f1_macro`, with percentile intervals and p-values.

    The metrics depend on the rows only through how often each (truth, first, second) occurs, and drawing rows draws
    those counts from a multinomial distribution, so one call makes all resamples. The p-value is the smallest 1 - level
    of an interval that excludes 0 (Efron and Tibshirani, section 15.4); the observed rows count as one draw, so that it
    is never 0. Where the predictions differ on fewer than MIN_DIFFERING rows, but on some, draws of so few rows say
    nothing about others, and there is neither an interval nor a p-value.

    Args:
        truth: label ids (rows,), each from 0 to labels - 1; for multi-label rows bool (rows, labels).
        predicted_a: those of the first classifier, likewise.
        predicted_b: those of the second classifier.
        labels: number of labels.
        resamples: number of draws.
        seed: seed of the draws; the same seed gives the same result.
    """
    outcomes, counts = np.unique(np.stack([truth, predicted_a, predicted_b], 1), axis=0, return_counts=True)
    confusions: Callable[..., Confusion] = _confusions if truth.ndim == 1 else _indicator_counts
    draws = np.random.default_rng(seed).multinomial(len(truth), counts / len(truth), resamples)
    weights = np.concatenate([counts[None], draws])
    scores_a = _scores(confusions(weights, outcomes[:, 0], outcomes[:, 1], labels))
    scores_b = _scores(confusions(weights, outcomes[:, 0], outcomes[:, 2], labels))
    differing = (predicted_a != predicted_b).reshape(len(truth), -1).any(1)
    few = 0 < differing.sum() < MIN_DIFFERING
    return {name: _difference(scores_a[name] - scores_b[name], few=bool(few)) for name in scores_a}


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for several tests: the chance of one false positive among them stays below the level.

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
    """Confusion matrices (draws, labels, labels) of outcomes that occur `weights` (draws, outcomes) times."""
    cell_of = np.zeros((len(truth), labels * labels))
    cell_of[np.arange(len(truth)), truth * labels + predicted] = 1.0
    return (weights @ cell_of).astype(np.int64).reshape(len(weights), labels, labels)


def _indicator_counts(
    weights: NDArray[np.int64], truth: NDArray[np.bool_], predicted: NDArray[np.bool_], labels: int
) -> Counts:
    """The counts of multi-label outcomes that occur `weights` (draws, outcomes) times."""
    columns = np.column_stack((truth & predicted, predicted, truth, (truth == predicted).all(1))).astype(np.float64)
    sums = weights @ columns
    correct, given, support = np.split(sums[:, :-1], 3, axis=1)
    return Counts(correct, given, support, np.ones(correct.shape, np.bool_), sums[:, -1], weights.sum(1))


def _scores(confusions: Confusion) -> dict[str, NDArray[np.float64]]:
    return {"accuracy": accuracy(confusions), "f1_macro": macro(label_scores(confusions)["f1"], confusions)}


def _difference(values: NDArray[np.float64], *, few: bool) -> Difference:
    """From the observed difference (the first value) and that of each draw; of the first alone if rows are few."""
    if few:
        return Difference(float(values[0]), None, None, None)
    beyond = min((1 + (values[1:] <= 0).sum()), (1 + (values[1:] >= 0).sum())) / len(values)
    return Difference(float(values[0]), *percentile_interval(values[1:]), float(min(1.0, 2.0 * beyond)))
