"""Gzip files that are whole, cut, padded or damaged."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest

from emoscope.rows.gzip_content import BehindEndError, GzipContent

CONTENT = b"".join(b"row %d,some text %d\n" % (i, i * 7919 % 1000) for i in range(10_000))
PACKED = gzip.compress(CONTENT, mtime=0)


def decoded(packed: bytes, size: int = 65_536) -> tuple[bytes, OSError | None]:
    """All that can be decoded, and the error behind it."""
    file, pieces = GzipContent(io.BytesIO(packed)), []
    try:
        while piece := file.read(size):
            pieces.append(piece)
    except OSError as error:
        return b"".join(pieces), error
    return b"".join(pieces), None


@pytest.mark.parametrize("size", [1000, 65_536, 10**9])
def test_whole_files_of_one_or_several_members(size: int) -> None:
    content, error = decoded(PACKED, size)
    assert (len(content), content == CONTENT, error) == (len(CONTENT), True, None)
    content, error = decoded(PACKED + gzip.compress(b"") + PACKED, size)
    assert (content == CONTENT * 2, error) == (True, None)


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (PACKED[:-1], "their checksum is cut off"),
        (PACKED[:-8], "their checksum is cut off"),
        (PACKED[:-8] + bytes(4) + PACKED[-4:], "their checksum does not fit"),
        (PACKED[:-4] + bytes(4), "their checksum does not fit"),
        (PACKED + bytes(512), "what is behind their end is not compressed data"),
        (PACKED + b"garbage", "what is behind their end is not compressed data"),
    ],
)
def test_damage_behind_the_end_loses_nothing(packed: bytes, words: str) -> None:
    content, error = decoded(packed)
    assert len(content) == len(CONTENT) and content == CONTENT
    assert isinstance(error, BehindEndError) and str(error) == words


def test_cut_file_is_read_up_to_the_cut() -> None:
    for cut in (PACKED[:5], PACKED[:10], PACKED[: len(PACKED) // 2], PACKED[:-20]):
        content, error = decoded(cut)
        expected = zlib.decompressobj(31).decompress(cut)
        assert len(content) == len(expected) and content == expected
        assert not isinstance(error, BehindEndError) and str(error) == "they break off"
    huge = gzip.compress(bytes(10**7))
    assert len(decoded(huge[:-1])[0]) == 10**7


def test_damaged_bytes_end_the_content() -> None:
    at = len(PACKED) // 2
    content, error = decoded(PACKED[:at] + b"\xff" * 30 + PACKED[at + 30 :])
    assert CONTENT.startswith(content[:90_000]) and len(content) > 90_000
    assert not isinstance(error, BehindEndError) and "invalid" in str(error)


@pytest.mark.parametrize(("packed", "words"), [(b"", "they break off"), (b"text,a\n", "incorrect header check")])
def test_file_that_is_not_gzip(packed: bytes, words: str) -> None:
    content, error = decoded(packed)
    assert (content, words in str(error)) == (b"", True)
