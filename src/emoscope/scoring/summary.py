"""The summary of a job, and statistics of its rows, gathered as they pass in memory that does not grow with them.

Equal rows in equal order give equal statistics, however they are divided into parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from emoscope.prediction import MIN_NEUTRAL
from emoscope.scoring.core import Scored
from emoscope.scoring.rejected import RejectedRows
from emoscope.scoring.times import LabelsOverTime, read_times

BINS = 20
"""Number of bins of the probability, from 0 to 1, in which rows are counted."""

EXAMPLES = 8
"""Number of examples that are kept of each label and kind."""

_MAX_SHOWN = 300  # characters that are kept of a text


@dataclass(frozen=True)
class Summary:
    """What a job did.

    Attributes:
        rows_in: number of rows read, including rejected ones.
        rows: number of rows written.
        without_text: number of rows written with null scores.
        rejected: number of rows rejected.
        first_rejected: the first of them in words; None if there are none.
        labels: for each value of the column `emotion`, the number of rows that have it.
        seconds: how long the job took; for a run that was resumed, since then.
        rows_per_second: rows_in over seconds.
        breaks: number of places where an input breaks off or is damaged, so that rows may be lost; each is a rejected
            row.
        damaged_parts: number of parts that an unfinished run had kept, but that were damaged and scored again.
        without_time: number of rows with a text but without a time that can be read, which the report leaves out of the
            labels over time; 0 without a column of times.
        time_outliers: number of rows whose times are far before or after all others, which are left out there too.
        first_without_time: the first value among them that is not empty; None if there is none.
        neutral: number of rows whose text more likely expresses no emotion than any; None for a model without an output
            for neutral texts. With neutral="label", `labels` has them as "neutral"; else they are among the labels.
        notes: how conversations were read, in words.
        speakers: for conversations, the speakers, those with the most messages first: `speaker`, `messages`, `neutral`,
            `without_text`, and `labels` with the numbers of the other messages.
        turning_points: for conversations, where another emotion begins to prevail: `message` (its number, from 1),
            `conversation`, `speaker`, `time`, `text`, `from` and `to`.
    """

    rows_in: int
    rows: int
    without_text: int
    rejected: int
    first_rejected: str | None
    labels: Mapping[str, int]
    seconds: float
    rows_per_second: float
    breaks: int = 0
    damaged_parts: int = 0
    without_time: int = 0
    time_outliers: int = 0
    first_without_time: str | None = None
    neutral: int | None = None
    notes: Sequence[str] = ()
    speakers: Sequence[Mapping[str, Any]] = ()
    turning_points: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Example:
    """A row for the report; of rows with the same text, the first.

    Attributes:
        row: number of the row in the output, from 1.
        text: beginning of its text.
        score: its probability.
        second: the label with the next lower probability, or for "neutral" with the highest; None for a model with one
            label.
        second_score: that probability.
        key: hash of its text.
    """

    row: int
    text: str
    score: float
    second: str | None
    second_score: float
    key: int


class RowStatistics:
    """Counts of rows by label, probability and time, and examples.

    Attributes:
        labels: the values that the column `emotion` can have, as `Scorer.answers`.
        neutral: number of rows that are more likely neutral; None if the model cannot tell.
        text_column: name of the column of the texts.
        time_column: name of the column of times; None if there is none.
        rows: number of rows so far.
        rows_read: number of rows before they were split into sentences.
        confidence: int64 (labels, BINS): number of rows by label and by its probability.
        confident: for each label, examples with the highest probabilities, the highest first.
        doubtful: for each label, examples with the lowest probabilities, the lowest first.
        over_time: labels over time; None without a column of times.
        unread_time: the first value in that column that is not empty and cannot be read.
    """

    def __init__(
        self,
        labels: Sequence[str],
        text_column: str,
        time_column: str | None = None,
        time_format: str | None = None,
        *,
        has_neutral: bool = False,
    ) -> None:
        """No rows yet."""
        self.labels = tuple(labels)
        self.neutral = 0 if has_neutral else None
        self.rows = self.rows_read = 0
        self.confidence = np.zeros((len(labels), BINS), np.int64)
        self.confident: list[list[Example]] = [[] for _ in labels]
        self.doubtful: list[list[Example]] = [[] for _ in labels]
        self.over_time = LabelsOverTime(len(labels)) if time_column else None
        self.text_column, self.time_column, self.time_format = text_column, time_column, time_format
        self.unread_time: str | None = None

    @property
    def label_rows(self) -> dict[str, int]:
        """For each label, the number of rows that have it in the column `emotion`."""
        return dict(zip(self.labels, self.confidence.sum(axis=1).tolist(), strict=True))

    def summary(self, rejected: RejectedRows, seconds: float) -> Summary:
        """The summary of a job with these rejected rows, which took so many seconds."""
        rows_in, without_text = self.rows_read + rejected.count, self.rows - sum(self.label_rows.values())
        counts = rows_in, self.rows, without_text, rejected.count
        done = Summary(
            *counts, rejected.first, self.label_rows, seconds, rows_in / seconds, rejected.breaks, neutral=self.neutral
        )
        if not self.over_time:
            return done
        course, without = self.over_time.course(), self.over_time.without
        outliers = course.outside if course else 0
        return replace(done, without_time=without, time_outliers=outliers, first_without_time=self.unread_time)

    def add(self, scored: Scored) -> None:
        """Count the rows of a part."""
        rows = np.flatnonzero(pc.is_valid(scored.text_of_row).to_numpy(zero_copy_only=False))
        if len(rows):
            self._add(scored, rows, scored.text_of_row.drop_null().to_numpy())
        self.rows += scored.table.num_rows
        self.rows_read += scored.rows_in

    def _add(self, scored: Scored, rows: NDArray[np.int64], text_of_row: NDArray[np.int32]) -> None:
        """Count rows with a text: `rows` are their indices in the part, `text_of_row` those of their texts."""
        labels, scores = scored.answers, scored.scores
        if scored.neutral is not None:
            self.neutral = (self.neutral or 0) + int((scored.neutral >= MIN_NEUTRAL)[text_of_row].sum())
        cells = labels * BINS + np.minimum((scores * BINS).astype(np.int64), BINS - 1)
        self.confidence += np.bincount(cells[text_of_row], minlength=self.confidence.size).reshape(-1, BINS)
        if self.over_time:
            self._add_times(self.over_time, scored.table.column(self.time_column), rows, labels[text_of_row])
        first_row = np.empty(len(scores), np.int64)
        first_row[text_of_row[::-1]] = rows[::-1]
        for label in range(len(self.labels)):
            of_label = np.flatnonzero(labels == label)
            for kept, sign in ((self.confident, -1), (self.doubtful, 1)):
                near = of_label[sign * scores[of_label] <= _limit(kept[label], sign)]
                order = np.lexsort((first_row[near], sign * scores[near]))
                found = self._examples(scored, near[order[:EXAMPLES]], first_row)
                kept[label] = _first_of(kept[label], found, sign)

    def _add_times(
        self, over_time: LabelsOverTime, column: pa.ChunkedArray, rows: NDArray[np.int64], labels: NDArray[np.int64]
    ) -> None:
        times = read_times(column, self.time_format)[rows]
        over_time.without_days = pa.types.is_time(column.type)
        over_time.add(times, labels)
        if self.unread_time is None and np.isnat(times).any():
            values = column.take(pa.array(rows[np.isnat(times)])).to_pylist()
            self.unread_time = next((str(value)[:40] for value in values if value not in (None, "")), None)

    def _examples(self, scored: Scored, texts: NDArray[np.int64], first_row: NDArray[np.int64]) -> Iterator[Example]:
        rows = first_row[texts]
        column = scored.table.column(self.text_column).take(pa.array(rows))
        for place, row, text in zip(texts, rows.tolist(), column.to_pylist(), strict=True):
            ranking = np.argsort(-scored.probabilities[place], kind="stable")
            others = ranking[ranking != scored.answers[place]]
            second = others[0] if len(others) else None
            yield Example(
                row=self.rows + row + 1,
                text=text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN].rstrip() + "…",
                score=float(scored.scores[place]),
                second=None if second is None else self.labels[second],
                second_score=0.0 if second is None else float(scored.probabilities[place, second]),
                key=hash(text),
            )


def _limit(kept: list[Example], sign: int) -> float:
    """The largest score, times the sign, that can still be among the first."""
    return sign * kept[-1].score if len(kept) == EXAMPLES else np.inf


def _first_of(kept: list[Example], found: Iterator[Example], sign: int) -> list[Example]:
    """The first EXAMPLES of both, in order, each text once."""
    known = {example.key for example in kept}
    every = [*kept, *(example for example in found if example.key not in known)]
    return sorted(every, key=lambda example: (sign * example.score, example.row))[:EXAMPLES]
