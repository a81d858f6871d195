"""Which scored rows to label: a stratified sample in which doubtful rows are drawn more often.

Strata are the predicted label and the score, and each gets labels in proportion to its size and to the anticipated
spread of the predictions' errors in it (Neyman, "On the two different aspects of the representative method", Journal of
the Royal Statistical Society 97, 1934). The probability of each row is known, so nothing has to be true about the
scores for the estimate to be unbiased; good scores only make its interval narrower.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emoscope.errors import DataError

SCORE_BOUNDS = (0.6, 0.9)
"""Scores that separate the strata of a predicted label."""
MAX_TRUSTED_SCORE = 0.8
"""Highest score that is believed: on other texts than those of the training, models are less often right."""
MIN_PER_STRATUM = 5
"""Fewest rows that are drawn from a stratum that has as many."""


@dataclass(frozen=True)
class SamplingPlan:
    """How many rows are drawn from each stratum.

    Attributes:
        strata: index of the stratum of each row, int64 (rows,).
        rows: number of rows of each stratum, int64 (strata,).
        drawn: number of rows to draw from each, int64 (strata,).
        half_width: anticipated half width of the widest 95 % interval of a share.
    """

    strata: NDArray[np.int64]
    rows: NDArray[np.int64]
    drawn: NDArray[np.int64]
    half_width: float

    @property
    def size(self) -> int:
        """Number of rows to draw."""
        return int(self.drawn.sum())

    @property
    def probability(self) -> NDArray[np.float64]:
        """Probability of each row to be drawn, by stratum, float64 (strata,)."""
        return np.asarray(self.drawn / self.rows)


def plan_sample(answers: ArrayLike, scores: ArrayLike, size: int) -> SamplingPlan:
    """Divide `size` labels among strata by predicted label and score.

    Args:
        answers: predicted class of each row, int (rows,).
        scores: its probability, float (rows,), from 0 to 1.
        size: number of rows to draw.

    Raises:
        DataError: there are fewer rows than `size`, or `size` is too small for the strata.
    """
    return _plan(*_strata(np.asarray(answers, np.int64), np.asarray(scores, np.float64)), size)


def labels_needed(answers: ArrayLike, scores: ArrayLike, half_width: float) -> int:
    """Smallest number of labels with which the widest interval is anticipated to be at most plus or minus `half_width`.

    Args:
        answers: predicted class of each row, int (rows,).
        scores: its probability, float (rows,).
        half_width: half the width of a 95 % interval of a share, such as 0.03.

    Raises:
        DataError: as for `plan_sample`.
    """
    strata, errors = _strata(np.asarray(answers, np.int64), np.asarray(scores, np.float64))
    low, high = _fewest(np.bincount(strata)), len(strata)
    while low < high:
        middle = (low + high) // 2
        if _plan(strata, errors, middle).half_width <= half_width:
            high = middle
        else:
            low = middle + 1
    return low


def draw_rows(plan: SamplingPlan, seed: int = 0) -> NDArray[np.int64]:
    """Indices of the rows to label, int64 (size,), in random order; the same seed draws the same rows."""
    rng = np.random.default_rng(seed)
    order = np.argsort(plan.strata, kind="stable")
    starts = np.concatenate(([0], np.cumsum(plan.rows)[:-1]))
    chosen = [
        rng.choice(order[start : start + rows], count, replace=False)
        for start, rows, count in zip(starts, plan.rows, plan.drawn, strict=True)
    ]
    return np.asarray(rng.permutation(np.concatenate(chosen)), np.int64)


def _strata(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The stratum of each row, and the anticipated error variance of each class in each stratum."""
    if not len(labels):
        raise DataError("there are no scored rows to draw from")
    trusted = np.clip(scores, 0, MAX_TRUSTED_SCORE)
    classes = max(int(labels.max()) + 1, 2)
    keys = labels * (len(SCORE_BOUNDS) + 1) + np.digitize(scores, SCORE_BOUNDS)
    found, strata = np.unique(keys, return_inverse=True)
    strata = strata.reshape(-1).astype(np.int64)
    rows = np.bincount(strata)
    hit = np.bincount(strata, trusted * (1 - trusted)) / rows
    other = (1 - trusted) / (classes - 1)
    errors = np.repeat((np.bincount(strata, other * (1 - other)) / rows)[:, None], classes, axis=1)
    errors[np.arange(len(rows)), found // (len(SCORE_BOUNDS) + 1)] = hit
    return strata, errors


def _fewest(rows: NDArray[np.int64]) -> int:
    return int(np.minimum(rows, MIN_PER_STRATUM).sum())


def _plan(strata: NDArray[np.int64], errors: NDArray[np.float64], size: int) -> SamplingPlan:
    rows = np.bincount(strata)
    if not _fewest(rows) <= size <= len(strata):
        raise DataError(f"{size} labels; allowed: {_fewest(rows)} to {len(strata)}, with {len(rows)} strata")
    spread = np.sqrt(errors.sum(1))
    floor, wished = np.minimum(rows, MIN_PER_STRATUM), rows * spread
    low, high = 0.0, float(len(strata) / wished[wished > 0].min())
    for _ in range(100):  # the factor with which the bounded counts sum to the size
        factor = (low + high) / 2
        low, high = (factor, high) if np.clip(factor * wished, floor, rows).sum() < size else (low, factor)
    exact = np.clip(high * wished, floor, rows)
    drawn = np.floor(exact).astype(np.int64)
    for stratum in np.argsort(drawn - exact, kind="stable"):
        drawn[stratum] += bool(drawn.sum() < size and drawn[stratum] < rows[stratum])
    weights = (rows / len(strata)) ** 2 * (1 - drawn / rows) / drawn
    widest = float((weights[:, None] * errors).sum(0).max())
    return SamplingPlan(strata, rows, drawn, NormalDist().inv_cdf(0.975) * sqrt(widest))
