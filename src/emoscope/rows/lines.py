"""Decodes bytes that arrive in pieces into lines of text, and finds what is wrong with the bytes of a row."""

from __future__ import annotations

import codecs
import io
from typing import Any, NamedTuple

from emoscope.errors import DataError

UTF_8 = "utf-8"

_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""Byte order marks of other encodings than UTF-8, the longest first."""


class Block(NamedTuple):
    """Some consecutive lines.

    Attributes:
        lines: each with its newline; bytes that are not UTF-8 are lone surrogates (`surrogateescape`).
        number: number of the first line, from 1.
        doubtful: whether a line may be too long or not UTF-8; only then `row_problem` has to be called.
        final: whether these are the last lines.
        encoding: name of the encoding that they were decoded from.
    """

    lines: list[str]
    number: int = 1
    doubtful: bool = True
    final: bool = False
    encoding: str = UTF_8


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

    def __init__(self, max_bytes: int, encoding: str = UTF_8) -> None:
        """Nothing is read yet.

        Args:
            max_bytes: maximum length of a row; of a longer line only a little more is kept.
            encoding: name of the encoding of the bytes.

        Raises:
            DataError: there is no such encoding.
        """
        self._max_bytes, self._rest, self._number, self._encoding = max_bytes, b"", 1, encoding
        self._recoder = None if check_encoding(encoding) == UTF_8 else _Recoder(encoding)

    def feed(self, piece: bytes, *, final: bool = False) -> Block:
        """The lines that are complete now; with `final`, also the last one if it has no newline.

        Raises:
            DataError: the bytes break off within a character.
        """
        if self._recoder:
            piece = self._recoder.recode(piece, final=final)
        whole, newline, tail = piece.rpartition(b"\n")
        if newline:
            content, self._rest = self._rest + whole + newline, tail
        else:
            content, self._rest = b"", (self._rest + tail)[: self._max_bytes + 2]
        if final:
            content, self._rest = content + self._rest, b""
        if self._number == 1:
            content = content.removeprefix(codecs.BOM_UTF8)
        try:
            text, is_utf8 = content.decode(), True
        except UnicodeDecodeError:
            text, is_utf8 = content.decode(UTF_8, "surrogateescape"), False
        lines = list(io.StringIO(text, newline="\n"))
        number, self._number = self._number, self._number + len(lines)
        return Block(lines, number, not is_utf8 or len(content) > self._max_bytes, final, self._encoding)


class _Recoder:
    """Turns pieces of bytes of another encoding into UTF-8; what cannot be decoded becomes bytes that are not UTF-8."""

    def __init__(self, encoding: str) -> None:
        self._errors = "surrogatepass" if encoding.lower().startswith("utf") else "surrogateescape"
        self._decoder = codecs.getincrementaldecoder(encoding)(self._errors)
        self._encoding = encoding

    def recode(self, piece: bytes, *, final: bool) -> bytes:
        try:
            return self._decoder.decode(piece, final).encode(UTF_8, self._errors)
        except UnicodeError as error:
            raise DataError(f"the text is not {self._encoding} ({error}); give its own encoding") from None


def check_encoding(name: str) -> str:
    """The usual name of an encoding of text.

    Raises:
        DataError: there is no such encoding.
    """
    try:
        "".encode(name)
        usual = codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        raise DataError(
            f"there is no encoding {name!r}; allowed: utf-8, utf-16, windows-1252, latin-1 or another name of Python's"
        ) from None
    return UTF_8 if usual == "utf-8-sig" else usual


def check_utf8(head: bytes) -> None:
    """Check that a text does not begin as UTF-16 or UTF-32 does.

    Raises:
        DataError: it does; the message names its encoding.
    """
    if found := _other_encoding(head):
        raise DataError(f"the text is {found.upper()}, not UTF-8; name its encoding: --encoding {found}")


def _other_encoding(head: bytes) -> str | None:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    for name, zeros, others in (
        ("utf-16-le", head[1:512:2], head[0:512:2]),
        ("utf-16-be", head[0:512:2], head[1:512:2]),
    ):
        if len(zeros) > 1 and 2 * zeros.count(0) > len(zeros) and not others.count(0):
            return name
    return None


def row_problem(row: str, max_bytes: int, encoding: str = UTF_8) -> str | None:
    """What is wrong with the bytes of a row, or with their number; None if nothing is."""
    if len(row.encode(UTF_8, "surrogateescape")) > max_bytes:
        return f"the row is longer than {max_bytes:,} bytes"
    try:
        row.encode()
    except UnicodeEncodeError as error:
        return _not_in_encoding(ord(row[error.start]) - 0xDC00, encoding)
    return None


def _not_in_encoding(byte: int, encoding: str) -> str:
    """The problem of text with a byte that its encoding does not have there."""
    if encoding != UTF_8:
        return f"the byte 0x{byte:02x} is not valid in {encoding}; allowed: text in that encoding"
    windows = bytes([byte]).decode("windows-1252", "replace")
    hint = f" (in Windows-1252 it is {windows!r})" if windows.isprintable() and windows != "\ufffd" else ""
    return f"the byte 0x{byte:02x} is not valid UTF-8{hint}; allowed: text in UTF-8"
