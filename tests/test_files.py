from __future__ import annotations

from pathlib import Path

import pytest

from emoscope.errors import DataError, ModelError
from emoscope.files import UNFINISHED, is_in_use, require_free, staged_file, staged_folder, write_atomically


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
