"""Scored tables and tables of labels, as `emoscope score` and `emoscope sample` write them, read as arrays."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope import EMOTIONS
from emoscope.errors import DataError
from emoscope.labelled_rows import CellOptions, Cells, read_cells, short, whole_number
from emoscope.labels import NEUTRAL
from emoscope.rows.columns import EMOTION, SCORE
from emoscope.shares.sampling import SamplingPlan

ROW, STRATUM, PROBABILITY, LABEL = "row", "stratum", "sampling_probability", "label"
"""Columns of a table of rows to label, after the text."""


@dataclass(frozen=True)
class TextFormat:
    """How text files are written.

    Attributes:
        delimiter: the character between the cells of `.csv`; None for a comma.
        encoding: name of the encoding.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"

    def cells(self, file: Path, columns: Sequence[str]) -> Iterator[Cells]:
        """Some cells of each row of a file."""
        if file.suffix == ".txt":
            raise DataError(f"{file}: a .txt has no columns; give a table, such as a .csv")
        return read_cells(file, CellOptions(tuple(columns), self.delimiter, self.encoding))

    def has(self, file: Path, column: str) -> bool:
        """Whether a file that can be read has a column."""
        try:
            next(self.cells(file, [column]), None)
        except DataError:
            return False
        return True


@dataclass(frozen=True)
class ScoredRows:
    """The rows of a scored table that have a score.

    Attributes:
        numbers: number of each row in the table, from 1, int64 (rows,).
        classes: names of the predicted classes.
        answers: index of the predicted class of each row, int64 (rows,).
        scores: its probability, float64 (rows,).
        groups: value of the column of groups; None without one.
        without_score: number of rows that were left out.
    """

    numbers: NDArray[np.int64]
    classes: tuple[str, ...]
    answers: NDArray[np.int64]
    scores: NDArray[np.float64]
    groups: NDArray[Any] | None
    without_score: int


@dataclass(frozen=True)
class LabelledSample:
    """The labels in a table of rows to label.

    Attributes:
        numbers: number of each labelled row in the scored table, from 1, int64 (labelled,).
        labels: its label.
        probability: probability with which it was drawn and labelled, float64 (labelled,); None if the table has none.
        strata: its stratum, (labelled,); None likewise.
        without_label: number of rows whose label is empty.
    """

    numbers: NDArray[np.int64]
    labels: tuple[str, ...]
    probability: NDArray[np.float64] | None
    strata: NDArray[Any] | None
    without_label: int


def read_scored(file: Path, form: TextFormat, *, prefix: str = "", by: str | None = None) -> ScoredRows:
    """The predicted class and score of each row, and its group.

    Raises:
        DataError: the file cannot be read, lacks a column, has a score that is not a number, or no row with a score.
    """
    columns = [prefix + EMOTION, prefix + SCORE, *([by] if by else [])]
    numbers, names, scores, groups, empty = [], [], [], [], 0
    for number, row in enumerate(form.cells(file, columns), start=1):
        if row.values[0] in (None, ""):
            empty += 1
            continue
        numbers.append(number)
        names.append(str(row.values[0]))
        scores.append(_probability(row, row.values[1], columns[1]))
        groups.append(_text(row.values[-1]))
    if not numbers:
        raise DataError(f"{file}: no row has an emotion; score it with emoscope score first")
    classes = _ordered(names)
    ids = {name: index for index, name in enumerate(classes)}
    return ScoredRows(
        np.array(numbers, np.int64),
        classes,
        np.array([ids[name] for name in names], np.int64),
        np.array(scores, np.float64),
        np.array(groups) if by else None,
        empty,
    )


def class_names(
    file: Path, form: TextFormat, scored: ScoredRows, labels: Iterable[str], prefix: str = ""
) -> tuple[str, ...]:
    """The classes of an estimate: those that are predicted or a label.

    Raises:
        DataError: a label is not a class that the model knows, or neutral.
    """
    known = {*scored.classes, NEUTRAL}
    if known <= {*EMOTIONS, NEUTRAL}:
        known |= set(EMOTIONS)
    found = set(labels)
    for label in sorted(found - known):
        if not form.has(file, prefix + label):
            raise DataError(f"unknown label {short(label)}; allowed: {', '.join(_ordered(known))}; correct the labels")
    return _ordered({*scored.classes, *found})


def read_probabilities(
    file: Path, form: TextFormat, scored: ScoredRows, classes: Sequence[str], prefix: str = ""
) -> NDArray[np.float64]:
    """The probability of each class for each row with a score, float64 (rows, classes).

    The probabilities of the labels are conditional on a text with emotion. Where neutral is a class, they are
    multiplied by the probability that the text is not neutral. A table without these columns gives 1 for the predicted
    class, else 0.
    """
    present = [name for name in classes if form.has(file, prefix + name)]
    if not set(present) - {NEUTRAL}:
        positions = np.array([classes.index(name) for name in scored.classes])
        return np.asarray(np.eye(len(classes))[positions[scored.answers]])
    columns = [prefix + name for name in present]
    kept = set(scored.numbers.tolist())
    values = np.array(
        [
            [_probability(row, cell, column) for cell, column in zip(row.values, columns, strict=True)]
            for number, row in enumerate(form.cells(file, columns), start=1)
            if number in kept
        ]
    )
    found = np.zeros((len(values), len(classes)))
    found[:, [classes.index(name) for name in present]] = values
    if NEUTRAL in present:
        at = classes.index(NEUTRAL)
        others = np.arange(len(classes)) != at
        found[:, others] *= 1 - found[:, [at]]
    return found


def read_sample(file: Path, form: TextFormat, label_column: str = LABEL) -> LabelledSample:
    """The labels in a table of rows to label, with their row numbers and, if it has them, probabilities and strata.

    Rows without a label lower the probability of the other rows of their stratum.

    Raises:
        DataError: the file cannot be read, lacks a column, or a cell is not what its column holds.
    """
    drawn = form.has(file, PROBABILITY)
    has_strata = drawn and form.has(file, STRATUM)
    columns = [label_column, ROW, *([PROBABILITY] * drawn), *([STRATUM] * has_strata)]
    numbers, labels, chances, strata, asked = [], [], [], [], []
    for row in form.cells(file, columns):
        stratum = _text(row.values[-1]) if has_strata else ""
        asked.append(stratum)
        label = _text(row.values[0]).strip()
        if not label:
            continue
        number = whole_number(row.values[1])
        if number is None or number < 1:
            raise DataError(
                f"{row.place}: {ROW} is {short(row.values[1])}; allowed: the number of a scored row, from 1"
            )
        numbers.append(number)
        labels.append(label)
        strata.append(stratum)
        chances.append(_probability(row, row.values[2], PROBABILITY) if drawn else 1.0)
    answered = {name: strata.count(name) / asked.count(name) for name in set(strata)}
    rates = np.array([answered[name] for name in strata])
    return LabelledSample(
        np.array(numbers, np.int64),
        tuple(labels),
        np.array(chances) * rates if drawn else None,
        np.array(strata) if has_strata else None,
        len(asked) - len(labels),
    )


def positions(scored: ScoredRows, sample: LabelledSample) -> NDArray[np.int64]:
    """Index among the rows with a score of each labelled row, int64 (labelled,).

    Raises:
        DataError: a row is labelled twice, has no score, or is not in the table.
    """
    found: dict[int, int] = {int(number): index for index, number in enumerate(scored.numbers)}
    seen: set[int] = set()
    for number in sample.numbers.tolist():
        if number not in found or number in seen:
            reason = "is labelled twice" if number in seen else "is not a scored row"
            raise DataError(f"row {number} {reason}; give the table that the sample was drawn from, and each row once")
        seen.add(number)
    return np.array([found[number] for number in sample.numbers.tolist()], np.int64)


def sample_csv(
    file: Path, form: TextFormat, text_column: str, scored: ScoredRows, plan: SamplingPlan, drawn: NDArray[np.int64]
) -> str:
    """The rows to label as CSV: row number, text, an empty label, stratum and probability; without the predictions.

    Raises:
        DataError: the file cannot be read or has no such column.
    """
    wanted = {int(scored.numbers[index]): int(index) for index in drawn}
    texts = {
        number: _text(row.values[0])
        for number, row in enumerate(form.cells(file, [text_column]), start=1)
        if number in wanted
    }
    output = io.StringIO(newline="")
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow([ROW, "text", LABEL, STRATUM, PROBABILITY])
    for index in drawn.tolist():
        number, stratum = int(scored.numbers[index]), int(plan.strata[index])
        writer.writerow([number, texts[number], "", stratum, repr(float(plan.probability[stratum]))])
    return output.getvalue()


def prior_of(shares: Mapping[str, float], scored: ScoredRows) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The classes of a prior in order, and their shares.

    Raises:
        DataError: a predicted class has no share.
    """
    if missing := [name for name in scored.classes if name not in shares]:
        raise DataError(f"the prior has no share of {missing[0]!r}; give a share for each class of the model")
    classes = _ordered(shares)
    return classes, np.array([shares[name] for name in classes])


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once: the emotions in index order, then other names, neutral last."""
    order = {name: index for index, name in enumerate(EMOTIONS)}
    return tuple(sorted(set(names), key=lambda name: (name == NEUTRAL, order.get(name, len(order)), name)))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _probability(row: Cells, value: Any, column: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise DataError(f"{row.place}: {column} is {short(value)}; allowed: a number from 0 to 1")
    return number
