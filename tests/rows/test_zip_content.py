"""The only table in a zip file."""

from __future__ import annotations

import io
import zipfile

import pytest

from emoscope.errors import DataError
from emoscope.rows.zip_content import ZipContent


def archive(**members: bytes) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(name.replace("_dot_", "."), content)
    return stored.getvalue()


def opened(content: bytes) -> ZipContent:
    return ZipContent(io.BytesIO(content), "in.zip", lambda name: name.endswith(".csv"))


def test_the_only_table_is_read_in_parts() -> None:
    with opened(archive(a_dot_csv=b"text\nhello\n", notes_dot_doc=b"x")) as content:
        assert content.member == "a.csv"
        assert [content.read(4), content.read(100), content.read(4)] == [b"text", b"\nhello\n", b""]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (archive(a_dot_doc=b"x"), r"in.zip: the zip file has no table \(a.doc\)"),
        (archive(), r"no table \(nothing\)"),
        (archive(a_dot_csv=b"x", b_dot_csv=b"x"), r"2 tables \(a.csv, b.csv\); allowed: one; unpack it"),
        (b"text\nhello\n", "not a zip file that can be read"),
        (archive(a_dot_csv=b"x" * 99)[:40], "not a zip file that can be read"),
    ],
    ids=["no table", "empty", "two tables", "text", "cut off"],  # the content has the time of day
)
def test_anything_else_is_an_error(content: bytes, error: str) -> None:
    with pytest.raises(DataError, match=error):
        opened(content)


def test_password_is_named() -> None:
    content = bytearray(archive(a_dot_csv=b"hello"))
    for start in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[start] |= 1  # the flag of encryption
    with pytest.raises(DataError, match="has a password; unpack it"):
        opened(bytes(content))


def test_wrong_checksum_is_an_error_at_the_end() -> None:
    content = bytearray(archive(a_dot_csv=b"hello"))
    at = content.index(b"PK\x01\x02") + 16
    content[at] ^= 1
    with opened(bytes(content)) as table, pytest.raises(OSError, match="CRC"):
        table.read(100)
