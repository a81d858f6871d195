"""Estimates from a scored table on disk, in memory that does not grow with its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from emoscope.errors import DataError
from emoscope.labelled_rows import short
from emoscope.shares.estimation import Options, Sample, estimate_from_totals
from emoscope.shares.label_shift import HeldOut, LabelShift, RowSample, label_shift
from emoscope.shares.results import Estimate
from emoscope.shares.samples import LabelledSample
from emoscope.shares.tables import ScoredTable, class_probabilities, prior_of
from emoscope.shares.totals import Totals


@dataclass(frozen=True)
class TableEstimate:
    """An estimate from a table.

    Attributes:
        estimate: the shares.
        without_score: number of rows without an emotion, which are left out.
        without_time: number of rows that are in no period.
    """

    estimate: Estimate
    without_score: int
    without_time: int


def estimate_table(table: ScoredTable, sample: LabelledSample, options: Options) -> TableEstimate:
    """The shares in a scored table.

    Raises:
        DataError: the table cannot be read, or the labels do not fit it or are too few.
    """
    classes = table.class_names(sample.names)
    present = table.present(classes)
    totals = Totals(len(classes), table.groupings)
    place = {number: index for index, number in enumerate(sample.numbers.tolist())}
    predicted = np.full((len(place), len(classes)), np.nan)
    groups = [np.full(len(place), None, object) for _ in table.groupings]
    without_score = without_time = 0
    for rows in table.rows(present):
        answers, scores = class_probabilities(rows, present, classes)
        columns = [
            column.without("") if ordered else column
            for column, ordered in zip(rows.groups, table.ordered, strict=True)
        ]
        totals.add(answers, scores, columns)
        without_score += rows.without_score
        without_time += int((columns[-1].codes < 0).sum()) if table.time else 0
        for index in np.flatnonzero(np.isin(rows.numbers, sample.numbers)).tolist():
            at = place[int(rows.numbers[index])]
            predicted[at] = scores[index]
            for names, column in zip(groups, columns, strict=True):
                code = int(column.codes[index])
                names[at] = column.values[code] if code >= 0 else None
    _check_found(table, sample, predicted)
    drawn = Sample(sample.choices(classes), predicted, sample.probability, sample.strata, groups)
    found = estimate_from_totals(totals, drawn, classes, options, table.ordered)
    return TableEstimate(found, without_score, without_time)


def _check_found(table: ScoredTable, sample: LabelledSample, predicted: np.ndarray) -> None:
    missing = np.flatnonzero(np.isnan(predicted).any(1))
    if len(missing):
        raise DataError(
            f"row {sample.numbers[missing[0]]} is not a scored row of {table.file}; give the table that the sample was "
            "drawn from"
        )


def shift_by_prior(table: ScoredTable, shares: dict[str, float]) -> LabelShift:
    """The shares in a scored table without labels, from those that the model was calibrated for.

    Raises:
        DataError: the table cannot be read, or a predicted class has no share.
    """
    classes, prior = prior_of(shares, table.class_names(()))
    return _shift(table, classes, prior, None)


def shift_by_reference(table: ScoredTable, reference: ScoredTable, label_column: str) -> LabelShift:
    """The same from held-out rows, scored by the same model, with their labels; the assumption is checked.

    Raises:
        DataError: a table cannot be read, a label is unknown, or a class has too few held-out rows.
    """
    classes = reference.class_names(table.class_names(()))
    present = reference.present(classes)
    probabilities, truth = [], []
    for rows in reference.rows(present, [label_column]):
        labels = rows.texts[0]
        index = [_index(classes, label, reference, label_column) for label in labels.values]
        probabilities.append(class_probabilities(rows, present, classes)[1])
        truth.append(np.array(index)[labels.codes])
    held_out = HeldOut(np.concatenate(probabilities), np.concatenate(truth))
    counts = np.bincount(np.asarray(held_out.truth), minlength=len(classes))
    if not counts.all():
        raise DataError(
            f"{reference.file} has no row labelled {classes[int(counts.argmin())]!r}; give rows of each class"
        )
    return _shift(table, classes, counts / counts.sum(), held_out)


def _index(classes: Sequence[str], label: str, reference: ScoredTable, column: str) -> int:
    if label.strip() not in classes:
        raise DataError(f"{reference.file}: {column} is {short(label)}; allowed: {', '.join(classes)}")
    return classes.index(label.strip())


def _shift(table: ScoredTable, classes: Sequence[str], prior: np.ndarray, held_out: HeldOut | None) -> LabelShift:
    present = table.present(classes)
    if not present:
        raise DataError(f"{table.file} has no columns of probabilities; score it with all columns")
    kept, answers = RowSample(len(classes)), np.zeros(len(classes))
    for rows in table.rows(present):
        predicted, probabilities = class_probabilities(rows, present, classes)
        kept.add(probabilities)
        answers += np.bincount(predicted, minlength=len(classes))
    found = label_shift(kept.probabilities, prior, classes, held_out)
    return replace(found, naive=tuple((answers / answers.sum()).tolist()), rows=kept.rows)
