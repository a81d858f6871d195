from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emoscope.errors import DataError
from emoscope.locking import locked

HOLD = """
import sys
from pathlib import Path
from emoscope.locking import locked
with locked(Path(sys.argv[1]), "OUT"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock_of_another_process_ends_with_it(tmp_path: Path) -> None:
    lock = tmp_path / "out.lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"held\n"
        words = rf"^OUT is being written by process {process.pid} of '.*' on '.+' since \d{{4}}-.*; wait for it"
        with pytest.raises(DataError, match=words) as refused, locked(lock, "OUT"):
            pass
        assert refused.value.temporary
        process.kill()
    assert lock.exists()
    with locked(lock, "OUT"):
        assert str(os.getpid()) in lock.read_text()
    assert list(tmp_path.iterdir()) == []


def test_folder_of_the_lock_is_made_and_removed(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path / "a" / "b" / "out.lock", "OUT"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "a" / "out.lock", "OUT"):
        (tmp_path / "a" / "file").touch()
    assert list(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "file"]


def test_unreadable_owner_is_another_process(tmp_path: Path) -> None:
    with locked(tmp_path / "lock", "OUT"):
        (tmp_path / "lock").write_text("garbage")
        with (
            pytest.raises(DataError, match="OUT is being written by another proc"),
            locked(tmp_path / "lock", "OUT"),
        ):
            pass
