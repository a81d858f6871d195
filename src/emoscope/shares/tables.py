"""Scored tables, as `emoscope score` writes them, read as arrays block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope import EMOTIONS
from emoscope.errors import DataError
from emoscope.labelled_rows import short
from emoscope.labels import NEUTRAL
from emoscope.moments import UNITS, check_time_format, moment
from emoscope.rows.columns import EMOTION, SCORE
from emoscope.shares.blocks import TextFormat, Texts, Wanted, read_blocks


@dataclass(frozen=True)
class TimeColumn:
    """A column of times, and the periods that they are divided into.

    Attributes:
        name: name of the column.
        period: length of the periods: "day", "week", "month", "quarter" or "year".
        time_format: format of the times, as `strptime` takes it; None for the forms that `emoscope.moments` reads.

    Raises:
        DataError: the format cannot be one.
    """

    name: str
    period: str = "month"
    time_format: str | None = None

    def __post_init__(self) -> None:
        if self.time_format is not None:
            check_time_format(self.time_format)

    def periods(self, times: Texts) -> Texts:
        """When the period of each row begins; empty for a row without a time."""
        return _mapped(times, [_start(time, self.period, self.time_format) for time in times.values])

    def sides(self, times: Texts, event: str) -> Texts:
        """Whether each row is before an event or from it on; empty for a row without a time."""
        days = [_start(time, "day", self.time_format) for time in times.values]
        return _mapped(times, [day and f"{'before' if day < event else 'from'} {event}" for day in days])


@lru_cache(maxsize=1 << 16)
def _start(time: str, period: str, time_format: str | None) -> str:
    """When the period of a time begins; empty for what is not a time."""
    when = moment(time, time_format) if time else None
    if when is None:
        return ""
    unit = next(unit for unit in UNITS if unit.name == period)
    return unit.starts(unit.of(np.array([when], "M8[m]")))[0]


def _mapped(column: Texts, values: Sequence[str]) -> Texts:
    """A column with other texts, some of which may be equal."""
    found = Texts.of(values)
    return Texts(found.values, found.codes[column.codes])


@dataclass(frozen=True)
class ScoredRows:
    """Some rows of a scored table that have a score.

    Attributes:
        numbers: number of each row in the table, from 1, int64 (rows,).
        answers: the predicted class of each.
        scores: its probability, float64 (rows,).
        groups: the group of each row, one column for each grouping; a row without a time is in the group "".
        texts: further columns.
        probabilities: columns of probabilities, float64 (rows, columns).
        without_score: number of rows that were left out.
    """

    numbers: NDArray[np.int64]
    answers: Texts
    scores: NDArray[np.float64]
    groups: tuple[Texts, ...]
    texts: tuple[Texts, ...]
    probabilities: NDArray[np.float64]
    without_score: int


@dataclass(frozen=True)
class ScoredTable:
    """A table with emotions, from `emoscope score`.

    Attributes:
        file: the file.
        form: how text files are written.
        prefix: what the names of the added columns begin with.
        group: column of groups; None without one.
        time: column of times; None without one.
        event: the day that separates before and after, as YYYY-MM-DD; None without one.
    """

    file: Path
    form: TextFormat = field(default_factory=TextFormat)
    prefix: str = ""
    group: str | None = None
    time: TimeColumn | None = None
    event: str | None = None

    @property
    def groupings(self) -> tuple[str, ...]:
        """Names of the groupings."""
        time = self.time
        names = [
            self.group,
            time and f"{time.name}, by {time.period}",
            time and self.event and f"{time.name}, before and after",
        ]
        return tuple(name for name in names if name)

    @property
    def ordered(self) -> tuple[bool, ...]:
        """Whether the groups of each grouping follow one another in the order of their names."""
        return tuple([False] * bool(self.group) + [True] * (len(self.groupings) - bool(self.group)))

    def rows(self, probabilities: Sequence[str] = (), texts: Sequence[str] = ()) -> Iterator[ScoredRows]:
        """The rows with a score, block by block.

        Args:
            probabilities: names of classes whose probabilities are read.
            texts: names of columns that are read as they are.

        Raises:
            DataError: the file cannot be read, lacks a column or a score, or has no row with one.
        """
        keys = [*([self.group] if self.group else []), *([self.time.name] if self.time else [])]
        wanted = Wanted(
            (self.prefix + EMOTION, *keys, *texts),
            (self.prefix + SCORE, *(self.prefix + name for name in probabilities)),
        )
        some = False
        for block in read_blocks(self.file, self.form, wanted):
            emotion, *others = block.texts
            kept = emotion.without("").codes >= 0
            some |= bool(kept.any())
            numbers = block.probabilities[kept]
            at = np.flatnonzero(kept) + block.first
            if np.isnan(numbers).any():
                row, column = np.argwhere(np.isnan(numbers))[0]
                name = wanted.probabilities[column]
                raise DataError(f"{self.file}, row {at[row]}: {name} is empty; allowed: a number from 0 to 1")
            columns = [column.at(kept) for column in others]
            yield ScoredRows(
                at,
                emotion.at(kept),
                numbers[:, 0],
                self._groups(columns[: len(keys)]),
                tuple(columns[len(keys) :]),
                numbers[:, 1:],
                int((~kept).sum()),
            )
        if not some:
            raise DataError(f"{self.file}: no row has an emotion; score it with emoscope score first")

    def _groups(self, columns: Sequence[Texts]) -> tuple[Texts, ...]:
        groups = [columns[0]] if self.group else []
        if self.time:
            groups.append(self.time.periods(columns[-1]))
            groups += [self.time.sides(columns[-1], self.event)] if self.event else []
        return tuple(groups)

    def present(self, names: Iterable[str]) -> tuple[str, ...]:
        """The classes that have a column of probabilities."""
        return tuple(name for name in names if self.form.has(self.file, self.prefix + name))

    def class_names(self, labels: Iterable[str]) -> tuple[str, ...]:
        """The classes of an estimate: those that are predicted or a label.

        Raises:
            DataError: a label is not a class that the model knows, or neutral; or as for `rows`.
        """
        predicted: set[str] = set()
        for rows in ScoredTable(self.file, self.form, self.prefix).rows():
            predicted |= {rows.answers.values[code] for code in np.unique(rows.answers.codes)}
        known = {*predicted, NEUTRAL}
        if known <= {*EMOTIONS, NEUTRAL}:
            known |= set(EMOTIONS)
        found = set(labels)
        for label in sorted(found - known):
            if not self.present([label]):
                allowed = ", ".join(_in_order(known))
                raise DataError(f"unknown label {short(label)}; allowed: {allowed}; correct the labels")
        return _in_order({*predicted, *found})


def class_probabilities(
    rows: ScoredRows, present: Sequence[str], classes: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index of the predicted class of each row, int64 (rows,), and its probabilities, float64 (rows, classes).

    The probabilities of the labels are conditional on a text with emotion. Where neutral is a class, they are
    multiplied by the probability that the text is not neutral. A table without these columns gives 1 for the predicted
    class, else 0.

    Args:
        rows: some rows, with the probabilities of the present classes.
        present: the classes that have a column of probabilities.
        classes: all classes.
    """
    index = {name: position for position, name in enumerate(classes)}
    answers = np.array([index.get(name, -1) for name in rows.answers.values], np.int64)[rows.answers.codes]
    if not set(present) - {NEUTRAL}:
        return answers, np.asarray(np.eye(len(classes))[answers])
    found = np.zeros((len(answers), len(classes)))
    found[:, [index[name] for name in present]] = rows.probabilities
    if NEUTRAL in present:
        at = index[NEUTRAL]
        others = np.arange(len(classes)) != at
        found[:, others] *= 1 - found[:, [at]]
    return answers, found


def prior_of(shares: Mapping[str, float], predicted: Iterable[str]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The classes of a prior in order, and their shares.

    Raises:
        DataError: a predicted class has no share.
    """
    if missing := [name for name in predicted if name not in shares]:
        raise DataError(f"the prior has no share of {missing[0]!r}; give a share for each class of the model")
    classes = _in_order(shares)
    return classes, np.array([shares[name] for name in classes])


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once: the emotions in index order, then other names, neutral last."""
    order = {name: index for index, name in enumerate(EMOTIONS)}
    return tuple(sorted(set(names), key=lambda name: (name == NEUTRAL, order.get(name, len(order)), name)))
