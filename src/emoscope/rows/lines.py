"""Bytes that come in pieces to lines of text, and what is wrong with the bytes of a row."""

from __future__ import annotations

import io
from typing import NamedTuple

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Some consecutive lines.

    Attributes:
        lines: each with its newline; bytes that are not UTF-8 are lone surrogates (`surrogateescape`).
        doubtful: whether a line may be too long or not be UTF-8: only then does `row_problem` need to be asked.
        final: whether these are the last lines.
        broken: why the source cannot be read further; None otherwise.
    """

    lines: list[str]
    doubtful: bool = True
    final: bool = False
    broken: str | None = None


class LineDecoder:
    """Turns pieces of bytes into whole lines; a byte order mark at the beginning is dropped."""

    def __init__(self, max_bytes: int) -> None:
        """Nothing is read yet.

        Args:
            max_bytes: length of the longest row that is allowed; of a longer line only a little more is kept.
        """
        self._max_bytes = max_bytes
        self._rest = b""
        self._is_first = True

    def feed(self, piece: bytes, *, final: bool = False) -> Block:
        """The lines that are complete now; with `final`, also the last one if it has no newline."""
        whole, newline, tail = piece.rpartition(b"\n")
        if newline:
            content, self._rest = self._rest + whole + newline, tail
        else:
            content, self._rest = b"", self._rest + tail
        self._rest = self._rest[: self._max_bytes + 2]
        if final:
            content, self._rest = content + self._rest, b""
        if self._is_first and content:
            self._is_first = False
            content = content.removeprefix(BYTE_ORDER_MARK)
        try:
            text, is_utf8 = content.decode(), True
        except UnicodeDecodeError:
            text, is_utf8 = content.decode("utf-8", "surrogateescape"), False
        doubtful = not is_utf8 or len(content) > self._max_bytes
        return Block(list(io.StringIO(text, newline="\n")), doubtful, final)


def row_problem(row: str, max_bytes: int) -> str | None:
    """What is wrong with the bytes of a row, or how many they are; None if nothing is."""
    if len(row.encode("utf-8", "surrogateescape")) > max_bytes:
        return f"the row is longer than {max_bytes:,} bytes"
    try:
        row.encode()
    except UnicodeEncodeError as error:
        return not_utf8(ord(row[error.start]) - 0xDC00)
    return None


def not_utf8(byte: int) -> str:
    """The problem of text with a byte that is not UTF-8."""
    return f"the byte 0x{byte:02x} is not valid UTF-8; allowed: text in UTF-8"
