"""The part of the readers of text files that does not depend on the format."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import chain

import pyarrow as pa

from emoscope.errors import DataError
from emoscope.rows.blocks import of_several_rows, read_blocks
from emoscope.rows.lines import Block
from emoscope.scoring.reader import Reader


class LineReader(Reader):
    """Reads the rows of a text file, a block of lines at a time."""

    def _begin(self, schema: pa.Schema | None) -> None:
        self._broken: list[str] = []
        self._blocks = read_blocks(self._content, self._broken, self._source.format.encoding)
        try:
            self._first = next(self._blocks)
        except DataError as error:
            raise DataError(f"{self._source.name}: {error}") from None
        if self._broken and not self._first.lines:
            raise DataError(f"{self._source.name}: {self._broken[0]}; give the file its right name, or a whole copy")
        self._read_head(self._first.lines, schema)

    @abstractmethod
    def _read_head(self, lines: list[str], schema: pa.Schema | None) -> None:
        """Set `schema`, `columns` and `header` from the first lines, which `_table` takes later."""

    @abstractmethod
    def _table(self, block: Block) -> pa.Table:
        """The rows of further lines; those that cannot be read are rejected."""

    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""
        line = 1
        for block in of_several_rows(chain([self._first], self._blocks)):
            yield self._table(block)
            line = block.number + len(block.lines)
        if self._broken:
            self._rejected.breaks += 1
            self._reject(self._broken[0], line=line)
