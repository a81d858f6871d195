"""Shares without labels, if only the shares of the classes differ from the data that a model was calibrated on.

The EM algorithm of Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori
probabilities", Neural Computation 14, 2002. It assumes label shift: texts of one class are the same as before, only the
classes are more or less frequent, and the probabilities were calibrated. Other texts break this assumption, and nothing
in the scored rows shows it. There is no interval, because no interval would cover that error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from emoscope.errors import DataError

ROUNDS = 1000
TOLERANCE = 1e-8


@dataclass(frozen=True)
class LabelShift:
    """Shares that rest on the assumption of label shift.

    Attributes:
        classes: names of the classes.
        naive: share of the rows that are predicted to be of each class.
        shares: estimated shares; they sum to 1.
        rows: number of rows.
    """

    classes: tuple[str, ...]
    naive: tuple[float, ...]
    shares: tuple[float, ...]
    rows: int


def label_shift(probabilities: ArrayLike, prior: ArrayLike, classes: Sequence[str]) -> LabelShift:
    """Shares of the classes from calibrated probabilities, without labels.

    Args:
        probabilities: calibrated probabilities, float (rows, classes).
        prior: shares of the classes in the data that the probabilities are calibrated for, (classes,), all above 0.
        classes: names of the classes.

    Raises:
        DataError: there are no rows, or a share of the prior is not above 0.
    """
    scores, shares = np.asarray(probabilities, np.float64), np.asarray(prior, np.float64)
    if scores.ndim != 2 or scores.shape[1] != len(classes) or not len(scores):
        raise DataError(
            f"probabilities have the shape {scores.shape}; allowed: (rows, {len(classes)}), one row or more"
        )
    if shares.shape != (len(classes),) or not (shares > 0).all():
        raise DataError("the prior must have a share above 0 for each class")
    before = shares / shares.sum()
    likelihood = scores / before
    shares = before
    for _ in range(ROUNDS):
        adjusted = likelihood * shares
        new = (adjusted / np.maximum(adjusted.sum(1, keepdims=True), np.finfo(float).tiny)).mean(0)
        new /= new.sum()
        done = np.abs(new - shares).max() < TOLERANCE
        shares = new
        if done:
            break
    naive = np.bincount(scores.argmax(1), minlength=len(classes)) / len(scores)
    return LabelShift(tuple(classes), tuple(naive.tolist()), tuple(shares.tolist()), len(scores))
