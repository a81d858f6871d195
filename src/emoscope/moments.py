"""Times in the forms that people write, and the periods that they are counted in."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError

_EPOCH = datetime(1970, 1, 1)
_WRITTEN = re.compile(
    r"(\d{4})[-/](\d\d?)(?:[-/](\d\d?)"
    r"(?:[T ] *(\d\d?)(?::?(\d\d)(?::?\d\d(?:[.,]\d+)?)?)? *(?:Z|UTC|([+-])(\d\d)(?::?(\d\d))?)?)?)?",
    re.I,
)
_BY_NAME = re.compile(r"[A-Z][a-z]{2},? ")
_NAMED = (  # as Twitter, C and e-mail write times
    "%a %b %d %H:%M:%S %z %Y",
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %Z",
)
_FIRST_UNIX_TIME = 1e8  # in March 1973; a smaller number is not a time


@dataclass(frozen=True)
class Unit:
    """A length of periods.

    Attributes:
        name: its name, such as "day".
        step: the numpy unit that it consists of.
        size: number of these units.
        offset: number of units to add to those since 1970, so that weeks begin on Monday and decades with a zero.
    """

    name: str
    step: str
    size: int = 1
    offset: int = 0

    def of(self, times: NDArray[Any]) -> NDArray[np.int64]:
        """Number of the period of each time; times are datetime64 (n,)."""
        numbers: NDArray[np.int64] = times.astype(f"M8[{self.step}]").astype(np.int64)
        return (numbers + self.offset) // self.size

    def starts(self, numbers: NDArray[np.int64]) -> list[str]:
        """When periods begin: "2024", "2024-05", "2024-05-06" or "2024-05-06 07:08"."""
        times = (numbers * self.size - self.offset).astype(f"M8[{self.step}]")
        starts = np.datetime_as_string(times.astype("M8[m]") if self.step == "h" else times)
        return [start.replace("T", " ") for start in starts.tolist()]


UNITS = (
    *(Unit("minute", "m"), Unit("ten minutes", "m", 10), Unit("hour", "h"), Unit("six hours", "h", 6)),
    *(Unit("day", "D"), Unit("week", "D", 7, 3), Unit("month", "M"), Unit("quarter", "M", 3)),
    *(Unit("year", "Y"), Unit("decade", "Y", 10, 1970), Unit("century", "Y", 100, 1970)),
)
"""The units, from short to long."""


def check_time_format(time_format: str | None) -> None:
    """Check that times can be read in a format, if one is given.

    Raises:
        DataError: they cannot.
    """
    try:
        written = datetime(2024, 12, 31, tzinfo=timezone.utc).strftime(time_format or "")
        datetime.strptime(written, time_format or "")
    except ValueError as error:
        raise DataError(
            f"the time format {time_format!r} cannot be read ({error}); allowed: directives of strptime, as in "
            "'%d.%m.%Y' or '%m/%d/%y %H:%M'"
        ) from None


def moment(value: str | float | None, time_format: str | None = None) -> datetime | None:
    """The time that a value represents, in UTC if it names a zone; None if it is not a time.

    Text is read in ISO form (from "2024-05" to "2024-05-06 07:08:09.5+02", also with `/` for `-`), and as Twitter and
    e-mail write it ("Wed Aug 27 13:08:45 +0000 2008"). A number, or text with one, is a year, a date such as 20240506,
    or Unix time from 1973 on, in seconds, milli-, micro- or nanoseconds.

    Args:
        value: text or a number.
        time_format: the format of text, as `strptime` takes it, in place of these forms.
    """
    try:
        if time_format and value is not None:
            return _parsed(str(value).strip(), time_format)
        return _of_text(value.strip()) if isinstance(value, str) else _of_number(value)
    except (ValueError, OverflowError):
        return None


def _of_text(text: str) -> datetime | None:
    written = _WRITTEN.fullmatch(text)
    if not written:
        return _of_name(text) if _BY_NAME.match(text) else _of_number(float(text))
    *numbers, sign, hours, minutes = written.groups(default="0")
    year, month, day, hour, minute = map(int, numbers)
    ahead = int(f"{sign}1") * timedelta(hours=int(hours), minutes=int(minutes))
    return datetime(year, month, day or 1, hour, minute) - ahead


def _of_name(text: str) -> datetime | None:
    for time_format in _NAMED:
        try:
            return _parsed(text, time_format)
        except ValueError:
            continue
    return None


def _parsed(text: str, time_format: str) -> datetime:
    """The time in UTC if the text names a zone."""
    moment = datetime.strptime(text, time_format)
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


def _of_number(number: float | None) -> datetime | None:
    if number is None or not math.isfinite(number):
        return None
    digits = str(int(number)) if number == int(number) else ""
    if len(digits) in (4, 8):  # a year, or a date
        return datetime.strptime(digits, "%Y%m%d"[: len(digits) - 2])
    if number < _FIRST_UNIX_TIME:
        return None
    for factor in (1, 10**3, 10**6, 10**9):
        if number < 1e11 * factor:
            return _EPOCH + timedelta(seconds=number / factor)
    return None
