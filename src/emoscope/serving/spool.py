"""What a response has produced and its client has not read yet: some in memory, the rest in a temporary file."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from shutil import disk_usage
from typing import IO

from emoscope.serving.logs import LOGGER
from emoscope.serving.memory_budget import MemoryBudget

logger = logging.getLogger(LOGGER)

MEMORY_BYTES = 1024 * 1024
"""Bytes to hold in memory before a file is used."""
CHUNK_BYTES = 256 * 1024
"""Maximum size of a piece that is read back from the file."""
MIN_FREE_BYTES = 16 * 1024 * 1024
"""Free space in the temporary folder below which there is none for another file."""


def has_space() -> bool:
    """Whether there is a temporary folder with space for a file."""
    try:
        return disk_usage(tempfile.gettempdir()).free >= MIN_FREE_BYTES
    except OSError:
        return False


class Spool:
    """A queue of bytes between one writer and one reader.

    The writer waits for the reader once the budget or the disk is full, and never for the first piece.
    """

    def __init__(self, files: MemoryBudget) -> None:
        """An empty queue; `files` is the budget that the files of all queues share."""
        self._files = files
        self._memory: deque[bytes] = deque()
        self._in_memory = 0
        self._file: IO[bytes] | None = None
        self._read = self._written = 0
        self._has_ended = self._was_full = False
        self._changed, self._has_room = asyncio.Event(), asyncio.Event()

    async def fill(self, parts: AsyncIterator[bytes]) -> None:
        """Write parts, and then the end."""
        try:
            async for part in parts:
                while not self._put(part):
                    self._has_room.clear()
                    await self._has_room.wait()
                self._changed.set()
        finally:
            self._has_ended = True
            self._changed.set()

    async def read(self) -> bytes:
        """The next bytes, once there are some; empty at the end."""
        while not (self._memory or self._file or self._has_ended):
            self._changed.clear()
            await self._changed.wait()
        chunk = self._take()
        self._has_room.set()
        return chunk

    def close(self) -> None:
        """Delete the file."""
        if self._file:
            self._file.close()
        self._file = None
        self._read = self._written = 0
        self._files.hold(self, 0)

    def _put(self, part: bytes) -> bool:
        """Add a part; returns whether there was room."""
        if not self._file and (not self._memory or self._in_memory + len(part) <= MEMORY_BYTES):
            self._memory.append(part)
            self._in_memory += len(part)
            return True
        if not self._files.hold(self, self._written + len(part)):
            self._files.hold(self, self._written)
            return False
        try:
            self._append(part)
        except OSError as error:
            self._report_full(error)
            self._files.hold(self, self._written)
            return False
        self._written += len(part)
        return True

    def _append(self, part: bytes) -> None:
        """Append to the file; whatever was written of a part that does not fit is overwritten by the next."""
        if not self._file:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self._file.seek(self._written)
        rest = memoryview(part)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _report_full(self, error: OSError) -> None:
        if self._file and not self._written:
            self.close()
        if not self._was_full:
            logger.warning("no space in the temporary folder (%s); a table waits until its client reads", error)
        self._was_full = True

    def _take(self) -> bytes:
        """The oldest bytes; the file is newer than what is in memory, and is deleted once it is read."""
        if self._memory:
            chunk = self._memory.popleft()
            self._in_memory -= len(chunk)
            return chunk
        if not self._file:
            return b""
        self._file.seek(self._read)
        chunk = self._file.read(min(self._written - self._read, CHUNK_BYTES))
        self._read += len(chunk)
        if self._read == self._written:
            self.close()
        return chunk
