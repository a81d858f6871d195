"""Files and folders that appear complete or not at all, even after a crash; knows nothing of what they hold."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident

from emoscope.errors import EmoscopeError

UNFINISHED = ".new"
"""Suffix of the temporary files of `staged_file`; a process that is killed leaves them behind."""


@contextmanager
def staged_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A temporary path in the same folder, which replaces the file `path` when the block succeeds; links are followed.

    If the block fails, the temporary file is removed and `path` stays as it was. Processes and threads that write the
    same file at once have a temporary file each; the last one to finish wins.

    Args:
        path: the file to write; its folder exists.
        durable: wait until the content and the name are on the disk, so that they survive a power failure too.

    Raises:
        OSError: `path` is a pipe or a device, or the file cannot be written.
    """
    path = _behind_links(path)
    new = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}{UNFINISHED}")
    try:
        yield new
        if durable:
            sync(new)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    if durable:
        sync(path.parent)


def write_atomically(path: Path, content: str | bytes | memoryview, *, durable: bool = False) -> None:
    """Write a file in one step, text in UTF-8; see `staged_file`."""
    with staged_file(path, durable=durable) as new:
        new.write_bytes(content.encode() if isinstance(content, str) else content)


def move_file(file: Path, output: Path) -> None:
    """Move a file to `output` durably, in one step; if that is a link, to where it points, also on another disk.

    Raises:
        OSError: `output` is a pipe or a device, or the file cannot be moved.
    """
    output = _behind_links(output)
    try:
        file.replace(output)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with staged_file(output, durable=True) as new:
            shutil.copyfile(file, new)
        file.unlink()
    sync(output.parent)


def _behind_links(path: Path) -> Path:
    """Where a path points, if a file is there or can be made."""
    if path.is_symlink():
        path = path.resolve()
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, f"{path} is a pipe or a device; allowed: a file")
    return path


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Windows needs no such call for folders, and for files one that may write.
    """
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_in_use(output: Path) -> bool:
    """Whether there is something at this path other than an empty folder."""
    return output.exists() and (not output.is_dir() or any(output.iterdir()))


def require_free(output: Path, error: type[EmoscopeError]) -> None:
    """Check that a folder may be written at this path.

    Raises:
        EmoscopeError: of the given type; the path is in use, the current directory, or a mount point.
    """
    if is_in_use(output):
        raise error(f"{output} exists and is not empty; give another folder or remove it")
    place = output.resolve()
    if place == Path.cwd() or place.is_mount():
        raise error(f"{output} is the current directory or a mount point; give a folder in it")


@contextmanager
def staged_folder(output: Path) -> Iterator[Path]:
    """A temporary path beside `output`, for a folder that is moved to `output` when the block succeeds.

    If the block fails, nothing is left behind, not even parents of `output` that were made for it.

    Args:
        output: a path that `require_free` accepts, or a link to one; its parents are made.
    """
    output = output.resolve()
    absent = [folder for folder in output.parents if not folder.exists()]
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as temporary:
            staged = Path(temporary) / "folder"
            yield staged
            move_folder(staged, output)
    finally:
        for folder in absent:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def move_folder(folder: Path, output: Path) -> None:
    """Rename a folder to `output`, where there may be an empty folder."""
    if output.exists():
        output.rmdir()
    folder.rename(output)
