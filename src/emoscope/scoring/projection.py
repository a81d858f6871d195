"""Which columns of a table are read, and which are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from emoscope.errors import DataError
from emoscope.rows.columns import AddedColumns, check_columns, column_list

ADVICE = "give the added columns a prefix, or choose among them"


class RawRows(NamedTuple):
    """Where Arrow tables hold rows of a text file as they are in the file, ready for the columns behind them.

    Attributes:
        at: index of the column of these rows.
        header: the header of the file; "" where there is none.
    """

    at: int
    header: str


@dataclass(frozen=True)
class Projection:
    """Which columns of a table are read, and which are added.

    Attributes:
        text_column: name of the column of the texts.
        added: names of the columns that scoring adds: the table must not have them.
        raw: whether rows of a text file are read as they are, beside the columns that are looked into, instead of all
            columns.
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
        """Names of the columns that are looked into."""
        return (self.text_column, self.time_column) if self.time_column else (self.text_column,)

    @property
    def raw_names(self) -> list[str]:
        """Names of the columns of a table of raw rows: those that are looked into, then the rows."""
        name = "row"
        while name in (*self.required, *self.added):
            name += "_"
        if self.text_last:
            return [*self.required[1:], name, self.text_column]
        return [*self.required, name]

    def raw_rows(self, header: str) -> RawRows | None:
        """Where the raw rows of a file with this header are; None if it is read as columns."""
        return RawRows(len(self.required) - self.text_last, header) if self.raw else None

    @property
    def added_columns(self) -> AddedColumns:
        """The columns that scoring adds."""
        return AddedColumns(self.added, ADVICE)

    def check(self, place: str, columns: Sequence[str]) -> None:
        """Check that a table has the columns that are looked into, once, and none of those to be added.

        Raises:
            DataError: the columns do not fit; the message begins with the place.
        """
        try:
            check_columns(columns, self.required, self.added_columns)
        except DataError as error:
            raise DataError(f"{place}: {error}") from None
        if not self.raw and len(set(columns)) != len(columns):
            raise DataError(f"{place}: several columns have the same name; the columns are: {column_list(columns)}")
