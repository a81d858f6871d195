"""A lock on an output, so that two processes do not write it at the same time."""

from __future__ import annotations

import errno
import getpass
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from emoscope.errors import DataError, temporary

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)  # by some network filesystems
_WINDOWS_BYTE = 1 << 30  # the byte that is locked there, behind the content, which others may then read


@contextmanager
def locked(path: Path, output: str) -> Iterator[None]:
    """Hold a lock while the block runs. A process that is killed loses it.

    The lock file says who holds the lock and since when, and is removed at the end, with the folders made for it.

    Args:
        path: the lock file; its folder is made.
        output: what is locked, as it is in the error.

    Raises:
        DataError: another process holds the lock, or another thread.
    """
    absent = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _acquire(path, output)
    try:
        file.truncate(0)
        file.write(json.dumps(_owner()))
        file.flush()
        yield
    finally:
        with suppress(OSError):  # Windows does not remove open files
            path.unlink()
        file.close()
        for folder in absent:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _acquire(path: Path, output: str) -> IO[str]:
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            _lock(file.fileno())
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                holder = _described(path)
                file.close()
                raise temporary(
                    DataError(f"{output} is being written by {holder}; wait for it, or give another name")
                ) from None
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file
        file.close()  # its holder removed it in the meantime


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _WINDOWS_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner() -> dict[str, Any]:
    user = ""
    with suppress(OSError, KeyError):  # a user without a name, as in some containers
        user = getpass.getuser()
    since = datetime.now(timezone.utc).isoformat(" ", "seconds")
    return {"process": os.getpid(), "user": user, "host": socket.gethostname(), "since": since}


def _described(path: Path) -> str:
    """Who holds a lock, in words."""
    try:
        owner = json.loads(path.read_text("utf-8"))
        return f"process {owner['process']} of {owner['user']!r} on {owner['host']!r} since {owner['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"
