"""Repositories as folders on disk, described as the Hub's API describes them. Knows no HTTP."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

LARGE_SUFFIXES = (".safetensors", ".bin", ".onnx", ".model", ".parquet", ".pt", ".npz")
LARGE_SIZE = 10 << 20
GIT_ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE_SUFFIXES)
DATE = "2025-01-01T00:00:00.000Z"


class HubError(Exception):
    """An unsuccessful response: status, the Hub's error code, message and further headers."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


def is_large(path: str, size: int) -> bool:
    """Whether a file is sent by LFS, because of its suffix (as in .gitattributes) or its size."""
    return path.endswith(LARGE_SUFFIXES) or size > LARGE_SIZE


@lru_cache(maxsize=4096)
def _digests(location: Path, size: int, _modified: int) -> tuple[str, str]:
    blob, content = hashlib.sha1(b"blob %d\0" % size), hashlib.sha256()
    with location.open("rb") as file:
        while block := file.read(1 << 20):
            blob.update(block)
            content.update(block)
    return blob.hexdigest(), content.hexdigest()


@dataclass(frozen=True)
class File:
    """A file of a repository: its location on disk, path, size in bytes, SHA-1 as a git blob, and SHA-256."""

    location: Path
    path: str
    size: int
    oid: str
    sha256: str

    @classmethod
    def at(cls, location: Path, folder: Path) -> File:
        stat = location.stat()
        digests = _digests(location, stat.st_size, stat.st_mtime_ns)
        return cls(location, location.relative_to(folder).as_posix(), stat.st_size, *digests)

    @property
    def large(self) -> bool:
        return is_large(self.path, self.size)

    @property
    def etag(self) -> str:
        return f'"{self.sha256 if self.large else self.oid}"'

    def tree_entry(self) -> dict[str, Any]:
        lfs = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        entry = {"type": "file", "oid": self.oid, "size": self.size, "path": self.path}
        return entry | ({"lfs": lfs} if self.large else {})

    def sibling(self, blobs: bool) -> dict[str, Any]:
        lfs = {"sha256": self.sha256, "size": self.size, "pointerSize": 134}
        sizes = {"size": self.size, "blobId": self.oid} | ({"lfs": lfs} if self.large else {})
        return {"rfilename": self.path} | (sizes if blobs else {})


@dataclass(frozen=True)
class Repository:
    """A folder as a repository with one branch and its newest commit."""

    folder: Path
    kind: str
    id: str

    def files(self) -> dict[str, File]:
        """Every file by its path, read from the disk again."""
        found = [File.at(path, self.folder) for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return {file.path: file for file in found}

    @property
    def commit(self) -> str:
        """Hash of the files as 40 hexadecimal digits."""
        listing = "".join(f"{file.oid} {file.path}\n" for file in self.files().values())
        return hashlib.sha1(f"{self.kind}/{self.id}\n{listing}".encode()).hexdigest()

    def check(self, revision: str) -> None:
        """Check that a revision is main or the newest commit.

        Raises:
            HubError: it is another one.
        """
        if revision not in ("main", "refs/heads/main", self.commit):
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")

    def file(self, path: str) -> File:
        """The file at this path.

        Raises:
            HubError: it does not exist.
        """
        if path not in (files := self.files()):
            raise HubError(404, "EntryNotFound", "Entry not found", **{"X-Repo-Commit": self.commit})
        return files[path]

    def tree(self, expand: bool) -> list[dict[str, Any]]:
        """Every folder and every file."""
        files = self.files()
        folders = sorted({parent.as_posix() for path in files for parent in Path(path).parents} - {"."})
        entries: list[dict[str, Any]] = [
            {"type": "directory", "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0, "path": path}
            for path in folders
        ]
        entries += [file.tree_entry() for file in files.values()]
        last = {"lastCommit": {"id": self.commit, "title": "Upload", "date": DATE}}
        return [entry | (last if expand else {}) for entry in entries]

    def info(self, blobs: bool) -> dict[str, Any]:
        """The Hub's description of the whole repository; for a model, with the task that its card names."""
        info: dict[str, Any] = {
            "_id": self.commit[:24],
            "id": self.id,
            "author": self.id.partition("/")[0],
            "sha": self.commit,
            "createdAt": DATE,
            "lastModified": DATE,
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": [file.sibling(blobs) for file in self.files().values()],
        }
        return info | (self._task() if self.kind == "models" else {})

    def _task(self) -> dict[str, str]:
        card = self.folder / "README.md"
        task = re.search(r"^pipeline_tag: (\S+)$", card.read_text("utf-8"), re.M) if card.is_file() else None
        library = {"library_name": "transformers"} if (self.folder / "config.json").is_file() else {}
        return library | ({"pipeline_tag": task[1]} if task else {})

    def apply(self, key: str, value: dict[str, Any], uploads: Path) -> None:
        """Write or delete a file or a folder, as one line of a commit says."""
        path = (self.folder / value["path"]).resolve()
        if self.folder.resolve() not in path.parents:
            raise HubError(400, "", f"{value['path']} is outside of the repository")
        path.parent.mkdir(parents=True, exist_ok=True)
        if key == "file":
            path.write_bytes(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            shutil.copyfile(uploads / value["oid"], path)
        elif key == "deletedFile":
            path.unlink()
        elif key == "deletedFolder":
            shutil.rmtree(path)
