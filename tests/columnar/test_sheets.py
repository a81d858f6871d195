"""Types, names and numbers of the rows of spreadsheets; tests/test_messy_tables.py has whole tables."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow")
xlsxwriter = pytest.importorskip("xlsxwriter")
pytest.importorskip("python_calamine")

from emoscope.columnar import SheetFile
from emoscope.errors import DataError


def sheet(fill: Callable[[Any, Any], object], texts: tuple[str, ...] = ("text",)) -> SheetFile:
    stored = io.BytesIO()
    with xlsxwriter.Workbook(stored, {"in_memory": True}) as book:
        fill(book, book.add_worksheet())
    return SheetFile(io.BytesIO(stored.getvalue()), "in.xlsx", 1000, lambda reason, **place: None, texts)


def rows(*cells: tuple[Any, ...], texts: tuple[str, ...] = ("text",)) -> SheetFile:
    return sheet(lambda book, made: [made.write_row(n, 0, row) for n, row in enumerate(cells)], texts)


def table(file: SheetFile) -> Any:
    return pa.concat_tables(file.tables())


def test_columns_of_one_type_have_that_type() -> None:
    found = table(rows(("text", "n", "x", "yes", "mixed"), ("a", 1, 2.5, True, 1), ("b", 2, 3, False, "z"), ("c",)))
    assert found.schema.types == [pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.string()]
    assert found.to_pydict() == {
        "text": ["a", "b", "c"],
        "n": [1, 2, None],
        "x": [2.5, 3.0, None],
        "yes": [True, False, None],
        "mixed": ["1", "z", None],
    }


def test_dates() -> None:
    def fill(book: Any, made: Any) -> None:
        days, times = book.add_format({"num_format": "d.m.yyyy"}), book.add_format({"num_format": "d.m.yyyy hh:mm"})
        made.write_row(0, 0, ("text", "day", "time"))
        made.write_row(1, 0, ("a",))
        made.write_datetime(1, 1, datetime(2024, 5, 6), days)
        made.write_datetime(1, 2, datetime(2024, 5, 6, 7, 8), times)

    found = table(sheet(fill))
    assert found["time"].to_pylist() == [datetime(2024, 5, 6, 7, 8)]
    assert found["day"].to_pylist() in ([date(2024, 5, 6)], [datetime(2024, 5, 6)])


def test_large_numbers_stay_as_they_are() -> None:
    assert table(rows(("text", "n"), ("a", 2.0**60)))["n"].to_pylist() == [2.0**60]


def test_texts_are_texts_whatever_the_cells_are() -> None:
    assert table(rows(("text",), (True,), (10,), (0.5,)))["text"].to_pylist() == ["TRUE", "10", "0.5"]


def test_rows_have_the_numbers_of_the_sheet() -> None:
    file = rows(("A title",), (), ("text",), ("a",), (), ("b",))
    assert [file.row_number(index) for index in range(2)] == [4, 6]


def test_names_of_columns() -> None:
    file = rows(("text", None, "n", "n", None), ("a", "x", 1, 2, None))
    assert file.schema.names == ["text", "column B", "n", "n (D)"]


def test_no_header_if_columns_are_numbers() -> None:
    file = rows(("a", 1), ("b", 2), texts=("0",))
    assert table(file).to_pydict() == {"0": ["a", "b"], "1": [1, 2]}


def test_table_without_such_a_column_is_left_to_the_reader() -> None:
    assert rows(("review",), ("a",)).schema.names == ["review"]
    assert list(rows(("text",)).tables()) == []


def test_empty_workbook_is_an_error() -> None:
    with pytest.raises(DataError, match="the workbook is empty"):
        rows()


def test_letters_of_columns() -> None:
    from emoscope.columnar.sheets import _letters

    assert [_letters(at) for at in (0, 25, 26, 701, 702, 16_383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
