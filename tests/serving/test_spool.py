"""What waits for a client that reads slowly: in memory, in a file, and with neither."""

from __future__ import annotations

import asyncio
import errno
import io

import pytest

from emoscope.serving import spool
from emoscope.serving.memory_budget import MemoryBudget
from emoscope.serving.spool import MEMORY_BYTES, Spool, has_space

PARTS = [bytes([i]) * 100_000 for i in range(50)]


async def parts():
    for part in PARTS:
        yield part


async def turns():
    for _ in range(200):
        await asyncio.sleep(0)


def read_all(queue):
    """All that is read after the writer has written what it can, and what the files then took."""

    async def run():
        writer = asyncio.create_task(queue.fill(parts()))
        await turns()
        held, is_done = queue._files.held, writer.done()
        received = b""
        while chunk := await queue.read():
            received += chunk
        await writer
        queue.close()
        return received, held, is_done

    return asyncio.run(run())


class FullFile:
    """A file on a disk with this much space; a write that does not fit is cut off first, as by the system."""

    def __init__(self, space):
        self._file, self._space = io.BytesIO(), space
        self.seek, self.read, self.close = self._file.seek, self._file.read, self._file.close

    def write(self, data):
        left = self._space - self._file.tell()
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(data[:left])


def test_bytes_come_out_in_order_from_memory_and_file():
    queue = Spool(MemoryBudget(100_000_000))
    received, held, is_done = read_all(queue)
    assert received == b"".join(PARTS)
    assert is_done
    assert held == sum(map(len, PARTS)) - MEMORY_BYTES // 100_000 * 100_000
    assert queue._files.held == 0


def test_writer_waits_for_the_reader_beyond_the_budget():
    received, held, is_done = read_all(Spool(MemoryBudget(300_000)))
    assert received == b"".join(PARTS)
    assert (held, is_done) == (300_000, False)


def test_budget_that_others_have_used_up_leaves_memory():
    files = MemoryBudget(300_000)
    files.hold("another", 300_000)
    assert read_all(Spool(files))[0] == b"".join(PARTS)


@pytest.mark.parametrize("space", [0, 1, 150_000])
def test_writer_waits_for_the_reader_when_the_disk_is_full(monkeypatch, caplog, space):
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **options: FullFile(space))
    received, held, is_done = read_all(Spool(MemoryBudget(100_000_000)))
    assert received == b"".join(PARTS)
    assert (held, is_done) == (space // 100_000 * 100_000, False)
    assert [record.message for record in caplog.records] == [
        "no space in the temporary folder ([Errno 28] No space left on device); a table waits until its client reads"
    ]


def test_failure_of_the_writer_ends_the_queue():
    async def broken():
        yield b"one"
        raise ValueError("broken")

    async def run():
        queue = Spool(MemoryBudget(0))
        writer = asyncio.create_task(queue.fill(broken()))
        assert [await queue.read(), await queue.read()] == [b"one", b""]
        with pytest.raises(ValueError, match="broken"):
            await writer

    asyncio.run(run())


def test_folder_without_space_and_without_a_folder(monkeypatch):
    assert has_space()
    monkeypatch.setattr(spool, "MIN_FREE_BYTES", 1 << 60)
    assert not has_space()

    def no_folder():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(spool.tempfile, "gettempdir", no_folder)
    assert not has_space()
