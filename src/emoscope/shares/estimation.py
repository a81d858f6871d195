"""The share of each class in scored rows, overall and by group, from labelled rows among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emoscope.errors import DataError
from emoscope.evaluation.intervals import Interval
from emoscope.shares.intervals import share_interval
from emoscope.shares.power_tuning import Array, Design, tuned_mean
from emoscope.terminal import counted

MIN_LABELS = 20
"""Fewest labelled rows for which a share is estimated; with fewer the intervals would not hold."""
MIN_PER_STRATUM = 20
"""Fewest labels of a stratum that has a variance of its own: a few labels
of confident rows often show no error, and would then count as certain."""


@dataclass(frozen=True)
class ClassShare:
    """The share of one class.

    Attributes:
        label: name of the class.
        naive: share of the rows that are predicted to be of this class.
        share: estimated share, from 0 to 1; None with fewer than MIN_LABELS labels.
        interval: confidence interval of the share; None likewise.
        labels_alone: interval of the same share from a simple random sample of as many labels, without predictions;
            None likewise.
        tuning: how far the predictions are used, from 0 (labels alone) to 1; None likewise.
    """

    label: str
    naive: float
    share: float | None = None
    interval: Interval | None = None
    labels_alone: Interval | None = None
    tuning: float | None = None

    @property
    def shift(self) -> float | None:
        """The estimated share minus the naive one."""
        return None if self.share is None else self.share - self.naive

    @property
    def narrower(self) -> float | None:
        """How much narrower the interval is than with the labels alone, as a share of the width of that one."""
        if self.interval is None or self.labels_alone is None:
            return None
        alone = self.labels_alone.high - self.labels_alone.low
        return 1 - (self.interval.high - self.interval.low) / alone if alone > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """The share as a JSON object."""
        intervals = {
            key: None if value is None else list(value)
            for key, value in (("interval", self.interval), ("labels_alone", self.labels_alone))
        }
        return asdict(self) | intervals | {"shift": self.shift, "narrower": self.narrower}


@dataclass(frozen=True)
class Shares:
    """The shares of all classes in some rows.

    Attributes:
        group: value of the group; None for all rows.
        rows: number of scored rows.
        labels: number of labelled rows among them.
        level: confidence level of the intervals.
        classes: the share of each class.
    """

    group: str | None
    rows: int
    labels: int
    level: float
    classes: tuple[ClassShare, ...]

    def to_json(self) -> dict[str, Any]:
        """The shares as a JSON object."""
        return {
            "group": self.group,
            "rows": self.rows,
            "labels": self.labels,
            "level": self.level,
            "classes": [share.to_json() for share in self.classes],
        }


@dataclass(frozen=True)
class LabelledRows:
    """Rows that were drawn at random among the scored ones, and labelled.

    Attributes:
        rows: index of each among the scored rows, int (labelled,), none twice.
        truth: index of its class, int (labelled,).
        probability: probability with which it was drawn, float (labelled,), above 0; None for equal ones.
        strata: its stratum, any values (labelled,), if the rows were drawn by stratum; None for one stratum.
    """

    rows: ArrayLike
    truth: ArrayLike
    probability: ArrayLike | None = None
    strata: ArrayLike | None = None


def estimate(
    predicted: ArrayLike,
    labelled: LabelledRows,
    classes: Sequence[str],
    *,
    answers: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    finite: bool = True,
) -> tuple[Shares, ...]:
    """The share of each class in all rows and then, with `groups`, in the rows of each group.

    Args:
        predicted: probability of each class for each scored row, float (rows, classes).
        labelled: the labelled ones among the rows, MIN_LABELS or more.
        classes: names of the classes.
        answers: index of the class that each row is counted as, int (rows,), for the naive share; None for the most
            probable one.
        groups: the group of each scored row, (rows,); None for no groups.
        level: confidence level of the intervals, from 0.5 to 0.999.
        finite: whether the shares are those of these rows; otherwise those of the source that the rows are a random
            sample of, with wider intervals.

    Returns:
        The shares of all rows, then of each group in the order of their names.

    Raises:
        DataError: the arrays do not fit together, or there are too few labels.
    """
    scores = np.asarray(predicted, np.float64)
    rows, ids, chances = _checked(scores, labelled, classes)
    if not 0.5 <= level <= 0.999:
        raise DataError(f"the level must be from 0.5 to 0.999, got {level!r}")
    predicted_ids = scores.argmax(1) if answers is None else np.asarray(answers, np.int64)
    strata = np.zeros(len(rows)) if labelled.strata is None else np.asarray(labelled.strata)
    labels = _Labels(np.eye(len(classes))[ids], scores[rows], Design(1 / chances, _merged(strata), finite), level)
    parts: list[tuple[str | None, NDArray[np.bool_]]] = [(None, np.ones(len(scores), np.bool_))]
    if groups is not None:
        parts += [(str(name), np.asarray(groups) == name) for name in np.unique(np.asarray(groups))]
    found: list[Shares] = []
    tuning: Array | None = None
    for name, mask in parts:
        domain = mask[rows]
        naive = np.bincount(predicted_ids[mask], minlength=len(classes)) / mask.sum()
        shares = [ClassShare(label, float(share)) for label, share in zip(classes, naive, strict=True)]
        if domain.sum() >= MIN_LABELS:
            shares, tuning = labels.estimated(shares, scores[mask], domain, tuning)
        found.append(Shares(name, int(mask.sum()), int(domain.sum()), level, tuple(shares)))
    return tuple(found)


@dataclass(frozen=True)
class _Labels:
    """What is known of the labelled rows: their classes and predictions, (labelled, classes), and their design."""

    truth: Array
    predicted: Array
    design: Design
    level: float

    def estimated(
        self, naive: list[ClassShare], all_predicted: Array, domain: NDArray[np.bool_], tuning: Array | None
    ) -> tuple[list[ClassShare], Array]:
        """The shares of a domain, and the tuning parameters; groups take those of all rows, based on more labels."""
        tuned = tuned_mean(self.truth, self.predicted, all_predicted, self.design, domain, tuning)
        count = int(domain.sum())
        unseen = 1 - count / len(all_predicted) if self.design.finite else 1.0
        shares = []
        for index, share in enumerate(naive):
            mean = float(np.clip(tuned.mean[index], 0, 1))
            variance, degrees = float(tuned.variance[index]), float(tuned.degrees[index])
            interval = share_interval(mean, variance, count, degrees, self.level)
            simple = share_interval(mean, unseen * mean * (1 - mean) / (count - 1), count, count - 1, self.level)
            shares.append(ClassShare(share.label, share.naive, mean, interval, simple, float(tuned.tuning[index])))
        return shares, tuned.tuning


def _merged(strata: NDArray[Any]) -> NDArray[np.int64]:
    """Indices of the strata; those with few labels are merged with the smallest other one."""
    ids = np.unique(strata, return_inverse=True)[1].reshape(-1).astype(np.int64)
    while len(counts := np.bincount(ids)) > 1 and counts.min() < MIN_PER_STRATUM:
        smallest, second = np.argsort(counts, kind="stable")[:2]
        ids = np.unique(np.where(ids == smallest, second, ids), return_inverse=True)[1].reshape(-1).astype(np.int64)
    return ids


def _checked(
    scores: Array, labelled: LabelledRows, classes: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """The labelled rows, their classes and probabilities as arrays that fit the scores."""
    if scores.ndim != 2 or scores.shape[1] != len(classes):
        raise DataError(f"predictions have the shape {scores.shape}; allowed: (rows, {len(classes)})")
    if not np.isfinite(scores).all():
        raise DataError("a prediction is not a finite number; leave out rows that have no scores")
    rows, truth = np.asarray(labelled.rows, np.int64), np.asarray(labelled.truth, np.int64)
    equal = np.full(len(rows), len(rows) / max(len(scores), 1))
    chances = equal if labelled.probability is None else np.asarray(labelled.probability, np.float64)
    strata = rows if labelled.strata is None else np.asarray(labelled.strata)
    if not len(rows) == len(truth) == len(chances) == len(strata):
        lengths = f"{len(rows)} labelled rows, {len(truth)} labels, {len(chances)} probabilities, {len(strata)} strata"
        raise DataError(f"{lengths}; give one of each for each row")
    if len(rows) < MIN_LABELS:
        raise DataError(f"{counted(len(rows), 'label')}; allowed: {MIN_LABELS} or more; label more rows")
    if rows.min() < 0 or rows.max() >= len(scores) or len(np.unique(rows)) != len(rows):
        raise DataError(
            f"a labelled row is given twice or does not exist; allowed: each of 0 to {len(scores) - 1} once"
        )
    if truth.min() < 0 or truth.max() >= len(classes):
        raise DataError(f"a label has an index outside 0 to {len(classes) - 1}")
    if not ((chances > 0) & (chances <= 1)).all():
        raise DataError("a probability of being drawn is not above 0 and at most 1")
    return rows, truth, chances
