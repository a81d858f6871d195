"""Which columns of a table are read, and which are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emoscope.errors import DataError
from emoscope.rows.columns import check_columns, column_list


@dataclass(frozen=True)
class Projection:
    """Which columns of a table are read, and which are added.

    Attributes:
        text_column: name of the column of the texts.
        added: names of the columns that scoring adds: the table must not have them.
        raw: whether rows of a text file are read as they are, beside the required columns, instead of all columns.
        time_column: name of the column of times, if one is needed.
        text_last: whether raw rows of JSON lines are read without their text, which is written behind them then.
    """

    text_column: str
    added: tuple[str, ...]
    raw: bool = False
    time_column: str | None = None
    text_last: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that scoring itself needs: the texts, and the times for a report."""
        return (self.text_column, self.time_column) if self.time_column else (self.text_column,)

    @property
    def raw_at(self) -> int | None:
        """Index of the column of raw rows, which the columns behind it are added to; None if there is none."""
        return len(self.required) - self.text_last if self.raw else None

    @property
    def raw_names(self) -> list[str]:
        """Names of the columns of a table with raw rows: the required ones, and one that differs from all others."""
        names = [*self.required[1:], self.text_column] if self.text_last else list(self.required)
        name = "row"
        while name in (*names, *self.added):
            name += "_"
        names.insert(len(names) - self.text_last, name)
        return names

    def check(self, place: str, columns: Sequence[str]) -> None:
        """Check that a table has the required columns, once, and none of those to be added.

        Raises:
            DataError: the columns do not fit; the message begins with the place.
        """
        check_columns(columns, self.required, self.added, place=place)
        if not self.raw and len(set(columns)) != len(columns):
            raise DataError(f"{place}: several columns have the same name; the columns are: {column_list(columns)}")
