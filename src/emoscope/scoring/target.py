"""Where a table goes: a file here or at an address, with what stands beside it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from io import UnsupportedOperation
from pathlib import Path
from typing import Any

from pyarrow import fs

from emoscope.errors import DataError
from emoscope.files import sync, write_atomically
from emoscope.scoring.sources import Format, Source, locate


@dataclass(frozen=True)
class Target:
    """A file to be.

    Attributes:
        name: its path or address, as errors name it.
        filesystem: where it is.
        path: its path there.
    """

    name: str
    filesystem: Any
    path: str

    @classmethod
    def at(cls, output: str | Path) -> Target:
        """The target of a path or an address.

        Raises:
            DataError: nothing can be written to such an address.
        """
        if str(output).startswith(("http://", "https://")):
            raise DataError(
                f"{output}: nothing can be written there; give a file, or an address such as s3://bucket/out.csv"
            )
        return cls(str(output), *locate(output))

    @property
    def format(self) -> Format:
        """The format that its name tells."""
        return Format.of(self.path)

    @property
    def exists(self) -> bool:
        """Whether there is something already."""
        return bool(self.filesystem.get_file_info(self.path).type != fs.FileType.NotFound)

    @property
    def is_folder(self) -> bool:
        """Whether there is a folder of that name."""
        return bool(self.filesystem.get_file_info(self.path).type == fs.FileType.Directory)

    def is_the_same_as(self, other: Source | Target) -> bool:
        """Whether this is that file, whatever each is called."""
        if self._is_local and isinstance(other.filesystem, fs.LocalFileSystem):
            here, there = Path(self.path), Path(other.path)
            return here.resolve() == there.resolve() or (here.exists() and there.exists() and here.samefile(there))
        return bool(other.filesystem and self.filesystem.equals(other.filesystem) and self.path == other.path)

    @property
    def rejected(self) -> Target:
        """The file beside it that tells of rejected rows."""
        return Target(f"{self.name}.rejected.jsonl", self.filesystem, f"{self.path}.rejected.jsonl")

    @property
    def work(self) -> Path:
        """The folder that keeps a run: beside it, or of an address in the working folder."""
        path = Path(f"{self.path}.parts")
        return path if self._is_local else Path(path.name)

    def receive(self, file: Path) -> None:
        """Bring a file there: in one step on a disk, when the upload ends elsewhere."""
        if not file.exists():
            return  # it is there since before a crash
        if self._is_local:
            file.replace(self.path)
            sync(Path(self.path).parent)
        else:
            with file.open("rb") as content, self._stored() as stored:
                shutil.copyfileobj(content, stored, 1 << 20)

    def write(self, content: bytes) -> None:
        """Write a small file there, whole."""
        if self._is_local:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(Path(self.path), content, durable=True)
        else:
            with self._stored() as stored:
                stored.write(content)

    def remove(self) -> None:
        """Remove what is there, if anything is."""
        if self.exists:
            self.filesystem.delete_file(self.path)

    def _stored(self) -> Any:
        """Opened for writing, elsewhere."""
        try:
            return self.filesystem.open_output_stream(self.path)
        except NotImplementedError:
            raise UnsupportedOperation(f"{self.name}: nothing can be written there") from None

    @property
    def _is_local(self) -> bool:
        return isinstance(self.filesystem, fs.LocalFileSystem)
