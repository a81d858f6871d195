"""The content of a gzip file up to the last byte that can be decoded; other readers drop what is before an error."""

from __future__ import annotations

import io
import zlib
from typing import Any

from emoscope.errors import first_line

_STORED_AT_ONCE = 64 << 10
_DECODED_AT_ONCE = 64 << 10
_GZIP = 31  # for zlib: a window of 32 KiB, and gzip's header and trailer


class BehindEndError(OSError):
    """All content was decoded, but the checksum, or what follows the compressed data, is wrong."""


class GzipContent(io.RawIOBase):
    """A file to read from, of one or several members."""

    def __init__(self, stored: Any) -> None:
        """Nothing is read yet.

        Args:
            stored: the open gzip file.
        """
        self._stored = stored
        self._waiting = b""  # stored bytes that are not decoded yet
        self._decoded = b""
        self._member: Any = None
        self._error: OSError | None = None
        self._members = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, or all if it is negative; none at the end.

        Raises:
            OSError: no further byte can be decoded.
            BehindEndError: every byte was decoded, but the file is damaged.
        """
        if size < 0:
            return self.readall()
        while not self._decoded and self._error is None and self._fill():
            pass
        if not self._decoded and self._error:
            raise self._error
        part, self._decoded = self._decoded[:size], self._decoded[size:]
        return part

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._stored.close()

    def _fill(self) -> bool:
        """Decode some bytes, or note an error; returns whether there may be more."""
        self._waiting = self._waiting or self._stored.read(_STORED_AT_ONCE)
        if not self._waiting:
            if self._member or not self._members:
                self._break_off()
            return False
        if self._member is None and not self._begin_member():
            return False
        before = self._member.copy()
        try:
            self._decoded = self._member.decompress(self._waiting, _DECODED_AT_ONCE)
        except zlib.error as error:
            self._decode_to_error(before, error)
            return False
        self._waiting = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        if self._member.eof:
            self._member = None
        return True

    def _break_off(self) -> None:
        self._error = OSError("they break off")
        if not self._member:
            return
        if _is_in_trailer(self._member.copy()):
            self._error = BehindEndError("their checksum is cut off")
        self._decoded = self._member.flush()

    def _begin_member(self) -> bool:
        if self._members and not self._waiting.startswith(b"\x1f"):
            self._error = BehindEndError("what is behind their end is not compressed data")
            return False
        self._members += 1
        self._member = zlib.decompressobj(_GZIP)
        return True

    def _decode_to_error(self, member: Any, error: zlib.error) -> None:
        """Decode byte by byte up to an error."""
        decoded = bytearray()
        try:
            for byte in self._waiting:
                rest = bytes([byte])
                while (part := member.decompress(rest, 1)) or member.unconsumed_tail:
                    decoded += part
                    rest = member.unconsumed_tail
        except zlib.error:
            self._decoded = bytes(decoded)
        is_checksum = _is_checksum(error)
        self._error = BehindEndError("their checksum does not fit") if is_checksum else OSError(first_line(error))


def _is_in_trailer(member: Any) -> bool:
    """Whether only bytes of the trailer are missing: with any others it is complete, or wrong."""
    try:
        member.decompress(bytes(8))
    except zlib.error as error:
        return _is_checksum(error)
    return bool(member.eof)


def _is_checksum(error: zlib.error) -> bool:
    """Whether the error is about the trailer, which follows the content."""
    return "incorrect data check" in str(error) or "incorrect length check" in str(error)
