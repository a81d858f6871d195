"""The content of a zstd file up to the last byte that can be decoded; Arrow's reader drops what is before an error."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa

_SKIPPED_AT_ONCE = 1 << 20


class ZstdContent(io.RawIOBase):
    """A file to read from, which is opened a second time if it turns out to be broken."""

    def __init__(self, stored: Any, open_again: Callable[[], Any] | None) -> None:
        """Nothing is read yet.

        Args:
            stored: the open zstd file.
            open_again: opens the same file; None for a pipe, of which some content before an error is lost.
        """
        self._stream = pa.CompressedInputStream(stored, "zstd")
        self._open_again = open_again
        self._done = 0
        self._error: OSError | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, or all if it is negative; none at the end.

        Raises:
            OSError: no further byte can be decoded.
        """
        if size < 0:
            return self.readall()
        if self._error:
            raise self._error
        try:
            part: bytes = self._stream.read(size)
        except OSError as error:
            self._error = error
            part = self._up_to_error() if self._open_again and error.errno is None else b""
            if not part:
                raise
        self._done += len(part)
        return part

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._stream.close()

    def _up_to_error(self) -> bytes:
        assert self._open_again is not None
        decoded = bytearray()
        with self._open_again() as stored, pa.CompressedInputStream(stored, "zstd") as stream:
            left = self._done
            while left:
                left -= len(stream.read(min(left, _SKIPPED_AT_ONCE)))
            try:
                while part := stream.read(1):
                    decoded += part
            except OSError:
                pass
        return bytes(decoded)
