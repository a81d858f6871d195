"""The files to read: those of a path, a glob, a folder or an address, in order, and how each is opened."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from glob import glob
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
import pyarrow as pa
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.local import LocalFileSystem
from pyarrow import fs

from emoscope.conversations.recognition import folder_content, folder_files
from emoscope.errors import DataError, of_machine
from emoscope.rows.formats import CONVERSATION, FORMATS, Format, is_table_in_zip
from emoscope.rows.gzip_content import GzipContent
from emoscope.rows.lines import UTF_8
from emoscope.rows.zip_content import ZipContent
from emoscope.scoring.zstd_content import ZstdContent

_GLOB = re.compile(r"[*?\[]")
_PARTITION = re.compile(r"(?<=/)([^/=]+)=[^/]*(?=/)")


@dataclass(frozen=True)
class Stream:
    """An open binary file to read from or to write to: a pipe.

    Attributes:
        file: the file.
        format: the format, as a file name would end: "csv.gz".
        rejected: for an output, where the lines about rejected rows go; None for nowhere.
    """

    file: BinaryIO
    format: str
    rejected: BinaryIO | None = None


@dataclass(frozen=True)
class Source:
    """One file to read.

    Attributes:
        name: its name in errors and in rejected rows.
        format: its format.
        size: its size in bytes; None for a pipe.
        modified: time of its last change, in nanoseconds; None if unknown.
        open_file: opens it as it is stored.
        filesystem: the filesystem that it is in; None for a pipe.
        path: its path in that filesystem.
    """

    name: str
    format: Format
    size: int | None
    modified: int | None
    open_file: Callable[[], Any]
    filesystem: Any = None
    path: str = ""

    def open(self) -> tuple[Any, Callable[[], int]]:
        """Open it for reading.

        Returns:
            Its content, decompressed; and a function that returns how many bytes, as they are stored, have been read.

        Raises:
            DataError: it cannot be opened.
        """
        try:
            stored = self.open_file()
        except OSError as error:
            raise of_machine(error, f"{self.name}: cannot be read ({error})") from None
        except Exception as error:  # the filesystem behind an address may raise errors of its own
            raise DataError(f"{self.name}: cannot be read ({error})") from None
        if self.format.compression == "gzip":
            return GzipContent(stored), stored.tell
        if self.format.compression == "zip":
            return ZipContent(stored, self.name, is_table_in_zip), stored.tell
        if self.format.compression == "zstd":
            return ZstdContent(stored, None if self.size is None else self.open_file), stored.tell
        return stored, stored.tell


Place = str | Path
"""A file, a glob, a folder, or an address such as s3://bucket/rows/*.parquet."""


def find_sources(
    source: Place | Stream | Sequence[Place], delimiter: str | None = None, encoding: str = UTF_8
) -> list[Source]:
    """The files to read: those of several places in the order of the places, those of each in the order of their paths.

    In a folder, and the folders in it, every file of a known format is read, except where its name or a folder's name
    begins with a dot or an underscore: other programs leave such files behind.

    Args:
        source: where the files are: one place, several, or a pipe.
        delimiter: the character between the cells of CSV; None for a comma.
        encoding: name of the encoding of text files.

    Raises:
        DataError: there are no files, files of several formats, a file twice, or folders whose names hold values of a
            column.
    """
    if isinstance(source, Stream):
        form = Format.of(source.format).separated_by(delimiter).encoded_in(encoding)
        pipe = Source("standard input", form, None, None, lambda: pa.PythonFile(source.file, "r"))
        if pipe.format.name == "parquet":
            raise DataError("Parquet cannot be read from a pipe, because its index is at its end; give a file")
        return [pipe]
    places = [source] if isinstance(source, str | Path) else source
    sources = [found for place in places for found in _sources_at(place)]
    names: set[str] = set()
    for other in sources:
        if other.format.name != sources[0].format.name:
            raise DataError(
                f"{sources[0].name} is {sources[0].format.name}, {other.name} is {other.format.name}; "
                f"give files of one format at a time, such as '*.{other.format.name}'"
            )
        if other.name in names:
            raise DataError(f"{other.name} would be read twice; name each file once")
        names.add(other.name)
    return [replace(found, format=found.format.separated_by(delimiter).encoded_in(encoding)) for found in sources]


def find_conversations(
    source: Place | Stream | Sequence[Place], date_order: str | None = None, encoding: str = UTF_8
) -> list[Source]:
    """The conversations to read: files, globs of files, and folders of Slack exports, which are a source each.

    Args:
        source: where they are: one place, several, or a pipe.
        date_order: see `Format`.
        encoding: name of the encoding of text files.

    Raises:
        DataError: there is nothing, or one of them twice.
    """
    form = Format(CONVERSATION, date_order=date_order).encoded_in(encoding)
    if isinstance(source, Stream):
        return [Source("standard input", form, None, None, lambda: pa.PythonFile(source.file, "r"))]
    places = [source] if isinstance(source, str | Path) else source
    sources = [found for place in places for found in _conversations_at(place, form)]
    names = [found.name for found in sources]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"{twice} would be read twice; name each file once")
    return sources


def _conversations_at(place: Place, form: Format) -> list[Source]:
    filesystem, path = locate(place)
    if isinstance(filesystem, fs.LocalFileSystem) and Path(path).is_dir():
        stats = [file.stat() for file in folder_files(Path(path))]
        size, modified = sum(stat.st_size for stat in stats), max(stat.st_mtime_ns for stat in stats)
        open_folder = partial(_open_folder, Path(path))
        return [Source(path, form, size, modified, open_folder, filesystem, path)]
    try:
        found = _files(filesystem, path, place)
    except OSError as error:
        raise of_machine(error, f"{place}: cannot be read ({error})") from None
    if not found:
        raise DataError(f"nothing to read at {place}; give a file, a glob in quotes, or the folder of a Slack export")
    return [_source(filesystem, info, place, form) for info in found]


def _open_folder(path: Path) -> Any:
    return io.BytesIO(folder_content(path))


def _sources_at(place: Place) -> list[Source]:
    filesystem, path = locate(place)
    try:
        sources = [_source(filesystem, info, place) for info in _files(filesystem, path, place)]
    except OSError as error:
        raise of_machine(error, f"{place}: cannot be read ({error})") from None
    if not sources:
        known = ", ".join(FORMATS)
        raise DataError(f"nothing to read at {place}; give a file, a glob in quotes, or a folder with {known}")
    return sources


def locate(name: str | Path) -> tuple[Any, str]:
    """The filesystem of a path or an address, and the path in it.

    Raises:
        DataError: there is no filesystem for such an address.
    """
    address = str(name)
    if "://" not in address:
        return fs.LocalFileSystem(), address
    with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):  # an address of fsspec alone
        filesystem, path = fs.FileSystem.from_uri(address)
        return filesystem, path
    try:
        filesystem, path = fsspec.core.url_to_fs(address)
    except (ValueError, ImportError, OSError) as error:
        raise DataError(f"{address}: no filesystem for this address ({error})") from None
    local = isinstance(filesystem, LocalFileSystem)
    return fs.LocalFileSystem() if local else fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path


def _files(filesystem: Any, path: str, source: str | Path) -> list[Any]:
    info = filesystem.get_file_info(path)
    if info.type == fs.FileType.File:
        return [info]
    if info.type == fs.FileType.Directory:
        below = filesystem.get_file_info(fs.FileSelector(path, recursive=True))
        found = [entry for entry in below if _is_table(entry.path[len(path) :])]
        for entry in found:
            _reject_partition(entry.path[len(path) :], source)
    elif _GLOB.search(path):
        is_local = isinstance(filesystem, fs.LocalFileSystem)
        paths = glob(path, recursive=True) if is_local else ArrowFSWrapper(filesystem).glob(path)  # noqa: PTH207
        found = filesystem.get_file_info(paths)
    else:
        found = []
    return sorted((entry for entry in found if entry.type == fs.FileType.File), key=lambda entry: entry.path)


def _reject_partition(path: str, source: str | Path) -> None:
    """Reject a file below a folder whose name holds a value of a column, as Hive and Spark write them."""
    if partition := _PARTITION.search(f"/{path}"):
        raise DataError(
            f"{source}: the column {partition[1]!r} is in the names of folders ({partition[0]}) and would be lost; "
            f"score these folders one by one, or leave it out with a glob in quotes: '{source}/**/*{Path(path).suffix}'"
        )


def _is_table(path: str) -> bool:
    if any(part.startswith((".", "_", "~$")) for part in Path(path).parts):
        return False
    try:
        Format.of(path)
    except DataError:
        return False
    return True


def _source(filesystem: Any, info: Any, source: str | Path, form: Format | None = None) -> Source:
    """A file; without a format, that of its name."""
    path = info.path
    whole = isinstance(filesystem, fs.LocalFileSystem) or "://" in path
    name = path if whole else f"{str(source).partition('://')[0]}://{path.lstrip('/')}"
    open_file = partial(filesystem.open_input_file, path)
    if form is None:
        form = _zip_format(open_file, name) if path.lower().endswith(".zip") else Format.of(path)
    return Source(name, form, info.size, info.mtime_ns, open_file, filesystem, path)


def _zip_format(open_file: Callable[[], Any], name: str) -> Format:
    """The format of a zip file, from the name of the table in it."""
    with ZipContent(open_file(), name, is_table_in_zip) as content:
        return Format.in_zip(content.member)
