"""How far several labellers agree: Cohen's kappa of each pair, and Krippendorff's alpha of all, with intervals.

Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960;
Krippendorff, "Computing Krippendorff's alpha-reliability", 2011, for nominal data with missing labels. Rows that were
drawn with a small probability count for more, so both describe all rows and not only the sample. The intervals are
those of a bootstrap over the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from emoscope.evaluation.intervals import RESAMPLES, Interval, percentile_interval

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of agreement: 1 for full agreement, 0 for that of chance.

    Attributes:
        value: the coefficient; None if it is not defined, because all labels are alike.
        interval: its 95 % interval; None likewise.
    """

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Agreement:
    """How far labellers agree.

    Attributes:
        labellers: number of labellers.
        rows: number of rows with two labels or more.
        agreed: share of the pairs of labels of a row that are equal; None without such rows.
        kappa: Cohen's kappa of each pair of labellers, in the order 1 and 2, 1 and 3, ..., 2 and 3, ...
        alpha: Krippendorff's alpha.
    """

    labellers: int
    rows: int
    agreed: float | None
    kappa: tuple[Coefficient, ...]
    alpha: Coefficient


def agreement(choices: NDArray[np.int64], classes: int, weights: Array, *, seed: int = 0) -> Agreement:
    """The agreement of labellers.

    Args:
        choices: class that each labeller chose for each row, int64 (rows, labellers), -1 for none.
        classes: number of classes.
        weights: inverse of the probability with which each row was drawn, float64 (rows,).
        seed: seed of the bootstrap.
    """
    given = (choices >= 0).sum(1)
    rows = given > 1
    tables = _coincidences(choices[rows], classes)
    scaled = weights[rows] / weights[rows].mean() if rows.any() else weights[rows]
    total = (scaled[:, None, None] * tables).sum(0)
    kappa = []
    for one, other in combinations(range(choices.shape[1]), 2):
        both = (choices[:, [one, other]] >= 0).all(1)
        pairs = np.eye(classes)[choices[both, one]][:, :, None] * np.eye(classes)[choices[both, other]][:, None]
        kappa.append(_coefficient(pairs, weights[both], _kappa, seed))
    agreed = float(np.trace(total) / total.sum()) if rows.any() else None
    return Agreement(
        choices.shape[1], int(rows.sum()), agreed, tuple(kappa), _coefficient(tables, scaled, _alpha, seed)
    )


def _coincidences(choices: NDArray[np.int64], classes: int) -> Array:
    """The coincidence matrix of each row, float64 (rows, classes, classes)."""
    given = choices >= 0
    counts = (np.eye(classes)[choices] * given[:, :, None]).sum(1)
    pairs = counts[:, :, None] * counts[:, None] - counts[:, :, None] * np.eye(classes)
    return np.asarray(pairs / np.maximum(given.sum(1) - 1, 1)[:, None, None])


def _coefficient(tables: Array, weights: Array, statistic: Callable[[Array], Array], seed: int) -> Coefficient:
    """A coefficient of the weighted sum of the tables (rows, classes, classes), and its interval."""
    rows, classes = tables.shape[:2]
    if not rows:
        return Coefficient(None, None)
    flat = (weights[:, None, None] * tables).reshape(rows, -1)
    value = float(statistic(flat.sum(0).reshape(1, classes, classes))[0])
    draws = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), RESAMPLES).astype(np.float64)
    resampled = statistic((draws @ flat).reshape(-1, classes, classes))
    defined = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not len(defined):
        return Coefficient(None, None)
    return Coefficient(value, percentile_interval(defined))


def _kappa(tables: Array) -> Array:
    """Cohen's kappa of each table (tables, classes, classes)."""
    totals = tables.sum((1, 2))
    observed = np.trace(tables, axis1=1, axis2=2) / totals
    chance = (tables.sum(1) * tables.sum(2)).sum(1) / totals**2
    return _beyond_chance(1 - observed, 1 - chance)


def _alpha(tables: Array) -> Array:
    """Krippendorff's alpha of each matrix of coincidences (matrices, classes, classes)."""
    counts = tables.sum(2)
    totals = counts.sum(1)
    disagreed = 1 - np.trace(tables, axis1=1, axis2=2) / totals
    chance = 1 - (counts * (counts - 1)).sum(1) / np.maximum(totals * (totals - 1), np.finfo(float).tiny)
    return _beyond_chance(disagreed, chance)


def _beyond_chance(disagreed: Array, chance: Array) -> Array:
    """One minus the ratio of the disagreement to that of chance; NaN where chance cannot disagree."""
    ratio = np.divide(disagreed, chance, out=np.full(len(chance), np.nan), where=chance > 1e-12)
    return np.asarray(1 - ratio)
