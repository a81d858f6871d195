"""Rows of CSV, checked against the header."""

from __future__ import annotations

import pytest

from emoscope.errors import DataError
from emoscope.rows.csv_rows import CsvRows
from emoscope.rows.lines import LineDecoder


def rows_of(csv: CsvRows, content: str, size: int = 1000) -> list[tuple[int, list[str], str | None]]:
    """Line, cells and problem of each row."""
    decoder = LineDecoder(100)
    data = content.encode("utf-8", "surrogateescape")
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    blocks = [*(decoder.feed(piece) for piece in pieces), decoder.feed(b"", final=True)]
    return [(row.line, row.values, row.problem) for block in blocks for row in csv.rows(block)]


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_rows_are_numbered_and_checked_against_the_header(size: int) -> None:
    csv = CsvRows(",", 100)
    rows = rows_of(csv, 'a,"b\nc"\r\n1,2\n\n3\n"4\n5",6\n\udcff,7\n', size)
    assert (csv.columns, csv.header) == (["a", "b\nc"], 'a,"b\nc"')
    assert [(line, cells) for line, cells, problem in rows if not problem] == [(3, ["1", "2"]), (6, ["4\n5", "6"])]
    problems = {line: problem for line, _, problem in rows if problem}
    assert problems[5] == "1 fields; allowed: 2, as in the first line"
    assert list(problems) == [5, 8] and "0xff" in str(problems[8])


def test_raw_rows_have_no_line_ends() -> None:
    block = LineDecoder(100).feed(b'x;y\n1;"a\nb"\r\n2;c', final=True)
    assert [row.raw for row in CsvRows(";", 100).rows(block)] == ['1;"a\nb"', "2;c"]


def test_without_a_header_columns_are_numbered() -> None:
    csv = CsvRows(",", 100, has_header=False)
    assert rows_of(csv, "a,b\nc,d\n") == [(1, ["a", "b"], None), (2, ["c", "d"], None)]
    assert (csv.columns, csv.header) == (["0", "1"], "")


def test_blank_line_is_a_row_only_in_a_table_of_one_column() -> None:
    assert rows_of(CsvRows(",", 100), "a\n\nx\n") == [(2, [""], None), (3, ["x"], None)]


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "the first line is blank"), ('"a\n', "a quote is not closed"), ("\udcff,a\n", "0xff"), ("b\n1\n", "no b")],
)
def test_unusable_header_is_an_error(content: str, words: str) -> None:
    def check(columns: list[str]) -> None:
        if columns == ["b"]:
            raise DataError("no b, please")

    with pytest.raises(DataError, match=words):
        rows_of(CsvRows(",", 100, check=check), content)


def test_row_that_is_too_long_is_a_problem() -> None:
    rows = rows_of(CsvRows(",", 10), 'a,b\n1,"' + "x\n" * 10 + '"\n2,y\n', size=3)
    assert rows[-1] == (13, ["2", "y"], None) and all(problem for _, _, problem in rows[:-1])
