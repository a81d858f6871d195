"""Columns of times, and labels over time, in memory that does not grow with the rows.

Arrow's casts read columns of times and dates; text and numbers, which may mix many forms, are read by `moments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from emoscope.errors import DataError
from emoscope.moments import UNITS, Unit, moment

MAX_PERIODS = 4096
"""Maximum number of periods that are counted; beyond it, coarser ones are counted."""

MAX_SHOWN = 96
"""Maximum number of periods of a `Course`."""

_STEPS = ("m", "h", "D", "M", "Y")  # numpy units in which periods are counted, from fine to coarse
_TIMES = (pa.types.is_null, pa.types.is_timestamp, pa.types.is_date, pa.types.is_time)
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_NUMBERS = (pa.types.is_integer, pa.types.is_floating)


@dataclass(frozen=True)
class Course:
    """Labels over time.

    Attributes:
        unit: length of the periods, in words.
        starts: when each period begins, as `Unit.starts` writes it; all periods from the first to the last. Of times
            without a day, "07:08".
        rows: number of rows, int64 (periods, labels).
        outside: number of rows before the first or after the last period, which are left out because they are few.
    """

    unit: str
    starts: list[str]
    rows: NDArray[np.int64]
    outside: int


class LabelsOverTime:
    """Counts labels by period; the counts depend on the rows, not on their order.

    Attributes:
        without: number of rows without a time that can be read.
        without_days: whether the times are times of day, or of a recording, which no day belongs to.
    """

    def __init__(self, labels: int) -> None:
        """Nothing is counted yet.

        Args:
            labels: number of labels.
        """
        self.without = 0
        self.without_days = False
        self._labels = labels
        self._level = 0
        self._rows: dict[int, NDArray[np.int64]] = {}

    def add(self, times: NDArray[Any], labels: NDArray[np.int64]) -> None:
        """Count rows.

        Args:
            times: datetime64 (rows,), NaT for a row without a time.
            labels: index of the label of each row.
        """
        known = ~np.isnat(times)
        self.without += len(times) - int(known.sum())
        periods, place = np.unique(self._numbers(times[known]), return_inverse=True)
        counts = np.bincount(place * self._labels + labels[known], minlength=len(periods) * self._labels)
        self._add(periods, counts.reshape(-1, self._labels))
        while len(self._rows) > MAX_PERIODS and self._level < len(_STEPS) - 1:
            times, rows = self._counted()
            self._level, self._rows = self._level + 1, {}
            self._add(self._numbers(times), rows)

    def course(self) -> Course | None:
        """The labels over time, in the shortest unit that gives at most MAX_SHOWN periods; None without any time.

        If a few stray times make the periods longer, they are left out: at most one in a thousand at either end.
        """
        if not self._rows:
            return None
        times, rows = self._counted()
        sums = np.cumsum(rows.sum(axis=1))
        first, last = np.searchsorted(sums, (sums[-1] / 1000, sums[-1] * 0.999))
        near = slice(int(first), int(last) + 1)
        shown = near if _unit(times[near], self._level) != _unit(times, self._level) else slice(None)
        unit = _unit(times[shown], self._level)
        numbers = unit.of(times[shown])
        counts = np.zeros((numbers[-1] - numbers[0] + 1, self._labels), np.int64)
        np.add.at(counts, numbers - numbers[0], rows[shown])
        starts = unit.starts(np.arange(numbers[0], numbers[-1] + 1))
        if self.without_days:
            starts = [start.partition(" ")[2] for start in starts]
        return Course(unit.name, starts, counts, int(sums[-1] - counts.sum()))

    def _numbers(self, times: NDArray[Any]) -> NDArray[np.int64]:
        return times.astype(f"M8[{_STEPS[self._level]}]").astype(np.int64)

    def _add(self, periods: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        for period, count in zip(periods.tolist(), counts, strict=True):
            self._rows[period] = self._rows.get(period, 0) + count

    def _counted(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Beginning of each period, in order, and numbers of rows (periods, labels)."""
        periods = sorted(self._rows)
        return np.array(periods).astype(f"M8[{_STEPS[self._level]}]"), np.array([self._rows[p] for p in periods])


def check_times(column: str, arrow_type: pa.DataType) -> None:
    """Check that a column may hold times.

    Raises:
        DataError: its type cannot.
    """
    if not any(is_type(_values(arrow_type)) for is_type in (*_TIMES, *_TEXT, *_NUMBERS)):
        raise DataError(f"the time column {column!r} is {arrow_type}; allowed: times, dates, text, numbers")


def read_times(column: pa.ChunkedArray, time_format: str | None = None) -> NDArray[Any]:
    """The times of a column as datetime64 in minutes (rows,), NaT for a row without one; in UTC if they name a zone.

    Text is read in ISO form (from "2024-05" to "2024-05-06 07:08:09.5+02", also with `/` for `-`), and as Twitter and
    e-mail write it ("Wed Aug 27 13:08:45 +0000 2008"). A number, or text with one, is a year, a date such as 20240506,
    or Unix time from 1973 on, in seconds, milli-, micro- or nanoseconds.

    Args:
        column: times, dates, text or numbers. Times of day are those of 1 January 1970.
        time_format: the format of text, as `strptime` takes it, in place of these forms.
    """
    values = column.cast(_values(column.type)) if pa.types.is_dictionary(column.type) else column
    if pa.types.is_time(values.type):
        times = (
            values.cast(pa.time64("us")).cast(pa.int64()).cast(pa.timestamp("us")).cast(pa.timestamp("s"), safe=False)
        )
    elif any(is_type(values.type) for is_type in _TIMES):
        times = values.cast(pa.timestamp("s"), safe=False)
    else:
        encoded = values.combine_chunks().dictionary_encode()
        values = encoded.dictionary.to_pylist()
        moments = pa.array([moment(value, time_format) for value in values], pa.timestamp("s"))
        times = pa.chunked_array([moments.take(encoded.indices)])
    minutes: NDArray[Any] = times.to_numpy().astype("M8[m]")
    return minutes


def _unit(times: NDArray[Any], level: int) -> Unit:
    """The shortest unit, of those counted at a level, in which sorted times span few enough periods."""
    units = [unit for unit in UNITS if _STEPS.index(unit.step) >= level]
    few = (unit for unit in units if np.ptp(unit.of(times[[0, -1]])) < MAX_SHOWN)
    return next(few, units[-1])


def _values(arrow_type: pa.DataType) -> pa.DataType:
    return arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type
