"""The formats of tables, as the names of files say them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from emoscope.errors import DataError
from emoscope.rows.lines import UTF_8, check_encoding

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".xlsx": "xlsx",
    ".ods": "ods",
}
"""Suffixes of the names of files, to their formats."""

DELIMITERS = {"csv": ",", "tsv": "\t"}
"""Formats with rows of cells, to the character between these; CSV may have another one."""

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
"""Last suffixes of the names of compressed files, to their compression."""

CONVERSATION = "conversation"
"""Name of the format of an export of a chat, of subtitles or of a transcript; which of them, its content says."""

COLUMNAR = ("parquet", "arrow", "xlsx", "ods")
"""Formats with typed columns, which are not text."""

_OF_CONVERSATIONS = (".txt", ".json", ".srt", ".vtt")
_FOR_CONVERSATIONS = "; for a chat, subtitles or a transcript, leave --text-column out"
_PACKED = ("parquet", "xlsx", "ods")
"""Formats that are compressed inside."""


def is_table_in_zip(member: str) -> bool:
    """Whether a file of this name in a zip file is a table that can be read there."""
    try:
        form = Format.of(member)
    except DataError:
        return False
    return form.compression is None and form.name != "parquet"


@dataclass(frozen=True)
class Format:
    """The format of a file.

    Attributes:
        name: "csv", "tsv", "jsonl", "parquet", "arrow", "xlsx", "ods" or CONVERSATION.
        compression: "gzip", "zstd", "zip" (see `in_zip`), or None.
        delimiter: the character between the cells of a row; None for a format without cells.
        encoding: name of the encoding of text.
        date_order: "day-first" or "month-first", for dates of a conversation that may be either; None to tell it from
            all of them.
    """

    name: str
    compression: str | None = None
    delimiter: str | None = None
    encoding: str = UTF_8
    date_order: str | None = None

    def separated_by(self, delimiter: str | None) -> Format:
        """The same format, but for CSV with another delimiter; None for the usual one."""
        return replace(self, delimiter=delimiter) if delimiter and self.name == "csv" else self

    def encoded_in(self, encoding: str) -> Format:
        """The same format of text in another encoding.

        Raises:
            DataError: there is no such encoding, or the format is not one of text.
        """
        if check_encoding(encoding) != UTF_8 and self.name in COLUMNAR:
            raise DataError(f"an encoding is for text files only; the input is {self.name}")
        return replace(self, encoding=encoding)

    @property
    def written(self) -> Format:
        """The same format, for a file that is written.

        Raises:
            DataError: it is only read.
        """
        if self.name == "ods":
            raise DataError(".ods is read but not written; give a name that ends in .xlsx, or another format")
        return self

    @classmethod
    def in_zip(cls, member: str) -> Format:
        """The format of a zip file, from the name of the table in it; raises as `of` does."""
        return replace(cls.of(member), compression="zip")

    @classmethod
    def of(cls, name: str) -> Format:
        """The format of a file with this name or address, such as "rows.csv.gz"; "csv.gz" alone is enough.

        Raises:
            DataError: the name does not end like one of a known format.
        """
        path = urlsplit(name).path if "://" in name else name
        stem, dot, last = f".{path}".lower().rpartition(".")
        compression = COMPRESSIONS.get(dot + last)
        suffix = "." + stem.rpartition(".")[2] if compression else dot + last
        if suffix not in FORMATS:
            raise DataError(
                f"{name}: no known format; allowed: names that end in {', '.join(FORMATS)}, all but "
                f"{', '.join(f'.{name}' for name in _PACKED)} also followed by {' or '.join(COMPRESSIONS)}"
                f"{_FOR_CONVERSATIONS if suffix in _OF_CONVERSATIONS else ''}"
            )
        if FORMATS[suffix] in _PACKED and compression:
            raise DataError(f"{name}: {suffix} files are compressed inside; name it without {dot}{last}")
        return cls(FORMATS[suffix], compression, DELIMITERS.get(FORMATS[suffix]))
