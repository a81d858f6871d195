"""Text files as blocks of lines."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from emoscope.errors import broken_data
from emoscope.rows.lines import Block, LineDecoder

BLOCK_BYTES = 1 << 20
"""Bytes read at once."""

MAX_ROW_BYTES = 16 << 20
"""Maximum length of a row of text, in bytes; a longer one is rejected."""

_SLICE_BYTES = 64 << 10  # of a compressed file that breaks off, at most this much before the break is lost


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
    except (OSError, EOFError, zlib.error) as error:
        broken.append(f"the compressed data are broken ({broken_data(error)})")
    return b"".join(slices)
