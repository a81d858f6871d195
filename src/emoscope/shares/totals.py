"""Sums of predictions over scored rows and their groups: all that an estimate needs of the rows without a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError
from emoscope.shares.blocks import Texts

Array = NDArray[np.float64]
MAX_GROUPS = 1000
"""Maximum number of groups of one column."""


@dataclass(frozen=True)
class Moments:
    """What the predictions for some rows sum to.

    Attributes:
        rows: number of rows.
        answers: number of rows that are counted as each class, float64 (classes,).
        sums: sums of the probabilities, float64 (classes,).
        squares: sums of their squares, float64 (classes,).
    """

    rows: int
    answers: Array
    sums: Array
    squares: Array

    @property
    def mean(self) -> Array:
        """Mean probability of each class, float64 (classes,)."""
        return np.asarray(self.sums / self.rows)

    @property
    def variance_of_mean(self) -> Array:
        """Variance of that mean if the rows are themselves a random sample, float64 (classes,)."""
        return np.asarray(np.maximum(self.squares / self.rows - self.mean**2, 0) / self.rows)


class Totals:
    """Sums over all rows and over the rows of each group, block by block.

    Attributes:
        names: names of the groupings.
    """

    def __init__(self, classes: int, groupings: Sequence[str] = ()) -> None:
        """Nothing is summed yet.

        Args:
            classes: number of classes.
            groupings: names of the columns of groups.
        """
        self.names = tuple(groupings)
        self._classes = classes
        self._all = np.zeros(1 + 3 * classes)
        self._groups: tuple[dict[str, Array], ...] = tuple({} for _ in groupings)

    def add(self, answers: NDArray[np.int64], predicted: Array, groups: Sequence[Texts] = ()) -> None:
        """Add rows.

        Args:
            answers: index of the class that each row is counted as, int64 (rows,).
            predicted: probability of each class, float64 (rows, classes).
            groups: the group of each row, one for each grouping; a code below 0 is in no group.

        Raises:
            DataError: there are more than MAX_GROUPS groups.
        """
        values = np.column_stack(
            [np.ones(len(answers)), np.eye(self._classes)[answers], predicted, np.square(predicted)]
        )
        self._all += values.sum(0)
        for name, sums, column in zip(self.names, self._groups, groups, strict=True):
            known = column.codes >= 0
            codes, size = column.codes[known], len(column.values)
            added = np.column_stack([np.bincount(codes, part, size) for part in values[known].T])
            for group, row in zip(column.values, added, strict=True):
                if row[0]:
                    sums[group] = sums.get(group, 0.0) + row
            if len(sums) > MAX_GROUPS:
                raise DataError(
                    f"{name!r} has more than {MAX_GROUPS:,} values; name a column of groups, or longer periods"
                )

    @property
    def overall(self) -> Moments:
        """The sums over all rows."""
        return self._moments(self._all)

    def groups(self, grouping: int) -> dict[str, Moments]:
        """The sums of each group of a grouping, by its name, in order."""
        return {name: self._moments(sums) for name, sums in sorted(self._groups[grouping].items())}

    def _moments(self, sums: Array) -> Moments:
        return Moments(round(sums[0]), *np.split(sums[1:], 3))
