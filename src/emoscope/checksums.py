"""SHA-256 of files and of folders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_files(folder: Path, patterns: Iterable[str]) -> str:
    """SHA-256 over the names and digests of the files of a folder that match the patterns, in hex."""
    files = sorted({file for pattern in patterns for file in folder.glob(pattern)})
    digests = "".join(f"{file.relative_to(folder).as_posix()} {sha256(file)}\n" for file in files)
    return hashlib.sha256(digests.encode()).hexdigest()
