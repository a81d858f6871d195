"""Bytes to lines, however the bytes come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.rows.lines import LineDecoder, row_problem


def decoded(content: bytes, size: int, max_bytes: int = 100) -> list[tuple[int, str]]:
    """Numbers and lines of content that comes in pieces of this size."""
    decoder = LineDecoder(max_bytes)
    pieces = [content[i : i + size] for i in range(0, len(content), size)]
    blocks = [*(decoder.feed(piece) for piece in pieces), decoder.feed(b"", final=True)]
    return [(block.number + i, line) for block in blocks for i, line in enumerate(block.lines)]


@given(st.binary(max_size=60), st.integers(1, 20))
def test_lines_do_not_depend_on_how_bytes_arrive(content: bytes, size: int) -> None:
    whole = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = decoded(content, size)
    assert "".join(line for _, line in lines) == whole
    assert [number for number, _ in lines] == list(range(1, len(lines) + 1))
    assert all(line.endswith("\n") and line.count("\n") == 1 for _, line in lines[:-1])


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_only_the_beginning_of_a_line_that_is_too_long_is_kept(size: int) -> None:
    lines = [line for _, line in decoded(b"a\n" + b"x" * 500 + b"\nb\n", size)]
    assert [lines[0], lines[2]] == ["a\n", "b\n"]
    assert row_problem(lines[1].rstrip("\n"), 100) == "the row is longer than 100 bytes"


@pytest.mark.parametrize(("content", "doubtful"), [(b"caf\xc3\xa9\n", False), (b"caf\xe9\n", True), (b"x" * 200, True)])
def test_block_with_broken_or_long_lines_is_doubtful(content: bytes, doubtful: bool) -> None:
    assert LineDecoder(100).feed(content, final=True).doubtful is doubtful


def test_problems_of_rows() -> None:
    assert row_problem("café", 5) is None
    assert row_problem("café", 4) == "the row is longer than 4 bytes"
    windows = "the byte 0xe9 is not valid UTF-8 (in Windows-1252 it is 'é'); allowed: text in UTF-8"
    assert row_problem("caf\udce9", 9) == windows
    other = "the byte 0x81 is not valid in windows-1252; allowed: text in that encoding"
    assert row_problem("caf\udc81", 9, "windows-1252") == other
