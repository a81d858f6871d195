from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from emoscope.errors import DataError, ModelError
from emoscope.files import (
    UNFINISHED,
    is_in_use,
    move_file,
    require_free,
    staged_file,
    staged_folder,
    sync,
    write_atomically,
)


@pytest.mark.parametrize("durable", [True, False])
def test_written_file_replaces_the_old_one_and_leaves_no_temporary_file(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "file"
    for content in ("ä text\n", b"bytes", memoryview(b"a view")):
        write_atomically(file, content, durable=durable)
        assert file.read_bytes() == (content.encode() if isinstance(content, str) else bytes(content))
    assert list(tmp_path.iterdir()) == [file]


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(OSError, match="disk full"), staged_file(file) as new:
        new.write_text("ne")
        assert new.suffix == UNFINISHED and new.parent == tmp_path
        raise OSError("disk full")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("exists", [True, False], ids=["to an empty folder", "to nothing"])
def test_folder_is_written_through_a_link(tmp_path: Path, exists: bool) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    link.symlink_to(target)
    if exists:
        target.mkdir()
    require_free(link, ModelError)
    with staged_folder(link) as staged:
        staged.mkdir()
        (staged / "file").touch()
    assert link.is_symlink() and (target / "file").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"link", "target"}


def test_failed_folder_leaves_only_the_parents_that_existed(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with pytest.raises(ModelError), staged_folder(tmp_path / "old" / "new" / "newer" / "model") as staged:
        staged.mkdir()
        raise ModelError
    assert list(tmp_path.rglob("*")) == [tmp_path / "old"]


def test_only_an_empty_folder_is_not_in_use(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    assert is_in_use(tmp_path) and is_in_use(tmp_path / "file")
    assert not is_in_use(tmp_path / "empty") and not is_in_use(tmp_path / "absent")
    with pytest.raises(DataError, match="exists and is not empty; give another folder"):
        require_free(tmp_path, DataError)


def test_current_directory_and_mount_point_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("here", "mount", "free"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path / "mount")
    (tmp_path / "link").symlink_to(tmp_path / "mount")
    for output in (Path(), tmp_path / "here", tmp_path / "mount", tmp_path / "link"):
        with pytest.raises(ModelError, match="current directory or a mount point"):
            require_free(output, ModelError)
    require_free(tmp_path / "free", ModelError)
    require_free(tmp_path / "no" / "such", ModelError)


@pytest.mark.parametrize("exists", [True, False])
def test_file_is_written_through_a_link(tmp_path: Path, exists: bool) -> None:
    link, target = tmp_path / "link", tmp_path / "there" / "target"
    target.parent.mkdir()
    link.symlink_to(target)
    if exists:
        target.write_text("old")
    write_atomically(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    (tmp_path / "moved").write_text("newer")
    move_file(tmp_path / "moved", link)
    assert link.is_symlink() and target.read_text() == "newer"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["link", "target", "there"]


def test_file_is_moved_to_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, output, replace = tmp_path / "file", tmp_path / "output", Path.replace

    def other_disk(path: Path, target: Path) -> Path:
        if path == file:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(path, target)

    file.write_text("content")
    monkeypatch.setattr(Path, "replace", other_disk)
    move_file(file, output)
    assert output.read_text() == "content" and list(tmp_path.iterdir()) == [output]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="pipe is a pipe or a device; allowed: a file"):
        write_atomically(tmp_path / "pipe", "content")
    with pytest.raises(OSError, match="pipe is a pipe or a device; allowed: a file"):
        move_file(tmp_path / "file", tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "file").exists()


def test_file_is_opened_for_writing_to_sync_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows syncs no descriptor that may only read."""
    (tmp_path / "file").touch()
    flags, opened = [], os.open
    monkeypatch.setattr(os, "open", lambda path, flag: (flags.append(flag), opened(path, flag))[1])
    sync(tmp_path / "file")
    sync(tmp_path)
    assert flags == [os.O_RDWR, os.O_RDONLY]
