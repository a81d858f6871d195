"""Text files as blocks of lines, and the part of their readers that does not depend on the format."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyarrow as pa

from emoscope.errors import DataError
from emoscope.rows.lines import Block, LineDecoder
from emoscope.scoring.arrow_errors import broken_data
from emoscope.scoring.reader import Reader

BLOCK_BYTES = 1 << 20
"""Bytes read at once."""

MAX_ROW_BYTES = 16 << 20
"""Maximum length of a row of text, in bytes; a longer one is rejected."""

_SLICE_BYTES = 64 << 10  # of a compressed file that breaks off, at most this much before the break is lost


class LineReader(Reader):
    """Reads the rows of a text file, a block of lines at a time."""

    def _begin(self, schema: pa.Schema | None) -> None:
        self._broken: list[str] = []
        self._blocks = read_blocks(self._content, self._broken)
        self._first = next(self._blocks)
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
        for block in chain([self._first], self._blocks):
            yield self._table(block)
            line = block.number + len(block.lines)
        if self._broken:
            self._reject(f"{self._broken[0]}; everything from here on is lost", line=line)


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
