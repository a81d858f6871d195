"""The file that a table is written to, here or at an address, and the files beside it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from io import UnsupportedOperation
from pathlib import Path
from typing import Any

from pyarrow import fs

from emoscope.errors import DataError
from emoscope.files import move_file, write_atomically
from emoscope.rows.formats import Format
from emoscope.scoring.sources import Source, locate


@dataclass(frozen=True)
class Target:
    """A file to be written.

    Attributes:
        name: its path or address, as it is in errors.
        filesystem: the filesystem that it is in.
        path: its path in that filesystem.
    """

    name: str
    filesystem: Any
    path: str

    @classmethod
    def at(cls, output: str | Path) -> Target:
        """The target of a path or an address.

        Raises:
            DataError: such an address cannot be written to.
        """
        if str(output).startswith(("http://", "https://")):
            raise DataError(
                f"{output}: such an address cannot be written to; give a file, or an address like s3://bucket/out.csv"
            )
        return cls(str(output), *locate(output))

    @property
    def format(self) -> Format:
        """The format, from its name."""
        return Format.of(self.path).written

    @property
    def exists(self) -> bool:
        """Whether it exists already, as a file or a folder."""
        return bool(self.filesystem.get_file_info(self.path).type != fs.FileType.NotFound)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return bool(self.filesystem.get_file_info(self.path).type == fs.FileType.Directory)

    @property
    def is_device(self) -> bool:
        """Whether it is a pipe or a device, which a file cannot replace."""
        path = Path(self.path)
        return self._is_local and path.exists() and not path.is_file() and not path.is_dir()

    def is_the_same_as(self, other: Source | Target) -> bool:
        """Whether both are the same file, even under different names."""
        if self._is_local and isinstance(other.filesystem, fs.LocalFileSystem):
            here, there = Path(self.path), Path(other.path)
            return here.resolve() == there.resolve() or (here.exists() and there.exists() and here.samefile(there))
        return bool(other.filesystem and self.filesystem.equals(other.filesystem) and self.path == other.path)

    @property
    def rejected(self) -> Target:
        """The file beside it for rejected rows."""
        return Target(f"{self.name}.rejected.jsonl", self.filesystem, f"{self.path}.rejected.jsonl")

    @property
    def work(self) -> Path:
        """The folder that keeps an unfinished run: beside the file, or for an address in the working folder."""
        path = Path(f"{self.path}.parts")
        return path if self._is_local else Path(path.name)

    @property
    def lock(self) -> Path:
        """The file that a run locks, beside the folder that keeps it."""
        return self.work.with_suffix(".lock")

    def is_within(self, folder: Path) -> bool:
        """Whether it is a local file in this folder, or in a folder in it."""
        return self._is_local and folder.resolve() in Path(self.path).resolve().parents

    def receive(self, file: Path) -> None:
        """Move a file there: in one step on a disk, through links; elsewhere it appears when the upload ends."""
        if not file.exists():
            return  # it was moved before a crash
        if self._is_local:
            move_file(file, Path(self.path))
        else:
            with file.open("rb") as content, self._stored() as stored:
                shutil.copyfileobj(content, stored, 1 << 20)

    def write(self, content: bytes) -> None:
        """Write a small file there in one step."""
        if self._is_local:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(Path(self.path), content, durable=True)
        else:
            with self._stored() as stored:
                stored.write(content)

    def remove(self) -> None:
        """Remove the file, if it exists."""
        if self.exists:
            self.filesystem.delete_file(self.path)

    def _stored(self) -> Any:
        """The file opened for writing, elsewhere than on a local disk."""
        try:
            return self.filesystem.open_output_stream(self.path)
        except NotImplementedError:
            raise UnsupportedOperation(f"{self.name}: its filesystem cannot be written to") from None

    @property
    def _is_local(self) -> bool:
        return isinstance(self.filesystem, fs.LocalFileSystem)
