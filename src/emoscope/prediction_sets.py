"""Sets of labels that hold the truth as often as asked: split conformal prediction, class-conditional.

A label is in the set of a text if its probability is at least what all but a share of the label's own held-out rows
reach. The score is 1 - p(label), the quantile is one of each label: the least ambiguous sets of Sadinle, Lei and
Wasserman ("Least Ambiguous Set-Valued Classifiers With Bounded Error Levels", JASA 114, 2019), conformal by label
(Vovk, "Conditional Validity of Inductive Conformal Predictors", ACML 2012). If held-out rows and new ones are drawn
alike, the set of a row whose truth is a label holds it with the probability asked, for each label by itself.

A set may be empty. A model that is right more often than asked can keep its promise only by leaving labels out: the
text is typical of none at this level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-9
"""By how much a coverage in percent may be off: 100 * 0.57 is more than 57."""


@dataclass(frozen=True)
class PredictionSets:
    """The least probability with which each label is in the set, for each coverage.

    Attributes:
        thresholds: coverage in percent -> one number for each label, in index order.
    """

    thresholds: Mapping[int, tuple[float, ...]]

    def at(self, coverage: float) -> tuple[float, ...]:
        """Thresholds of a coverage, in index order; between two that are stored, of the higher.

        Raises:
            ValueError: the coverage is below or above those that are stored.
        """
        low, high = min(self.thresholds), max(self.thresholds)
        if not low - ROUNDING <= 100 * coverage <= high + ROUNDING:
            raise ValueError(f"coverage must be from {low / 100} to {high / 100}, got {coverage!r}")
        return self.thresholds[min(percent for percent in self.thresholds if percent >= 100 * coverage - ROUNDING)]

    def sets(self, probabilities: NDArray[Any], coverage: float) -> NDArray[np.bool_]:
        """Which labels are in the set of each row.

        Args:
            probabilities: (rows, labels).
            coverage: share of rows whose set holds the truth.

        Returns:
            bool (rows, labels); a row may be all false.

        Raises:
            ValueError: the coverage is below or above those that are stored.
        """
        sets: NDArray[np.bool_] = probabilities >= np.array(self.at(coverage))
        return sets
