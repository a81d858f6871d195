"""Columns of a table of texts: those that are read, and those that are added behind them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from emoscope.errors import DataError

EMOTION, SCORE = "emotion", "emotion_score"
"""Names of the added columns before those of the labels."""


class AddedColumns(NamedTuple):
    """The columns that are added to a table.

    Attributes:
        names: their names, in order.
        advice: what to do where a column of that name exists already, for the error.
    """

    names: tuple[str, ...]
    advice: str

    def conflict(self, columns: Container[str]) -> str | None:
        """The problem of a table that has one of the columns already; None if it has none of them."""
        name = next((name for name in self.names if name in columns), None)
        return None if name is None else f"there is a column {name!r} already; {self.advice}"


def chosen_columns(chosen: Sequence[str] | None, available: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns to add.

    Args:
        chosen: some of the available ones, in any order; None for all.
        available: all that can be added.

    Raises:
        DataError: a name that is not available, or is chosen twice.
    """
    names = tuple(available if chosen is None else chosen)
    for name in names:
        if name not in available or names.count(name) > 1:
            raise DataError(f"the column {name!r} cannot be added; allowed, once each: {', '.join(available)}")
    return names


def check_columns(columns: Sequence[str], required: Sequence[str], added: AddedColumns) -> None:
    """Check that a table has each of the required columns once and none of those to be added.

    Raises:
        DataError: it does not.
    """
    require_columns(columns, required)
    if problem := added.conflict(columns):
        raise DataError(problem)


def require_columns(columns: Sequence[str], required: Sequence[str], hint: str = "") -> None:
    """Check that a table has each of the required columns once.

    Raises:
        DataError: it does not; the hint ends the message.
    """
    for name in required:
        if list(columns).count(name) != 1:
            found = "more than one column" if name in columns else "no column"
            raise DataError(f"{found} {name!r}; the columns are: {column_list(columns)}{hint}")


def column_list(columns: Sequence[str]) -> str:
    """Names of columns as an error shows them, at most 300 characters."""
    text = ", ".join(map(repr, columns))
    return text if len(text) <= 300 else text[:297] + "..."
