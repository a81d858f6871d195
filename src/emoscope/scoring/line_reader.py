"""The reader of rows of a text file: blocks of lines to Arrow tables, by a parser of their format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Protocol

from emoscope.errors import DataError
from emoscope.rows.lines import Block, LineDecoder
from emoscope.scoring.arrow_errors import broken_data
from emoscope.scoring.rejected import RejectedRows
from emoscope.scoring.sources import Opened, Source

BLOCK_BYTES = 1 << 20
"""Bytes read at once."""

MAX_ROW_BYTES = 16 << 20
"""Maximum length of a row of text, in bytes; a longer one is rejected."""

_SLICE_BYTES = 64 << 10  # of a compressed file that breaks off, at most this much before the break is lost


class Parser(Protocol):
    """Turns blocks of lines into tables.

    Attributes:
        schema: schema of the tables.
        columns: names of the columns of the file.
        header: the header as it is in the file; "" where there is none.
    """

    schema: Any
    columns: list[str]
    header: str

    @property
    def line(self) -> int:
        """Number of the next line."""
        ...

    def parse(self, block: Block) -> Any:
        """The rows of further lines, an Arrow table."""
        ...


class LineReader:
    """Reads the rows of a text file with a parser.

    Attributes:
        schema: schema of its tables.
        columns: names of the columns of the file.
        header: the header as it is in the file; "" where there is none.
    """

    def __init__(self, source: Source, make_parser: Callable[[Block], Parser], rejected: RejectedRows) -> None:
        """Open the file and read its first lines.

        Args:
            source: the file.
            make_parser: called with the first lines.
            rejected: where rows go that cannot be read.

        Raises:
            DataError: nothing can be read from it.
        """
        self._source, self._rejected = source, rejected
        self._opened = source.open()
        self._blocks = read_blocks(self._opened)
        self._first = next(self._blocks)
        if self._first.broken and not self._first.lines:
            raise DataError(f"{source.name}: {self._first.broken}; give the file its right name, or a whole copy")
        self._parser = make_parser(self._first)
        self.schema, self.columns, self.header = self._parser.schema, self._parser.columns, self._parser.header

    @property
    def fraction(self) -> float | None:
        """How much of the file has been read, from 0 to 1; None for a pipe."""
        return self._opened.position() / max(self._source.size, 1) if self._source.size is not None else None

    def tables(self) -> Iterator[Any]:
        """The rows as Arrow tables."""
        for block in chain([self._first], self._blocks):
            yield self._parser.parse(block)
            if block.broken:
                self._rejected.add(
                    self._source.name, f"{block.broken}; everything from here on is lost", line=self._parser.line
                )

    def close(self) -> None:
        """Close the file."""
        self._opened.file.close()


def read_blocks(opened: Opened) -> Iterator[Block]:
    """The lines of a file; at least one block, even if the file is empty."""
    broken: list[str] = []
    block = Block([], doubtful=False)
    for following in _blocks(opened, broken):
        if block.lines:
            yield block
        block = following
    yield block._replace(final=True, broken=broken[0] if broken else None)


def _blocks(opened: Opened, broken: list[str]) -> Iterator[Block]:
    """Blocks with at least one line; where the file breaks off, the last line is dropped and the reason recorded."""
    decoder = LineDecoder(MAX_ROW_BYTES)
    while not broken and (content := _read(opened.file, broken)):
        if (block := decoder.feed(content)).lines:
            yield block
    if not broken and (rest := decoder.feed(b"", final=True)).lines:
        yield rest


def _read(file: Any, broken: list[str]) -> bytes:
    slices = []
    try:
        for _ in range(0, BLOCK_BYTES, _SLICE_BYTES):
            if not (part := file.read(_SLICE_BYTES)):
                break
            slices.append(part)
    except OSError as error:
        broken.append(f"the compressed data are broken ({broken_data(error)})")
    return b"".join(slices)
