"""The reader of rows of a text file: blocks of lines to Arrow tables, by the parser of their format."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyarrow as pa

from emoscope.errors import DataError
from emoscope.rows.lines import Block, LineDecoder
from emoscope.scoring.arrow_errors import broken_data
from emoscope.scoring.csv_tables import CsvParser
from emoscope.scoring.jsonl_tables import JsonlParser
from emoscope.scoring.projection import Projection
from emoscope.scoring.rejected import RejectedRows
from emoscope.scoring.sources import MAX_ROW_BYTES, Source

BLOCK_BYTES = 1 << 20
"""Bytes read at once."""

_SLICE_BYTES = 64 << 10  # of a compressed file that breaks off, at most this much before the break is lost


class LineReader:
    """Reads the rows of a text file.

    Attributes:
        schema: schema of its tables.
        columns: names of the columns of the file.
        header: the header as it is in the file; "" where there is none.
        position: returns the number of bytes read so far.
    """

    def __init__(
        self, source: Source, projection: Projection, rejected: RejectedRows, schema: pa.Schema | None
    ) -> None:
        """Open the file and read its first lines.

        Args:
            source: the file.
            projection: what to take from a row.
            rejected: where rows go that cannot be read.
            schema: schema that all files share, where one is known already.

        Raises:
            DataError: nothing can be read from it.
        """
        self._source, self._rejected = source, rejected
        self._content, self.position = source.open()
        self._broken: list[str] = []
        self._blocks = read_blocks(self._content, self._broken)
        self._first = next(self._blocks)
        if self._broken and not self._first.lines:
            raise DataError(f"{source.name}: {self._broken[0]}; give the file its right name, or a whole copy")
        parser_class = JsonlParser if source.format.name == "jsonl" else CsvParser
        self._parser: JsonlParser | CsvParser = parser_class(source, projection, rejected, schema, self._first.lines)
        self.schema, self.columns, self.header = self._parser.schema, self._parser.columns, self._parser.header

    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""
        line = 1
        for block in chain([self._first], self._blocks):
            yield self._parser.parse(block)
            line = block.number + len(block.lines)
        if self._broken:
            self._rejected.add(self._source.name, f"{self._broken[0]}; everything from here on is lost", line=line)

    def close(self) -> None:
        """Close the file."""
        self._content.close()


def read_blocks(content: Any, broken: list[str]) -> Iterator[Block]:
    """The lines of a file; at least one block, even if the file is empty.

    Args:
        content: the file.
        broken: receives the reason why the file cannot be read further, if it breaks off.
    """
    block = Block([], doubtful=False)
    for following in _blocks(content, broken):
        if block.lines:
            yield block
        block = following
    yield block._replace(final=True)


def _blocks(content: Any, broken: list[str]) -> Iterator[Block]:
    """Blocks with at least one line; where the file breaks off, its last line is dropped."""
    decoder = LineDecoder(MAX_ROW_BYTES)
    while not broken and (piece := _read(content, broken)):
        if (block := decoder.feed(piece)).lines:
            yield block
    if not broken and (rest := decoder.feed(b"", final=True)).lines:
        yield rest


def _read(content: Any, broken: list[str]) -> bytes:
    slices = []
    try:
        for _ in range(0, BLOCK_BYTES, _SLICE_BYTES):
            if not (part := content.read(_SLICE_BYTES)):
                break
            slices.append(part)
    except OSError as error:
        broken.append(f"the compressed data are broken ({broken_data(error)})")
    return b"".join(slices)
