"""Text files as blocks of lines, and the reader of rows that parsers of lines share.

A line ends with a newline; what is no UTF-8 stays in it as lone surrogates and makes the block doubtful.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import chain
from typing import Any, Protocol

from emoscope.errors import DataError
from emoscope.scoring.arrow_errors import broken_data
from emoscope.scoring.rejected import Rejects
from emoscope.scoring.sources import Opened, Source

BLOCK = 1 << 20
"""Bytes read at once."""

LONGEST_ROW = 16 << 20
"""Most bytes of a row of text; a longer one is rejected."""

_SLICE = 64 << 10  # of a compressed file that breaks off, at most this much before the break is lost
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Some lines of a file.

    Attributes:
        lines: with their newlines.
        doubtful: whether one of them may be no UTF-8, or too long.
        final: whether these are the last.
        broken: why the file cannot be read further; None if it was read to its end.
    """

    lines: list[str]
    doubtful: bool
    final: bool
    broken: str | None = None


class Parser(Protocol):
    """Turns lines to rows.

    Attributes:
        schema: of its tables.
        columns: names of the columns of the file.
    """

    schema: Any
    columns: list[str]

    def parse(self, lines: list[str], number: int, block: Block) -> int:
        """Take rows from lines, the first of which has this number; returns how many lines were used."""
        ...

    def take(self) -> Any:
        """The rows taken since the last call, an Arrow table."""
        ...


class LineReader:
    """Reads the rows of a text file with a parser."""

    def __init__(self, source: Source, make_parser: Callable[[list[str]], Parser], rejects: Rejects) -> None:
        """Open the file.

        Args:
            source: the file.
            make_parser: called with the first lines.
            rejects: where rows go that cannot be read.

        Raises:
            DataError: nothing of it can be read.
        """
        self._source = source
        self._rejects = rejects
        self._opened = source.open()
        self._blocks = read_blocks(self._opened)
        self._first = next(self._blocks)
        if self._first.broken and not self._first.lines:
            raise DataError(f"{source.name}: {self._first.broken}; give the file its right name, or a whole copy")
        self._parser = make_parser(self._first.lines)
        self.schema, self.columns = self._parser.schema, self._parser.columns

    @property
    def fraction(self) -> float | None:
        """How much of the file is read, from 0 to 1; None for a pipe."""
        return self._opened.position() / max(self._source.size, 1) if self._source.size is not None else None

    def tables(self) -> Iterator[Any]:
        """The rows as Arrow tables."""
        number, pending = 1, list[str]()
        for block in chain([self._first], self._blocks):
            lines = pending + block.lines
            used = self._parser.parse(lines, number, block)
            number, pending = number + used, lines[used:]
            yield self._parser.take()
            if block.broken:
                self._rejects.add(self._source.name, f"{block.broken}; all from here on is lost", line=number)

    def close(self) -> None:
        """Close the file."""
        self._opened.file.close()


def read_blocks(opened: Opened) -> Iterator[Block]:
    """One block at least, even of an empty file."""
    broken: list[str] = []
    blocks = _whole_lines(opened, broken)
    block = next(blocks, b"").removeprefix(_BYTE_ORDER_MARK)
    for following in blocks:
        yield _block(block, final=False)
        block = following
    yield _block(block, final=True, broken=broken[0] if broken else None)


def flaw(row: str) -> str | None:
    """What is wrong with a row of a doubtful block, if anything is."""
    if len(row) > LONGEST_ROW:
        return f"the row is longer than {LONGEST_ROW >> 20} MiB"
    try:
        row.encode()
    except UnicodeEncodeError as error:
        return f"the byte 0x{ord(row[error.start]) - 0xDC00:02x} is broken UTF-8; allowed: text in UTF-8"
    return None


def _block(content: bytes, *, final: bool, broken: str | None = None) -> Block:
    try:
        text, doubtful = content.decode(), False
    except UnicodeDecodeError:
        text, doubtful = content.decode("utf-8", "surrogateescape"), True
    return Block(list(StringIO(text, newline="\n")), doubtful or len(content) > LONGEST_ROW, final, broken)


def _whole_lines(opened: Opened, broken: list[str]) -> Iterator[bytes]:
    """The content in pieces that end with a newline, but for the last; of a line that is too long the beginning."""
    rest = b""
    while not broken and (block := _read(opened.file, broken)):
        whole, newline, tail = block.rpartition(b"\n")
        if newline:
            yield rest + whole + newline
            rest = tail
        else:
            rest = (rest + tail)[: LONGEST_ROW + 1]
    if rest and not broken:
        yield rest


def _read(file: Any, broken: list[str]) -> bytes:
    slices = []
    try:
        for _ in range(0, BLOCK, _SLICE):
            if not (part := file.read(_SLICE)):
                break
            slices.append(part)
    except OSError as error:
        broken.append(f"the compressed data are broken ({broken_data(error)})")
    return b"".join(slices)
