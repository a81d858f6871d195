"""The files that a conversation consists of, and their content as lines or as JSON."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath, PurePosixPath
from typing import Any

from emoscope.errors import DataError
from emoscope.rows.blocks import MAX_ROW_BYTES
from emoscope.rows.lines import UTF_8, LineDecoder, check_utf8

MAX_BYTES = 1 << 30
"""Maximum size of a conversation, in bytes: it is read as a whole."""
SUFFIXES = (".txt", ".json", ".csv", ".srt", ".vtt")
"""Ends of the names of files, in a folder or a zip file, that may hold messages; pictures and others are not read."""
FOR_TABLES = "for a table of texts, name their column: emoscope score IN OUT --text-column C"
"""What to do with a file that is not a conversation."""
TOO_LARGE = f"larger than {MAX_BYTES >> 30} GiB, the most that is read of a conversation; export it in parts"

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Document:
    """A file.

    Attributes:
        name: its path; in a zip file, the path in it.
        content: its bytes.
        encoding: name of the encoding of its text.
    """

    name: str
    content: bytes
    encoding: str = UTF_8

    @cached_property
    def lines(self) -> list[str]:
        """Its lines without line ends; bytes that are not text are lone surrogates.

        Raises:
            DataError: the text is in another encoding.
        """
        try:
            if self.encoding == UTF_8:
                check_utf8(self.content[:1024])
            block = LineDecoder(MAX_ROW_BYTES, self.encoding).feed(self.content, final=True)
        except DataError as error:
            raise DataError(f"{self.name}: {error}") from None
        return [line.rstrip("\r\n") for line in block.lines]

    @cached_property
    def json(self) -> Any:
        """Its content as JSON; None if it is not JSON."""
        if not self.content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
            return None
        try:
            return json.loads(self.content.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return None

    @property
    def stem(self) -> str:
        """Its name without folders and suffix."""
        return PurePath(self.name).stem


def documents_of(name: str, content: bytes, encoding: str = UTF_8) -> list[Document]:
    """The file itself, or the files in it that may hold messages if it is a zip file.

    Raises:
        DataError: the zip file cannot be read, or has no such file.
    """
    if not content.startswith(b"PK\x03\x04"):
        return [Document(name, content, encoding)]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = [info for info in archive.infolist() if is_document(info.filename)]
            if sum(info.file_size for info in infos) > MAX_BYTES:
                raise DataError(f"{name}: {TOO_LARGE}")
            found = [Document(info.filename, archive.read(info), encoding) for info in infos]
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: not a zip file that can be read ({error}); give a whole copy") from None
    except RuntimeError:
        raise DataError(f"{name}: the zip file has a password; unpack it, and give the file in it") from None
    if not found:
        raise DataError(
            f"{name}: the zip file has no file that may hold messages ({', '.join(SUFFIXES)}); {FOR_TABLES}"
        )
    return found


def packed(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Files of a folder as the zip file that would hold them; paths are relative to the folder."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, stored in files:
            archive.writestr(name, stored)
    return content.getvalue()


def is_document(path: str) -> bool:
    """Whether a file of this path may hold messages."""
    parts = PurePosixPath(path).parts
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    return not hidden and path.lower().endswith(SUFFIXES)


def plain(value: Any) -> str:
    """Text from JSON; lone surrogates become U+FFFD, and what is not text becomes empty."""
    return _SURROGATES.sub("\ufffd", value) if isinstance(value, str) else ""
