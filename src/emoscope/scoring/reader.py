"""What all readers of a source have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from emoscope.scoring.projection import Projection
from emoscope.scoring.rejected import RejectedRows
from emoscope.scoring.sources import Source


class Reader(ABC):
    """Reads the rows of one source as Arrow tables.

    Attributes:
        schema: schema of its tables.
        columns: names of the columns of the source.
        header: the header of a text file as it is there; "" where there is none.
        note: how the source was read, in words; None where there is nothing to say.
        position: returns the number of bytes read so far.
    """

    schema: pa.Schema
    columns: list[str]
    header = ""
    note: str | None = None
    position: Callable[[], float]

    def __init__(
        self, source: Source, projection: Projection, rejected: RejectedRows, schema: pa.Schema | None = None
    ) -> None:
        """Open the source and look at its beginning.

        Args:
            source: the source.
            projection: what to take from a row.
            rejected: takes the rows that cannot be read.
            schema: schema of the tables that several text files share; None if it is not known yet.

        Raises:
            DataError: the source cannot be read, or does not have the required columns.
        """
        self._source, self._projection, self._rejected = source, projection, rejected
        self._content, self.position = source.open()
        self._begin(schema)

    @abstractmethod
    def _begin(self, schema: pa.Schema | None) -> None:
        """Read the beginning; sets `schema` and `columns`."""

    @abstractmethod
    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""

    def close(self) -> None:
        """Close the source."""
        self._content.close()

    def _reject(self, reason: str, **place: Any) -> None:
        """Reject one or more rows; the keywords are those of `RejectedRows.add`."""
        self._rejected.add(self._source.name, reason, **place)
