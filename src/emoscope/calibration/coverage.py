"""Quality of prediction sets: coverage and size on held-out rows, and what theory says of the coverage.

Arrays in, numbers out; knows no text and no model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.calibration.fit import conformal_thresholds, rank_of_threshold


def rows_needed(percent: int) -> int:
    """Fewest held-out rows of a label with which it can be left out of a prediction set of this coverage."""
    return math.ceil(100 / (100 - percent)) - 1


def coverage_spread(rows: int, percent: int) -> float:
    """Standard deviation of a label's true coverage, over draws of its held-out rows; 0 if it is in every set.

    The coverage has the distribution Beta(n + 1 - j, j), with n and j as in `conformal_thresholds` (Vovk, "Conditional
    Validity of Inductive Conformal Predictors", ACML 2012, proposition 2a).

    Args:
        rows: held-out rows of the label.
        percent: coverage in percent.
    """
    rank = rank_of_threshold(rows, percent)
    return math.sqrt(rank * (rows + 1 - rank) / (rows + 2)) / (rows + 1)


def set_quality(sets: NDArray[np.bool_], label_ids: NDArray[np.int64]) -> dict[str, Any]:
    """Coverage and size of prediction sets.

    Args:
        sets: bool (rows, labels), true where a label is in the set of a row.
        label_ids: int64 (rows,), the true labels.

    Returns:
        - `coverage`: share of rows whose set contains the true label
        - `size`: mean number of labels in a set
        - `empty`, `multiple`: shares of rows whose set has no label, or more than one
        - `singleton_accuracy`: share of the sets with one label that contain the true label; NaN without such a set
        - `label_coverage`: (labels,), coverage of the rows of each label; NaN for a label without rows
    """
    covered, sizes, labels = sets[np.arange(len(sets)), label_ids], sets.sum(axis=1), sets.shape[1]
    with np.errstate(invalid="ignore"):
        singleton_accuracy = covered[sizes == 1].sum() / np.float64((sizes == 1).sum())
        label_coverage = np.bincount(label_ids, covered, labels) / np.bincount(label_ids, minlength=labels)
    return {
        "coverage": covered.mean(),
        "size": sizes.mean(),
        "empty": (sizes == 0).mean(),
        "multiple": (sizes > 1).mean(),
        "singleton_accuracy": singleton_accuracy,
        "label_coverage": label_coverage,
    }


def split_half_quality(
    probabilities: NDArray[Any], label_ids: NDArray[np.int64], percent: int, *, repeats: int = 100, seed: int = 0
) -> dict[str, Any]:
    """Quality of prediction sets on rows that they were not fitted on.

    The rows are split in half at random; thresholds are fitted on one half, and `set_quality` is measured on the other.

    Args:
        probabilities: (rows, labels).
        label_ids: int64 (rows,), the true labels.
        percent: coverage in percent.
        repeats: number of random splits.
        seed: seed of the splits.

    Returns:
        `mean` and `standard_deviation` over the splits for each key of `set_quality` (for `label_coverage`, a list with
        one such pair for each label); None where no split has a value.
    """
    measured = []
    for first, second in half_splits(len(label_ids), repeats=repeats, seed=seed):
        thresholds = conformal_thresholds(probabilities[first], label_ids[first], percent)
        measured.append(set_quality(probabilities[second] >= thresholds, label_ids[second]))
    return {key: mean_and_deviation(np.array([quality[key] for quality in measured])) for key in measured[0]}


def half_splits(rows: int, *, repeats: int, seed: int = 0) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Random splits of `rows` rows in half: the numbers of the rows of either half, `repeats` times."""
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        order = rng.permutation(rows)
        yield order[: rows // 2], order[rows // 2 :]


def mean_and_deviation(values: NDArray[np.float64]) -> Any:
    """`mean` and `standard_deviation` of (repeats,), or of each column of (repeats, labels) in a list.

    NaN is left out; both are None where there is nothing else.
    """
    if values.ndim == 2:
        return [mean_and_deviation(column) for column in values.T]
    known = values[~np.isnan(values)]
    if not len(known):
        return {"mean": None, "standard_deviation": None}
    return {"mean": float(known.mean()), "standard_deviation": float(known.std())}
