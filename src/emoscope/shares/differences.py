"""Differences between the shares of groups, or of one period and the next, with tests.

The rows count as a sample of what might have been written: two months with the same customers differ somewhat by
chance, and such a difference is not significant, however well it is known.

The interval is built from those of both shares (MOVER: Newcombe, "Interval estimation for the difference between
independent proportions", Statistics in Medicine 17, 1998, method 10), with their correlation (Zou, "Toward using
confidence intervals to compare correlations", Psychological Methods 12, 2007), so it holds for small shares as they do.
The p-value is the smallest 1 - level of an interval that excludes 0. The p-values of one grouping are adjusted together
(Holm, Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import NamedTuple

import numpy as np

from emoscope.evaluation.intervals import Interval
from emoscope.evaluation.significance import holm
from emoscope.shares.intervals import share_interval
from emoscope.shares.power_tuning import Design, TunedMean

MIN_P = 1e-9
"""Smallest p-value that is computed; smaller ones are reported as this."""


@dataclass(frozen=True)
class ShareDifference:
    """The share of a class in one group minus that in another.

    Attributes:
        by: name of the grouping.
        label: name of the class.
        first: name of the first group.
        second: name of the group whose share is subtracted.
        difference: the difference, from -1 to 1.
        interval: its confidence interval.
        p: two-sided p-value of no difference.
        p_adjusted: the p-value, adjusted for all differences of the grouping.
    """

    by: str
    label: str
    first: str
    second: str
    difference: float
    interval: Interval
    p: float
    p_adjusted: float


class Compared(NamedTuple):
    """A group whose shares are compared.

    Attributes:
        name: name of the group.
        mean: its shares.
        labels: number of its labels.
    """

    name: str
    mean: TunedMean
    labels: int


def differences(
    by: str, pairs: Sequence[tuple[Compared, Compared]], design: Design, classes: Sequence[str], level: float
) -> list[ShareDifference]:
    """The differences between the groups of each pair, the second one minus the first.

    Args:
        by: name of the grouping.
        pairs: groups that are compared.
        design: how the labelled rows were drawn, with the scored rows as a sample.
        classes: names of the classes.
        level: confidence level of the intervals.
    """
    found = []
    for before, after in pairs:
        for index, label in enumerate(classes):
            ends = _Ends.of(after, before, design, index)
            found.append(
                ShareDifference(by, label, after.name, before.name, ends.difference, ends.interval(level), ends.p(), 1)
            )
    adjusted = holm([difference.p for difference in found])
    return [replace(difference, p_adjusted=p) for difference, p in zip(found, adjusted, strict=True)]


class _Part(NamedTuple):
    """A share, its variance and degrees of freedom, and the number of labels behind it."""

    share: float
    variance: float
    degrees: float
    labels: int

    @classmethod
    def of(cls, group: Compared, design: Design, index: int) -> _Part:
        variance = design.variance(group.mean)
        share = float(np.clip(group.mean.mean[index], 0, 1))
        return cls(share, float(variance.value[index]), float(variance.degrees[index]), group.labels)

    def interval(self, level: float) -> Interval:
        return share_interval(self.share, self.variance, self.labels, self.degrees, level)


class _Ends(NamedTuple):
    """Two shares and their correlation."""

    first: _Part
    second: _Part
    correlation: float

    @classmethod
    def of(cls, first: Compared, second: Compared, design: Design, index: int) -> _Ends:
        one, other = _Part.of(first, design, index), _Part.of(second, design, index)
        variance = float(design.variance(first.mean - second.mean).value[index])
        scale = 2 * sqrt(one.variance * other.variance)
        correlation = (one.variance + other.variance - variance) / scale if scale > 0 else 0.0
        return cls(one, other, float(np.clip(correlation, -1, 1)))

    @property
    def difference(self) -> float:
        return self.first.share - self.second.share

    def interval(self, level: float) -> Interval:
        one, other = self.first.interval(level), self.second.interval(level)
        below = self._arm(self.first.share - one.low, other.high - self.second.share)
        above = self._arm(one.high - self.first.share, self.second.share - other.low)
        return Interval(max(-1.0, self.difference - below), min(1.0, self.difference + above))

    def _arm(self, one: float, other: float) -> float:
        return sqrt(max(one**2 + other**2 - 2 * self.correlation * one * other, 0.0))

    def p(self) -> float:
        """The smallest 1 - level of an interval that excludes 0, by bisection."""
        low, high = MIN_P, 1.0
        for _ in range(40):
            middle = sqrt(low * high)
            interval = self.interval(1 - middle)
            low, high = (low, middle) if interval.low > 0 or interval.high < 0 else (middle, high)
        return high
