"""Prediction sets: sets of labels that contain the true label with a chosen probability, by conformal prediction.

The sets are split conformal and class-conditional. A label is in the set of a text if its probability reaches the
threshold of that label, a quantile over held-out rows of the label. These are the least ambiguous sets of Sadinle, Lei
and Wasserman ("Least Ambiguous Set-Valued Classifiers With Bounded Error Levels", JASA 114, 2019), with the score
1 - p(label), made conformal for each label (Vovk, "Conditional Validity of Inductive Conformal Predictors", ACML 2012).
If new rows are drawn like the held-out ones, then for each label the sets of its rows contain it with the coverage.

A set may be empty: if the model is right more often than the coverage, it can only keep the coverage by leaving labels
out. The text is then typical of no label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-9
"""Tolerance for a coverage in percent: 100 * 0.57 is more than 57."""


@dataclass(frozen=True)
class PredictionSets:
    """The lowest probability with which each label is in the set, for each coverage.

    Attributes:
        thresholds: coverage in percent -> one number for each label, in index order.
    """

    thresholds: Mapping[int, tuple[float, ...]]

    def at(self, coverage: float) -> tuple[float, ...]:
        """Thresholds of a coverage, in index order; between two stored coverages, those of the higher one.

        Raises:
            ValueError: the coverage is outside the stored ones.
        """
        low, high = min(self.thresholds), max(self.thresholds)
        if not low - ROUNDING <= 100 * coverage <= high + ROUNDING:
            raise ValueError(f"coverage must be from {low / 100} to {high / 100}, got {coverage!r}")
        return self.thresholds[min(percent for percent in self.thresholds if percent >= 100 * coverage - ROUNDING)]

    def sets(self, probabilities: NDArray[Any], coverage: float) -> NDArray[np.bool_]:
        """Labels in the set of each row.

        Args:
            probabilities: (rows, labels).
            coverage: share of rows whose set contains the true label.

        Returns:
            bool (rows, labels); a row may be all false.

        Raises:
            ValueError: the coverage is outside the stored ones.
        """
        sets: NDArray[np.bool_] = probabilities >= np.array(self.at(coverage))
        return sets
