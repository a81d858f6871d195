"""Dates written in numbers, such as 03/04/2025: all dates of a file together say which of them is the day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple

from emoscope.errors import DataError

DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "day-first", "month-first", "year-first"
DATE_ORDERS = (DAY_FIRST, MONTH_FIRST)
"""Orders that a caller may choose."""

_SPACE = "[ \u00a0\u2009\u202f]"
DATE = r"(\d{1,4})([./-])(\d{1,2})\2(\d{2,4})\.?"
TIME = rf"(\d{{1,2}})[:.](\d\d)(?:[:.](\d\d))?(?:{_SPACE}?([AaPp])\.?{_SPACE}?[Mm]\.?)?"
"""Patterns of a date and a time of day; their groups are the arguments of `Written.of`."""
_WRITTEN = re.compile(rf"{DATE},?{_SPACE}{TIME}")
_FEW_DATES = 3
_PLACES = {DAY_FIRST: (2, 1, 0), MONTH_FIRST: (2, 0, 1), YEAR_FIRST: (0, 1, 2)}  # of year, month and day


class Written(NamedTuple):
    """A date and a time of day as they are written.

    Attributes:
        numbers: the three numbers of the date, in order.
        separator: the character between them.
        clock: hour (0 to 23), minute and second.
    """

    numbers: tuple[int, int, int]
    separator: str
    clock: tuple[int, int, int]

    @classmethod
    def of(cls, groups: Sequence[str | None]) -> Written:
        """The groups of DATE and TIME as numbers."""
        first, separator, second, third, hour, minute, second_of_time, half = (group or "" for group in groups)
        hours = int(hour) % 12 + 12 * (half in "Pp") if half else int(hour)
        return cls((int(first), int(second), int(third)), separator, (hours, int(minute), int(second_of_time or 0)))

    def day(self, order: str) -> date | None:
        """The date in an order; None if there is no such day."""
        year, month, day = (self.numbers[place] for place in _PLACES[order])
        try:
            return date(year + 2000 if year < 100 else year, month, day)
        except ValueError:
            return None

    def time(self, order: str) -> datetime | None:
        """The date and time in an order; None if there is no such time."""
        day = self.day(order)
        try:
            return datetime(day.year, day.month, day.day, *self.clock) if day else None
        except ValueError:
            return None


class DateOrder(NamedTuple):
    """An order, and how it was found, in words; None where the dates say it by themselves."""

    order: str
    why: str | None


def written_time(text: str) -> Written | None:
    """The date and time that a text consists of; None for any other text."""
    match = _WRITTEN.fullmatch(text.strip())
    return Written.of(match.groups()) if match else None


def date_order(dates: Sequence[Written], name: str, chosen: str | None = None) -> DateOrder:
    """The order of all dates of a file.

    Dates with the year first, or with full stops between the numbers, leave no choice. Otherwise an order must make a
    day of every date; if two do, it is the one in which the messages go back in time less often, or, of three or more
    dates of which only the first or only the second number differs, the one in which that number is the day.

    Args:
        dates: all dates, in the order of the file.
        name: the name of the file, for errors.
        chosen: one of DATE_ORDERS to read the dates so, wherever their form leaves a choice.

    Raises:
        DataError: no order fits, or several fit equally well.
    """
    if not dates or all(written.numbers[0] > 31 for written in dates):
        return DateOrder(YEAR_FIRST, None)
    distinct = list(dict.fromkeys(written.numbers for written in dates))
    shown = next(written for written in dates)
    example = shown.separator.join(f"{number:02}" for number in shown.numbers)
    possible = [order for order in DATE_ORDERS if all(Written(n, "", (0, 0, 0)).day(order) for n in distinct)]
    if chosen and (chosen in possible or not possible):
        return DateOrder(chosen, f"{_words(chosen)}, as chosen")
    if not possible:
        raise DataError(
            f"{name}: its dates have neither all the day first nor all the month first (the first is {example}); "
            "export the conversation again, or choose with --date-order and leave the times of the others out"
        )
    if chosen:
        raise DataError(f"{name}: not all are {_words(chosen)}: {_not_in(distinct, chosen)}; leave --date-order out")
    found = _told_from(dates, distinct, possible)
    if not found:
        raise DataError(
            f"{name}: its dates can be read with the day first or with the month first (the first is {example}); say "
            f"which: --date-order {DAY_FIRST} or --date-order {MONTH_FIRST}"
        )
    return found


def _told_from(
    dates: Sequence[Written], distinct: Sequence[tuple[int, int, int]], possible: Sequence[str]
) -> DateOrder | None:
    """The order that dates say by themselves, if they do."""
    if (dates[0].separator == "." and DAY_FIRST in possible) or all(day == month for day, month, _ in distinct):
        return DateOrder(DAY_FIRST, None)
    if len(possible) == 1:
        return DateOrder(possible[0], f"{_words(possible[0])}, as in {_not_in(distinct, _other(possible[0]))}")
    back = {order: sum(later < earlier for earlier, later in pairwise(_days(dates, order))) for order in possible}
    best = min(possible, key=back.__getitem__)
    if back[best] != back[_other(best)]:
        return DateOrder(best, f"{_words(best)}, as otherwise messages would go back in time")
    varied = [len({numbers[place] for numbers in distinct}) > 1 for place in (0, 1)]
    if len(distinct) >= _FEW_DATES and varied[0] != varied[1]:
        order = DAY_FIRST if varied[0] else MONTH_FIRST
        return DateOrder(order, f"{_words(order)}, as otherwise all messages were of one day of different months")
    return None


def _days(dates: Sequence[Written], order: str) -> Iterator[date]:
    return (day for written in dates if (day := written.day(order)))


def _not_in(numbers: Sequence[tuple[int, int, int]], order: str) -> str:
    """The first date that is not a day in this order."""
    found = next(n for n in numbers if not Written(n, "", (0, 0, 0)).day(order))
    return "/".join(f"{number:02}" for number in found)


def _other(order: str) -> str:
    return MONTH_FIRST if order == DAY_FIRST else DAY_FIRST


def _words(order: str) -> str:
    return f"dates with the {order.replace('-', ' ')}"
