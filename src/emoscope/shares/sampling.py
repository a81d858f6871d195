"""Which scored rows to label: a stratified sample in which doubtful rows are drawn more often.

Strata are the predicted label and the score, within each group of rows. Groups get equal numbers of labels, so that
their shares are about equally certain. Within a group a stratum gets labels in proportion to its size and to the
anticipated spread of the predictions' errors in it (Neyman, "On the two different aspects of the
representative method", Journal of the Royal Statistical Society 97, 1934). The probability of each row is known, so
nothing has to be true about the scores for the estimate to be unbiased; good scores only make its interval narrower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emoscope.errors import DataError
from emoscope.shares.blocks import Texts

Array = NDArray[np.float64]

SCORE_BOUNDS = (0.6, 0.9)
"""Scores that separate the strata of a predicted label."""
MAX_TRUSTED_SCORE = 0.7
"""Highest score that is believed: on other texts than those of the training, models are less often right. With a higher
one, the intervals of poor models are wider than without predictions."""
MIN_PER_STRATUM = 2
"""Fewest rows that are drawn from a stratum that has as many; more would take labels from the large strata."""
WIDER = 0.1
"""How much wider intervals may be so that strata are fine; only fine ones ensure labels of each predicted class."""
MIN_SPREAD = 1e-3
"""Lowest anticipated standard deviation of the errors of a stratum."""


@dataclass(frozen=True)
class Allocation:
    """How many rows are drawn from each stratum.

    Attributes:
        rows: number of rows of each stratum, int64 (strata,).
        drawn: number of rows to draw from each, int64 (strata,).
        half_width: anticipated half width of the widest 95 % interval of a share; with groups, of a share in a group.
        of_finest: index of the stratum of which each of the finest strata is a part, int64 (finest strata,).
    """

    rows: NDArray[np.int64]
    drawn: NDArray[np.int64]
    half_width: float
    of_finest: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Number of rows to draw."""
        return int(self.drawn.sum())

    @property
    def probability(self) -> NDArray[np.float64]:
        """Probability of each row to be drawn, by stratum, float64 (strata,)."""
        return np.asarray(self.drawn / self.rows)


@dataclass(frozen=True)
class SamplingPlan(Allocation):
    """How many rows are drawn from each stratum, and the stratum of each row.

    Attributes:
        strata: index of the stratum of each row, int64 (rows,).
    """

    strata: NDArray[np.int64]


class Stratum(NamedTuple):
    """What the rows of a stratum have in common.

    Attributes:
        groups: their group in each grouping.
        answer: their predicted class.
        step: index of the range of their scores.
    """

    groups: tuple[str, ...]
    answer: str
    step: int


_LEVELS: tuple[Callable[[Stratum], Stratum], ...] = (
    lambda stratum: stratum,
    lambda stratum: stratum._replace(answer=""),
    lambda stratum: stratum._replace(answer="", step=0),
)
"""What a stratum is a part of, from fine to coarse."""


class Strata:
    """The strata of scored rows and their sums, block by block."""

    def __init__(self) -> None:
        """No rows are counted yet."""
        self._indices: dict[Stratum, int] = {}
        self._sums = np.zeros((0, 3))  # rows, spread of the error in the predicted class, score

    def add(self, answers: Texts, scores: Array, groups: Sequence[Texts] = ()) -> NDArray[np.int64]:
        """Count rows.

        Args:
            answers: their predicted classes.
            scores: the probability of each, float64 (rows,), from 0 to 1.
            groups: their groups, one column for each grouping.

        Returns:
            A number of the stratum of each row, int64 (rows,); `order` maps it to the index of the stratum.
        """
        numbers = self.of(answers, scores, groups)
        trusted = np.clip(scores, 0, MAX_TRUSTED_SCORE)
        parts = (np.ones_like(trusted), trusted * (1 - trusted), trusted)
        self._sums = np.pad(self._sums, ((0, len(self._indices) - len(self._sums)), (0, 0)))
        self._sums += np.column_stack([np.bincount(numbers, part, len(self._sums)) for part in parts])
        return numbers

    def of(self, answers: Texts, scores: Array, groups: Sequence[Texts] = ()) -> NDArray[np.int64]:
        """The number of the stratum of each row without counting it, int64 (rows,)."""
        columns = (*groups, answers)
        keys = np.zeros(len(scores), np.int64)
        for column in columns:
            keys = keys * len(column.values) + column.codes
        steps = len(SCORE_BOUNDS) + 1
        found, inverse = np.unique(keys * steps + np.digitize(scores, SCORE_BOUNDS), return_inverse=True)
        sizes = [*(len(column.values) for column in columns), steps]
        codes = np.stack(np.unravel_index(found, sizes), 1).tolist() if len(found) else []
        numbers = []
        for *chosen, step in codes:
            names = [column.values[code] for column, code in zip(columns, chosen, strict=True)]
            stratum = Stratum(tuple(names[:-1]), names[-1], step)
            numbers.append(self._indices.setdefault(stratum, len(self._indices)))
        return np.asarray(np.array(numbers, np.int64)[inverse.reshape(-1)])

    @property
    def order(self) -> NDArray[np.int64]:
        """Index of the stratum with each number, int64 (strata,): by group, predicted class and score."""
        numbers = [self._indices[stratum] for stratum in sorted(self._indices)]
        return np.asarray(np.argsort(numbers))

    def sums(self) -> StratumSums:
        """The sums of the strata, in order.

        Raises:
            DataError: there are no rows.
        """
        if not self._indices:
            raise DataError("there are no scored rows to draw from")
        strata = sorted(self._indices)
        rows, hit, score = self._sums[[self._indices[stratum] for stratum in strata]].T
        answers = sorted({stratum.answer for stratum in strata})
        other = (1 - score / rows) / (max(len(answers), 2) - 1)
        errors = np.repeat((other * (1 - other))[:, None], len(answers), axis=1)
        errors[np.arange(len(strata)), [answers.index(stratum.answer) for stratum in strata]] = hit / rows
        return StratumSums(tuple(strata), rows.astype(np.int64), errors)


@dataclass(frozen=True)
class StratumSums:
    """The strata of scored rows.

    Attributes:
        strata: what the rows of each have in common.
        rows: number of rows of each, int64 (strata,).
        errors: anticipated error variance of each predicted class in each stratum, float64 (strata, classes).
    """

    strata: tuple[Stratum, ...]
    rows: NDArray[np.int64]
    errors: Array

    @property
    def floor(self) -> NDArray[np.int64]:
        """Fewest rows that are drawn from each stratum, int64 (strata,)."""
        return np.asarray(np.minimum(self.rows, MIN_PER_STRATUM))

    @property
    def fewest(self) -> int:
        """Fewest labels that can be drawn."""
        return int(self.coarser(len(_LEVELS) - 1)[0].floor.sum())

    def coarser(self, level: int) -> tuple[StratumSums, NDArray[np.int64]]:
        """Strata of a level, from 0 for these to those of whole groups, and the index of each of these in them."""
        keys = [_LEVELS[level](stratum) for stratum in self.strata]
        strata = sorted(set(keys))
        of_finest = np.array([strata.index(key) for key in keys], np.int64)
        rows = np.bincount(of_finest, self.rows)
        errors = np.stack([np.bincount(of_finest, self.rows * column) for column in self.errors.T], 1) / rows[:, None]
        return StratumSums(tuple(strata), rows.astype(np.int64), errors), of_finest

    def allocation(self, size: int) -> Allocation:
        """Divide `size` labels equally among groups, and then among strata.

        If there are too many strata for so few labels, coarser ones take their place: without the predicted class, or
        whole groups. The finest ones are taken whose widest interval is at most WIDER wider than that of others.

        Raises:
            DataError: there are fewer rows than `size`, or `size` is too small for the groups.
        """
        if not self.fewest <= size <= self.rows.sum():
            hint = "; name fewer groups, or longer periods" if size < self.fewest and self.strata[0].groups else ""
            raise DataError(f"{size} labels; allowed: {self.fewest} to {self.rows.sum()}{hint}")
        levels = [self.coarser(level) for level in range(len(_LEVELS))]
        allocations = [strata._divided(size, of_finest) for strata, of_finest in levels if strata.floor.sum() <= size]
        narrowest = min(allocation.half_width for allocation in allocations)
        return next(allocation for allocation in allocations if allocation.half_width <= (1 + WIDER) * narrowest)

    def _divided(self, size: int, of_finest: NDArray[np.int64]) -> Allocation:
        cells = np.unique([" ".join(map(repr, stratum.groups)) for stratum in self.strata], return_inverse=True)[1]
        floors, rows = np.bincount(cells, self.floor), np.bincount(cells, self.rows)
        wished = self.rows * np.maximum(np.sqrt(self.errors.sum(1)), MIN_SPREAD)
        drawn = np.zeros(len(self.rows), np.int64)
        for cell, count in enumerate(_divided(size, np.ones(len(rows)), floors, rows)):
            part = cells == cell
            drawn[part] = _divided(int(count), wished[part], self.floor[part], self.rows[part])
        return Allocation(self.rows, drawn, NormalDist().inv_cdf(0.975) * sqrt(self._widest(drawn)), of_finest)

    def labels_needed(self, half_width: float) -> int:
        """Smallest number of labels with which the widest interval is anticipated to be within this half width."""
        low, high = self.fewest, int(self.rows.sum())
        while low < high:
            middle = (low + high) // 2
            if self.allocation(middle).half_width <= half_width:
                high = middle
            else:
                low = middle + 1
        return low

    def drawn_by_group(self, allocation: Allocation, grouping: int) -> Mapping[str, int]:
        """Number of labels in each group of a grouping."""
        groups = {
            index: stratum.groups[grouping]
            for index, stratum in zip(allocation.of_finest.tolist(), self.strata, strict=True)
        }
        counts: dict[str, int] = {}
        for index, count in enumerate(allocation.drawn.tolist()):
            counts[groups[index]] = counts.get(groups[index], 0) + count
        return counts

    def _widest(self, drawn: NDArray[np.int64]) -> float:
        """The highest anticipated variance of a share; with groups, of a share in a group of any grouping."""
        highest = 0.0
        for names in list(zip(*(stratum.groups for stratum in self.strata), strict=True)) or [("",) * len(drawn)]:
            groups = np.unique(names, return_inverse=True)[1]
            within = self.rows / np.bincount(groups, self.rows)[groups]
            variances = (within**2 * (1 - drawn / self.rows) / drawn)[:, None] * self.errors
            highest = max(highest, *(float(np.bincount(groups, column).max()) for column in variances.T))
        return highest


def plan_sample(answers: ArrayLike, scores: ArrayLike, size: int, groups: ArrayLike | None = None) -> SamplingPlan:
    """Divide `size` labels among strata by predicted label and score, within groups that get equal numbers.

    Args:
        answers: predicted class of each row, int (rows,).
        scores: its probability, float (rows,), from 0 to 1.
        size: number of rows to draw.
        groups: the group of each row, (rows,); None for no groups.

    Raises:
        DataError: there are fewer rows than `size`, or `size` is too small for the strata.
    """
    strata, numbers = _counted(answers, scores, groups)
    allocation = strata.sums().allocation(size)
    rows = allocation.of_finest[strata.order[numbers]]
    return SamplingPlan(allocation.rows, allocation.drawn, allocation.half_width, allocation.of_finest, rows)


def labels_needed(answers: ArrayLike, scores: ArrayLike, half_width: float, groups: ArrayLike | None = None) -> int:
    """Smallest number of labels with which the widest interval is anticipated to be at most plus or minus `half_width`.

    Args:
        answers: predicted class of each row, int (rows,).
        scores: its probability, float (rows,).
        half_width: half the width of a 95 % interval of a share, such as 0.03.
        groups: the group of each row, (rows,); None for no groups.

    Raises:
        DataError: as for `plan_sample`.
    """
    return _counted(answers, scores, groups)[0].sums().labels_needed(half_width)


def draw_rows(plan: SamplingPlan, seed: int = 0) -> NDArray[np.int64]:
    """Indices of the rows to label, int64 (size,), in random order; the same seed draws the same rows."""
    order = np.argsort(plan.strata, kind="stable")
    starts = np.concatenate(([0], np.cumsum(plan.rows)[:-1]))
    strata, ordinals = draw_ordinals(plan, seed)
    return np.asarray(order[starts[strata] + ordinals])


def draw_ordinals(allocation: Allocation, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows to label in random order: index of the stratum of each, and the place among its rows, from 0."""
    rng = np.random.default_rng(seed)
    ordinals = np.concatenate(
        [
            rng.choice(rows, count, replace=False)
            for rows, count in zip(allocation.rows.tolist(), allocation.drawn.tolist(), strict=True)
        ]
    )
    order = rng.permutation(len(ordinals))
    strata = np.repeat(np.arange(len(allocation.rows)), allocation.drawn)
    return strata[order], ordinals[order]


def _counted(answers: ArrayLike, scores: ArrayLike, groups: ArrayLike | None) -> tuple[Strata, NDArray[np.int64]]:
    """The strata of rows in arrays, and the number of the stratum of each row."""
    labels, certain = np.asarray(answers, np.int64), np.asarray(scores, np.float64)
    columns = [] if groups is None else [Texts.of([str(name) for name in np.asarray(groups).tolist()])]
    strata = Strata()
    width = len(str(labels.max())) if len(labels) else 1
    return strata, strata.add(Texts.of([f"{label:0{width}}" for label in labels.tolist()]), certain, columns)


def _divided(size: int, wished: Array, floor: NDArray[Any], most: NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers from `floor` to `most` that sum to `size` and are as proportional to `wished` as can be."""
    low, high = 0.0, float(most.sum() / wished[wished > 0].min())
    for _ in range(100):  # the factor with which the bounded numbers sum to the size
        factor = (low + high) / 2
        low, high = (factor, high) if np.clip(factor * wished, floor, most).sum() < size else (low, factor)
    exact = np.clip(high * wished, floor, most)
    drawn = np.floor(exact + 1e-9).astype(np.int64)
    for part in np.argsort(drawn - exact, kind="stable"):
        drawn[part] += bool(drawn.sum() < size and drawn[part] < most[part])
    return np.asarray(drawn)
