"""What a reader is to take from a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emoscope.errors import DataError

RAW = "\0"
"""Beginning of the name of the column that holds rows of a text file as they stand there."""


@dataclass(frozen=True)
class Wanted:
    """What a reader is to take from a row.

    Attributes:
        text_column: name of the column of the texts.
        added: names of the columns that scoring adds: no column may have one of them already.
        raw: whether to take, of a text file, the text (and the time) and the row as it stands there, in place of all
            columns.
        time_column: name of a column of times, if they are wanted.
        text_apart: whether rows of JSON lines, taken raw, are taken without their text, which stands behind them then.
    """

    text_column: str
    added: tuple[str, ...]
    raw: bool = False
    time_column: str | None = None
    text_apart: bool = False

    @property
    def cells(self) -> tuple[str, ...]:
        """Names of the columns that are looked into."""
        return (self.text_column, self.time_column) if self.time_column else (self.text_column,)

    def check(self, place: str, columns: Sequence[str]) -> None:
        """Refuse a file without the columns that are looked into, or with one that would be added or looks like RAW.

        Raises:
            DataError: the columns do not fit.
        """
        for name in self.cells:
            if list(columns).count(name) != 1:
                found = "more than one column" if name in columns else "no column"
                raise DataError(f"{place}: {found} {name!r}; the columns are: {shown(columns)}")
        if marked := next((name for name in (self.cells if self.raw else columns) if name.startswith(RAW)), None):
            raise DataError(f"{place}: the name of a column begins with a NUL character: {marked!r}; give it another")
        if taken := self.taken(columns):
            raise DataError(
                f"{place}: there is a column {taken!r} already; give the added columns a prefix, or choose among them"
            )
        if not self.raw and len(set(columns)) != len(columns):
            raise DataError(f"{place}: several columns have the same name; the columns are: {shown(columns)}")

    def taken(self, columns: Sequence[str]) -> str | None:
        """A column that would be added, but is there already."""
        return next((name for name in self.added if name in columns), None)


def shown(columns: Sequence[str]) -> str:
    """Names of columns as an error shows them."""
    text = ", ".join(map(repr, columns))
    return text if len(text) <= 300 else text[:297] + "..."
