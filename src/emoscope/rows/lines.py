"""Decodes bytes that arrive in pieces into lines of text, and finds what is wrong with the bytes of a row."""

from __future__ import annotations

import io
from typing import Any, NamedTuple


class Block(NamedTuple):
    """Some consecutive lines.

    Attributes:
        lines: each with its newline; bytes that are not UTF-8 are lone surrogates (`surrogateescape`).
        number: number of the first line, from 1.
        doubtful: whether a line may be too long or not UTF-8; only then `row_problem` has to be called.
        final: whether these are the last lines.
    """

    lines: list[str]
    number: int = 1
    doubtful: bool = True
    final: bool = False


class TextRow(NamedTuple):
    """A row of a text file, or why it cannot be used.

    Attributes:
        line: number of the line where it begins, from 1.
        raw: the row as it is in the file, ready for further cells: without line end, in JSON without closing brace.
        values: list of the cells of CSV, or object of JSON lines.
        problem: why the row cannot be used; None if it can.
    """

    line: int
    raw: str
    values: Any
    problem: str | None = None


class LineDecoder:
    """Turns pieces of bytes into complete lines; a byte order mark at the beginning is dropped."""

    def __init__(self, max_bytes: int) -> None:
        """Nothing is read yet.

        Args:
            max_bytes: maximum length of a row; of a longer line only a little more is kept.
        """
        self._max_bytes, self._rest, self._number = max_bytes, b"", 1

    def feed(self, piece: bytes, *, final: bool = False) -> Block:
        """The lines that are complete now; with `final`, also the last one if it has no newline."""
        whole, newline, tail = piece.rpartition(b"\n")
        if newline:
            content, self._rest = self._rest + whole + newline, tail
        else:
            content, self._rest = b"", (self._rest + tail)[: self._max_bytes + 2]
        if final:
            content, self._rest = content + self._rest, b""
        if self._number == 1:
            content = content.removeprefix(b"\xef\xbb\xbf")
        try:
            text, is_utf8 = content.decode(), True
        except UnicodeDecodeError:
            text, is_utf8 = content.decode("utf-8", "surrogateescape"), False
        lines = list(io.StringIO(text, newline="\n"))
        number, self._number = self._number, self._number + len(lines)
        return Block(lines, number, not is_utf8 or len(content) > self._max_bytes, final)


def row_problem(row: str, max_bytes: int) -> str | None:
    """What is wrong with the bytes of a row, or with their number; None if nothing is."""
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
