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

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError

PERCENTS = range(50, 100)
"""Coverages that thresholds are fitted for, in percent."""
DIGITS = 6
"""Of a threshold that is written."""
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


def fit_prediction_sets(
    probabilities: NDArray[Any], label_ids: NDArray[np.int64], labels: tuple[str, ...]
) -> PredictionSets:
    """Thresholds from rows that the model was not fitted on.

    Of n rows of a label, sorted by their probability of it, the threshold is that of the j-th lowest with
    j = floor((n + 1)(1 - coverage)): the coverage of new rows is then (n + 1 - j) / (n + 1) in the mean over such
    fits. With j = 0 the rows are too few to leave the label out of any set: the threshold is 0.

    Args:
        probabilities: (rows, labels).
        label_ids: (rows,) the true labels.
        labels: their names, for the error.

    Raises:
        DataError: a label has no row.
    """
    if missing := [name for label, name in enumerate(labels) if label not in label_ids]:
        raise DataError(f"no row has the label {', '.join(missing)}; label sets need held-out rows of every label")
    return PredictionSets({percent: thresholds_of(probabilities, label_ids, percent) for percent in PERCENTS})


def thresholds_of(probabilities: NDArray[Any], label_ids: NDArray[np.int64], percent: int) -> tuple[float, ...]:
    """Thresholds of one coverage, as `fit_prediction_sets` has them; 0 of a label without rows."""
    own = (probabilities[label_ids == label, label] for label in range(probabilities.shape[1]))
    return tuple(_threshold(np.sort(scores.astype(np.float64)), percent) for scores in own)


def _threshold(scores: NDArray[np.float64], percent: int) -> float:
    """The j-th lowest score, rounded down so that its own row is in."""
    rank = _rank(len(scores), percent)
    return math.floor(scores[rank - 1] * 10**DIGITS) / 10**DIGITS if rank else 0.0


def _rank(rows: int, percent: int) -> int:
    """The j of `fit_prediction_sets`."""
    return (rows + 1) * (100 - percent) // 100


def rows_needed(percent: int) -> int:
    """Fewest held-out rows with which a label can be left out of a set: those that make its j 1."""
    return math.ceil(100 / (100 - percent)) - 1


def coverage_spread(rows: int, percent: int) -> float:
    """Standard deviation of the coverage of a label that its held-out rows leave open.

    Over draws of n held-out rows the coverage has the distribution Beta(n + 1 - j, j), with j as when fitted
    (Vovk 2012, proposition 2a); 0 where j is 0, as the label is then always in.
    """
    out = _rank(rows, percent)
    return math.sqrt(out * (rows + 1 - out) / (rows + 2)) / (rows + 1)
