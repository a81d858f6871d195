"""The share of each class in scored rows, overall and by group, from labelled rows among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emoscope.errors import DataError
from emoscope.shares.blocks import Texts
from emoscope.shares.differences import Compared, differences
from emoscope.shares.intervals import share_interval
from emoscope.shares.labellers import agreement
from emoscope.shares.power_tuning import Array, Design, Labelled, TunedMean, tuned_mean
from emoscope.shares.results import ClassShare, Estimate, Shares
from emoscope.shares.totals import Moments, Totals
from emoscope.terminal import counted

MIN_LABELS = 20
"""Fewest labelled rows for which a share is estimated; with fewer the intervals would not hold."""
MIN_PER_STRATUM = 20
"""Fewest labels of a stratum that has a variance of its own: a few labels
of confident rows often show no error, and would then count as certain."""
MAX_COMPARED = 12
"""Maximum number of groups without an order that are compared with each other; more have too many pairs."""


@dataclass(frozen=True)
class LabelledRows:
    """Rows that were drawn at random among the scored ones, and labelled.

    Attributes:
        rows: index of each among the scored rows, int (labelled,), none twice.
        truth: index of its class, int (labelled,); of several labellers (labelled, labellers), -1 where one of them
            gave no label.
        probability: probability with which it was drawn, float (labelled,), above 0; None for equal ones.
        strata: its stratum, any values (labelled,), if the rows were drawn by stratum; None for one stratum.
    """

    rows: ArrayLike
    truth: ArrayLike
    probability: ArrayLike | None = None
    strata: ArrayLike | None = None


@dataclass(frozen=True)
class Grouping:
    """Groups of the scored rows, such as products or months.

    Attributes:
        name: name of the grouping, such as that of the column.
        values: the group of each scored row, (rows,).
        ordered: whether the groups follow one another in the order of their names, as months do; then each is compared
            with the one before, otherwise each with each.
    """

    name: str
    values: ArrayLike
    ordered: bool = False


@dataclass(frozen=True)
class Sample:
    """Labelled rows with what is known of them.

    Attributes:
        truth: as in `LabelledRows`.
        predicted: probability of each class for each row, float64 (labelled, classes).
        probability: probability with which each was drawn, float64 (labelled,); None for equal ones.
        strata: the stratum of each, (labelled,); None for one stratum.
        groups: the group of each row, (labelled,), one for each grouping; None for a row in no group.
    """

    truth: ArrayLike
    predicted: Array
    probability: ArrayLike | None
    strata: ArrayLike | None
    groups: Sequence[NDArray[Any]] = ()


@dataclass(frozen=True)
class Options:
    """How shares are estimated.

    Attributes:
        level: confidence level of the intervals, from 0.5 to 0.999.
        finite: whether the shares are those of these rows; otherwise those of the source that the rows are a random
            sample of, with wider intervals.

    Raises:
        DataError: the level is outside these bounds.
    """

    level: float = 0.95
    finite: bool = True

    def __post_init__(self) -> None:
        if not 0.5 <= self.level <= 0.999:
            raise DataError(f"the level must be from 0.5 to 0.999, got {self.level!r}")


def estimate(
    predicted: ArrayLike,
    labelled: LabelledRows,
    classes: Sequence[str],
    *,
    answers: ArrayLike | None = None,
    groupings: Sequence[Grouping] = (),
    level: float = 0.95,
    finite: bool = True,
) -> Estimate:
    """The share of each class in all rows, and in the rows of each group.

    Args:
        predicted: probability of each class for each scored row, float (rows, classes).
        labelled: the labelled ones among the rows, MIN_LABELS or more.
        classes: names of the classes.
        answers: index of the class that each row is counted as, int (rows,), for the naive share; None for the most
            probable one.
        groupings: groups of the rows.
        level: confidence level of the intervals, from 0.5 to 0.999.
        finite: whether the shares are those of these rows; otherwise those of the source that the rows are a random
            sample of, with wider intervals.

    Raises:
        DataError: the arrays do not fit together, or there are too few labels.
    """
    options = Options(level, finite)
    scores = np.asarray(predicted, np.float64)
    rows = _checked(scores, labelled, classes)
    totals = Totals(len(classes), [grouping.name for grouping in groupings])
    groups = [_texts(grouping, len(scores)) for grouping in groupings]
    totals.add(scores.argmax(1) if answers is None else np.asarray(answers, np.int64), scores, groups)
    names = [np.array(column.values, object)[column.codes[rows]] for column in groups]
    sample = Sample(labelled.truth, scores[rows], labelled.probability, labelled.strata, names)
    return estimate_from_totals(totals, sample, classes, options, [grouping.ordered for grouping in groupings])


def estimate_from_totals(
    totals: Totals, sample: Sample, classes: Sequence[str], options: Options, ordered: Sequence[bool] = ()
) -> Estimate:
    """The shares, from the sums over the scored rows instead of the rows; as `estimate` otherwise.

    Args:
        totals: sums over the scored rows and their groups.
        sample: the labelled rows.
        classes: names of the classes.
        options: level and kind of the intervals.
        ordered: for each grouping, whether its groups follow one another in the order of their names.

    Raises:
        DataError: the arrays do not fit together, or there are too few labels.
    """
    choices = _choices(sample.truth, len(classes))
    design, labelled = _design(sample, choices, totals.overall.rows, options.finite), _labelled(sample, choices)
    estimator = _Estimator(labelled, design, tuple(classes), options.level)
    source = replace(estimator, design=replace(design, finite=False))
    overall, whole = estimator.shares(totals.overall, np.ones(len(choices), np.bool_))
    parts, tests = [], []
    for index, (names, in_order) in enumerate(zip(sample.groups, ordered, strict=True)):
        compared = []
        for name, moments in totals.groups(index).items():
            shares, mean = estimator.shares(moments, names == name, whole, (totals.names[index], name))
            parts.append(shares)
            if mean is not None:
                compared.append(Compared(name, source.mean(moments, names == name, whole), shares.labels))
        pairs = list(pairwise(compared) if in_order else combinations(compared, 2))
        if in_order or len(compared) <= MAX_COMPARED:
            tests += differences(totals.names[index], pairs, source.design, classes, options.level)
    agreed = agreement(choices, len(classes), design.weights) if choices.shape[1] > 1 else None
    return Estimate(overall, tuple(parts), tuple(tests), agreed)


@dataclass(frozen=True)
class _Estimator:
    """The labelled rows, how they were drawn, and the classes."""

    labelled: Labelled
    design: Design
    classes: tuple[str, ...]
    level: float

    def mean(self, moments: Moments, domain: NDArray[np.bool_], whole: TunedMean | None) -> TunedMean:
        """The mean over a domain; groups take the tuning parameters of all rows, which are based on more labels."""
        return tuned_mean(self.labelled, moments, self.design, domain, None if whole is None else whole.tuning)

    def shares(
        self,
        moments: Moments,
        domain: NDArray[np.bool_],
        whole: TunedMean | None = None,
        place: tuple[str | None, str | None] = (None, None),
    ) -> tuple[Shares, TunedMean | None]:
        """The shares in a domain, with the means that they are from; without means if there are too few labels."""
        naive, count = moments.answers / moments.rows, int(domain.sum())
        if count < MIN_LABELS:
            shares = [ClassShare(label, float(share)) for label, share in zip(self.classes, naive, strict=True)]
            return Shares(*place, moments.rows, count, self.level, tuple(shares)), None
        mean = self.mean(moments, domain, whole)
        variance, degrees = self.design.variance(mean)
        alone = self.design.labels_alone(mean, moments.rows)
        shares = []
        for index, label in enumerate(self.classes):
            share = float(np.clip(mean.mean[index], 0, 1))
            interval = share_interval(share, float(variance[index]), count, float(degrees[index]), self.level)
            simple = share_interval(share, float(alone.value[index]), count, float(alone.degrees[index]), self.level)
            tuning = float(mean.tuning[index])
            shares.append(ClassShare(label, float(naive[index]), share, interval, simple, tuning))
        return Shares(*place, moments.rows, count, self.level, tuple(shares)), mean


def _texts(grouping: Grouping, rows: int) -> Texts:
    """The groups of the rows as texts; in a grouping with an order, a row without a value is in no group."""
    values = np.asarray(grouping.values)
    if values.shape != (rows,):
        raise DataError(f"the grouping {grouping.name!r} has the shape {values.shape}; allowed: ({rows},)")
    column = Texts.of(["" if value is None else str(value) for value in values.tolist()])
    return column.without("") if grouping.ordered else column


def _choices(truth: ArrayLike, classes: int) -> NDArray[np.int64]:
    """The class that each labeller chose for each row, (labelled, labellers), -1 for none."""
    choices = np.asarray(truth, np.int64)
    choices = choices.reshape(len(choices), -1)
    if len(choices) < MIN_LABELS:
        raise DataError(f"{counted(len(choices), 'label')}; allowed: {MIN_LABELS} or more; label more rows")
    if choices.max() >= classes or choices.min() < -1 or not (choices >= 0).any(1).all():
        raise DataError(f"a label has an index outside 0 to {classes - 1}")
    return choices


def _labelled(sample: Sample, choices: NDArray[np.int64]) -> Labelled:
    """The labels of all labellers, and how each deviates from them."""
    classes = sample.predicted.shape[1]
    given = choices >= 0
    each = np.eye(classes)[choices] * given[:, :, None]
    truth = each.sum(1) / given.sum(1)[:, None]
    if choices.shape[1] == 1:
        return Labelled(truth, sample.predicted, np.zeros((0, *truth.shape)), np.zeros((0, len(truth)), np.bool_))
    shared = given & (given.sum(1) > 1)[:, None]
    deviations = (each - truth[:, None]) * shared[:, :, None]
    return Labelled(truth, sample.predicted, deviations.swapaxes(0, 1), shared.T)


def _design(sample: Sample, choices: NDArray[np.int64], rows: int, finite: bool) -> Design:
    """How the labelled rows were drawn."""
    count = len(choices)
    equal = np.full(count, min(count / max(rows, 1), 1))
    chances = equal if sample.probability is None else np.asarray(sample.probability, np.float64)
    strata = np.zeros(count) if sample.strata is None else np.asarray(sample.strata)
    if not count == len(sample.predicted) == len(chances) == len(strata):
        lengths = f"{len(sample.predicted)} labelled rows, {count} labels, {len(chances)} probabilities, "
        raise DataError(f"{lengths}{len(strata)} strata; give one of each for each row")
    if not ((chances > 0) & (chances <= 1)).all():
        raise DataError("a probability of being drawn is not above 0 and at most 1")
    return Design(1 / chances, _merged(strata), finite)


def _merged(strata: NDArray[Any]) -> NDArray[np.int64]:
    """Indices of the strata; those with few labels are merged with the smaller one of those before and after them.

    Strata that follow one another are alike: `plan_sample` numbers them by group, predicted class and score.
    """
    ids = np.unique(strata, return_inverse=True)[1].reshape(-1).astype(np.int64)
    while len(counts := np.bincount(ids)) > 1 and counts.min() < MIN_PER_STRATUM:
        smallest = int(counts.argmin())
        others = [other for other in (smallest - 1, smallest + 1) if 0 <= other < len(counts)]
        ids[ids == smallest] = min(others, key=lambda other: int(counts[other]))
        ids = np.unique(ids, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return ids


def _checked(scores: Array, labelled: LabelledRows, classes: Sequence[str]) -> NDArray[np.int64]:
    """The indices of the labelled rows, which fit the scores."""
    if scores.ndim != 2 or scores.shape[1] != len(classes):
        raise DataError(f"predictions have the shape {scores.shape}; allowed: (rows, {len(classes)})")
    if not np.isfinite(scores).all():
        raise DataError("a prediction is not a finite number; leave out rows that have no scores")
    rows = np.asarray(labelled.rows, np.int64)
    if len(rows) and (rows.min() < 0 or rows.max() >= len(scores) or len(np.unique(rows)) != len(rows)):
        raise DataError(
            f"a labelled row is given twice or does not exist; allowed: each of 0 to {len(scores) - 1} once"
        )
    return rows
