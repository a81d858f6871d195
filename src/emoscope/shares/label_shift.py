"""Shares without labels, if only the shares of the classes differ from the data that a model was calibrated on.

The EM algorithm of Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori
probabilities", Neural Computation 14, 2002. It assumes label shift: texts of one class are the same as before, only the
classes are more or less frequent, and the probabilities were calibrated. There is no interval, because no interval
would cover the error of a wrong assumption.

With labelled held-out rows the shares come from them, and the assumption is checked. Under it, the predicted labels and
scores of the new rows are distributed as a mixture of what the held-out rows of each class got (the confusion matrix of
Lipton, Wang and Smola, "Detecting and correcting for label shift with black box predictors", ICML 2018, by steps of the
score, fitted by EM). This needs no calibrated probabilities. If no mixture fits, the assumption is wrong. If one fits,
it may still be: other texts can lead to the same predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emoscope.errors import DataError
from emoscope.shares.sampling import SCORE_BOUNDS

Array = NDArray[np.float64]

ROUNDS = 1000
TOLERANCE = 1e-8
MAX_ROWS = 200_000
"""Maximum number of rows whose probabilities are kept; of more, a random sample changes shares by about 0.1 points."""
MIN_PER_CLASS = 10
"""Fewest held-out rows of a class for the check."""
DRAWS = 300
"""Draws of the bootstrap of the check."""
FIT_ROUNDS = 200
ALPHA = 0.01
"""p-value below which the check fails."""
SMOOTHING = 0.5
"""Added to each count of held-out rows, so that predictions that they did not get are not impossible."""


@dataclass(frozen=True)
class HeldOut:
    """Labelled rows that the model was calibrated on, or others like them.

    Attributes:
        probabilities: probabilities of the model, float (rows, classes).
        truth: index of the class of each row, int (rows,).
    """

    probabilities: ArrayLike
    truth: ArrayLike


@dataclass(frozen=True)
class ShiftCheck:
    """Whether the predictions contradict label shift.

    Attributes:
        p: p-value of label shift, from a bootstrap of the held-out and the new rows.
        holds: whether it is ALPHA or more.
        distance: share of the new rows whose predictions the best mixture does not explain.
        largest_difference: largest difference between these shares and those that follow from the probabilities; large
            where they are not calibrated for the held-out rows.
    """

    p: float
    holds: bool
    distance: float
    largest_difference: float


@dataclass(frozen=True)
class LabelShift:
    """Shares that rest on the assumption of label shift.

    Attributes:
        classes: names of the classes.
        naive: share of the rows that are predicted to be of each class.
        shares: estimated shares; they sum to 1.
        rows: number of rows.
        check: check of the assumption; None without held-out rows.
    """

    classes: tuple[str, ...]
    naive: tuple[float, ...]
    shares: tuple[float, ...]
    rows: int
    check: ShiftCheck | None = None


class RowSample:
    """A random sample of at most MAX_ROWS rows of probabilities, block by block.

    Attributes:
        rows: number of rows so far.
    """

    def __init__(self, classes: int, seed: int = 0) -> None:
        """Nothing is drawn yet.

        Args:
            classes: number of classes.
            seed: seed of the sample.
        """
        self.rows = 0
        self._rng = np.random.default_rng(seed)
        self._kept = np.zeros((0, classes + 1))  # a random number for each row, then its probabilities

    def add(self, probabilities: Array) -> None:
        """Draw from further rows, float64 (rows, classes)."""
        self.rows += len(probabilities)
        keys = self._rng.random((len(probabilities), 1))
        self._kept = np.concatenate([self._kept, np.hstack([keys, probabilities])])
        if len(self._kept) > 2 * MAX_ROWS:
            self._kept = self._smallest()

    @property
    def probabilities(self) -> Array:
        """The probabilities of the rows that were drawn, float64 (rows, classes)."""
        return self._smallest()[:, 1:]

    def _smallest(self) -> Array:
        if len(self._kept) <= MAX_ROWS:
            return self._kept
        return self._kept[np.argpartition(self._kept[:, 0], MAX_ROWS)[:MAX_ROWS]]


def label_shift(
    probabilities: ArrayLike, prior: ArrayLike, classes: Sequence[str], held_out: HeldOut | None = None
) -> LabelShift:
    """Shares of the classes from calibrated probabilities, without labels.

    Args:
        probabilities: calibrated probabilities, float (rows, classes).
        prior: shares of the classes in the data that the probabilities are calibrated for, (classes,), all above 0.
        classes: names of the classes.
        held_out: labelled rows that the model was not trained on, whose predictions give the shares and the check.

    Raises:
        DataError: there are no rows, a share of the prior is not above 0, or a class has too few held-out rows.
    """
    scores, shares = np.asarray(probabilities, np.float64), np.asarray(prior, np.float64)
    if scores.ndim != 2 or scores.shape[1] != len(classes) or not len(scores):
        raise DataError(
            f"probabilities have the shape {scores.shape}; allowed: (rows, {len(classes)}), one row or more"
        )
    if shares.shape != (len(classes),) or not (shares > 0).all():
        raise DataError("the prior must have a share above 0 for each class")
    before = shares / shares.sum()
    shares = _fitted(scores / before, np.full(len(scores), 1 / len(scores)), before, ROUNDS)
    naive = np.bincount(scores.argmax(1), minlength=len(classes)) / len(scores)
    check = None
    if held_out is not None:
        shares, check = _checked(scores, held_out, classes, shares)
    return LabelShift(tuple(classes), tuple(naive.tolist()), tuple(shares.tolist()), len(scores), check)


def _fitted(likelihood: Array, weights: Array, shares: Array, rounds: int) -> Array:
    """The shares (..., classes) of a mixture with the highest likelihood, by EM.

    Args:
        likelihood: of each row in each class, (..., rows, classes).
        weights: of the rows, (..., rows), which sum to 1.
        shares: where to begin, (..., classes).
        rounds: maximum number of rounds.
    """
    for _ in range(rounds):
        adjusted = likelihood * shares[..., None, :]
        adjusted /= np.maximum(adjusted.sum(-1, keepdims=True), np.finfo(float).tiny)
        new = (weights[..., None] * adjusted).sum(-2)
        new /= new.sum(-1, keepdims=True)
        done = np.abs(new - shares).max() < TOLERANCE
        shares = new
        if done:
            break
    return shares


def _cells(scores: Array) -> NDArray[np.int64]:
    """The predicted class and the step of the score as one number, int64 (rows,)."""
    return np.asarray(scores.argmax(1) * (len(SCORE_BOUNDS) + 1) + np.digitize(scores.max(1), SCORE_BOUNDS))


def _checked(
    scores: Array, held_out: HeldOut, classes: Sequence[str], calibrated: Array, seed: int = 0
) -> tuple[Array, ShiftCheck]:
    """The shares of the best mixture, and whether it fits."""
    known, truth = np.asarray(held_out.probabilities, np.float64), np.asarray(held_out.truth, np.int64)
    sizes = np.bincount(truth, minlength=len(classes))
    if sizes.min() < MIN_PER_CLASS:
        few = classes[int(sizes.argmin())]
        raise DataError(
            f"{sizes.min()} held-out rows of {few!r}; the check of label shift needs {MIN_PER_CLASS} of each class"
        )
    cells = len(classes) * (len(SCORE_BOUNDS) + 1)
    counts = np.zeros((cells, len(classes)))
    np.add.at(counts, (_cells(known), truth), 1)
    observed = np.bincount(_cells(scores), minlength=cells) / len(scores)
    within = _smoothed(counts)
    shares, statistic = _misfit(within, observed, calibrated)
    rng = np.random.default_rng(seed)
    drawn = np.stack([rng.multinomial(size, within[:, i], DRAWS) for i, size in enumerate(sizes)], -1)
    again = rng.multinomial(len(scores), within @ shares, DRAWS) / len(scores)
    _, others = _misfit(_smoothed(drawn.astype(np.float64)), again, np.broadcast_to(shares, (DRAWS, len(classes))))
    p = float((1 + (others >= statistic).sum()) / (1 + DRAWS))
    distance = float(np.abs(observed - within @ shares).sum() / 2)
    return shares, ShiftCheck(p, p >= ALPHA, distance, float(np.abs(shares - calibrated).max()))


def _smoothed(counts: Array) -> Array:
    """Share of the rows of each class that are in each cell, from counts (..., cells, classes)."""
    added = counts + SMOOTHING / counts.shape[-2]
    return np.asarray(added / added.sum(-2, keepdims=True))


def _misfit(within: Array, observed: Array, start: Array) -> tuple[Array, Array]:
    """The best mixture (..., classes) of the cells of the classes, and how far it is from the observed cells."""
    shares = _fitted(within, observed, start, FIT_ROUNDS)
    expected = (within * shares[..., None, :]).sum(-1)
    return shares, np.asarray(((observed - expected) ** 2 / expected).sum(-1))
