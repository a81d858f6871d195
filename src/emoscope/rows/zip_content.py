"""The only table in a zip file, as people send them: its name, and its content as a file."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from emoscope.errors import DataError


class ZipContent(io.RawIOBase):
    """The only table in an open zip file, to read from.

    Attributes:
        member: the name of the table in the zip file.
    """

    def __init__(self, stored: Any, name: str, is_table: Callable[[str], bool]) -> None:
        """Find the table.

        Args:
            stored: the open zip file.
            name: its name in errors.
            is_table: whether a file of this name is a table.

        Raises:
            DataError: it is not a zip file, is encrypted, or has no table or several.
        """
        self._stored = stored
        try:
            self.member, self._content = _open(stored, name, is_table)
        except DataError:
            stored.close()
            raise

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, or all if it is negative; none at the end.

        Raises:
            OSError: no further byte can be decoded.
        """
        try:
            part: bytes = self._content.read(size)
            return part
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise OSError(str(error) or "they break off") from None

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._content.close()
        self._stored.close()


def _open(stored: Any, name: str, is_table: Callable[[str], bool]) -> tuple[str, Any]:
    """Name and content of the only table."""
    try:
        archive = zipfile.ZipFile(stored)
        member = _only_table(archive.namelist(), name, is_table)
        return member, archive.open(member)
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise DataError(f"{name}: not a zip file that can be read ({error}); give a whole copy") from None
    except RuntimeError:
        raise DataError(f"{name}: the zip file has a password; unpack it, and give the file in it") from None


def _only_table(members: list[str], name: str, is_table: Callable[[str], bool]) -> str:
    """The name of the only table; what programs leave behind (`__MACOSX`, names with a dot first) does not count."""
    visible = [member for member in members if not _is_hidden(member) and not member.endswith("/")]
    tables = [member for member in visible if is_table(member)]
    if len(tables) == 1:
        return tables[0]
    found = f"{len(tables)} tables" if tables else "no table"
    shown = ", ".join((tables or visible)[:5]) or "nothing"
    raise DataError(f"{name}: the zip file has {found} ({shown}); allowed: one; unpack it, and give a file in it")


def _is_hidden(member: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(member).parts)
