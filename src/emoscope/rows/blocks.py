"""Text files as blocks of lines."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from emoscope.errors import broken_data
from emoscope.rows.gzip_content import BehindEndError
from emoscope.rows.lines import UTF_8, Block, LineDecoder, check_utf8

BLOCK_BYTES = 1 << 20
"""Bytes read at once."""

MAX_ROW_BYTES = 16 << 20
"""Maximum length of a row of text, in bytes; a longer one is rejected."""

MIN_LINES = 64
"""Lines of a block of rows that are not very long."""

_SLICE_BYTES = 64 << 10
_BREAKS = (OSError, EOFError, zlib.error)


def read_blocks(content: Any, broken: list[str], encoding: str = UTF_8) -> Iterator[Block]:
    """The lines of a file; at least one block, even if the file is empty.

    Args:
        content: the file.
        broken: receives the reason why the file cannot be read further, if it breaks off.
        encoding: name of the encoding of its text.

    Raises:
        DataError: the text is in another encoding.
    """
    block = Block([], doubtful=False)
    for following in _blocks(content, broken, encoding):
        if block.lines:
            yield block
        block = following
    yield block._replace(final=True)


def of_several_rows(blocks: Iterable[Block]) -> Iterator[Block]:
    """The same lines in blocks of at least MIN_LINES, unless they are very long.

    A table is made of each block, and its columns cost the more, the fewer rows it has.
    """
    held: list[Block] = []
    lines = size = 0
    for block in blocks:
        held.append(block)
        lines, size = lines + len(block.lines), size + BLOCK_BYTES
        if lines >= MIN_LINES or size >= MAX_ROW_BYTES:
            yield _joined(held)
            held, lines, size = [], 0, 0
    if held:
        yield _joined(held)


def _joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    return blocks[0]._replace(
        lines=[line for block in blocks for line in block.lines],
        doubtful=any(block.doubtful for block in blocks),
        final=blocks[-1].final,
    )


def _blocks(content: Any, broken: list[str], encoding: str) -> Iterator[Block]:
    """Blocks with at least one line; where the file breaks off, its last line is dropped."""
    decoder, begins = LineDecoder(MAX_ROW_BYTES, encoding), True
    is_whole = True
    try:
        for piece in _pieces(content):
            if begins and encoding == UTF_8:
                check_utf8(piece)
            begins = False
            if (block := decoder.feed(piece)).lines:
                yield block
    except _BREAKS as error:
        is_whole = isinstance(error, BehindEndError)
        lost = "no row is lost, but some may be wrong" if is_whole else "everything from here on is lost"
        broken.append(f"the compressed data are broken ({broken_data(error)}); {lost}")
    if is_whole and (rest := decoder.feed(b"", final=True)).lines:
        yield rest


def _pieces(content: Any) -> Iterator[bytes]:
    """The content in pieces; the last before an error has all bytes before it."""
    slices: list[bytes] = []
    try:
        while part := content.read(_SLICE_BYTES):
            slices.append(part)
            if len(slices) == BLOCK_BYTES // _SLICE_BYTES:
                yield b"".join(slices)
                slices = []
    except _BREAKS:
        yield b"".join(slices)
        raise
    yield b"".join(slices)
