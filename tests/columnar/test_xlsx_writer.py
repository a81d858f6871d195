"""Workbooks that are written: read back, they have the same cells, and limits of the format are errors."""

from __future__ import annotations

import io
from contextlib import closing
from datetime import date, datetime, timezone
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow")
calamine = pytest.importorskip("python_calamine")
pytest.importorskip("xlsxwriter")

from emoscope.columnar import xlsx_writer
from emoscope.errors import DataError
from emoscope.scoring.cell_text import text_cells


def written(table: Any) -> bytes:
    sink = io.BytesIO()
    with closing(xlsx_writer.XlsxWriter(sink, table.schema, text_cells)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def cells(table: Any) -> list[list[Any]]:
    book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(written(table)))
    return list(map(list, zip(*book.get_sheet_by_index(0).to_python(), strict=True)))


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (
            ["a", None, "", "=1+1", "007", "https://x.y", "\x01\n"],
            None,
            ["a", "", "", "=1+1", "007", "https://x.y", "\x01\n"],
        ),
        ([1, None, 2**53 + 1], None, [1.0, "", str(2**53 + 1)]),
        ([0.1, None, float("nan"), float("inf")], "float32", [0.1, "", "", ""]),
        ([0.1], "float64", [0.1]),
        ([True, False, None], None, [True, False, ""]),
        ([date(2024, 5, 6), date(1700, 1, 1)], None, [date(2024, 5, 6), "1700-01-01"]),
        ([datetime(2024, 5, 6, 7, 8, 9)], None, [datetime(2024, 5, 6, 7, 8, 9)]),
        ([datetime(2024, 5, 6, tzinfo=timezone.utc)], None, ["2024-05-06 00:00:00.000000Z"]),
        ([{"a": [1, 2]}], None, ['{"a": [1, 2]}']),
        ([b"ab"], None, ["YWI="]),
    ],
)
def test_cells(values: list[Any], kind: str | None, expected: list[Any]) -> None:
    (column,) = cells(pa.table({"name": pa.array(values, kind)}))
    assert column[0] == "name"
    assert column[1:] == [*expected][: len(column) - 1]
    assert set(expected[len(column) - 1 :]) <= {""}


def test_equal_tables_give_equal_bytes() -> None:
    table = pa.table({"text": ["a", "b"], "score": [0.5, 0.25]})
    assert written(table) == written(table)


def test_text_that_is_too_long_is_an_error() -> None:
    assert len(cells(pa.table({"text": ["x" * 32_767]}))[0][1]) == 32_767
    with pytest.raises(
        DataError, match=r"row 1 has a text of 20,000 characters, and a cell of .xlsx holds 32,767; write"
    ):
        written(pa.table({"text": ["\U0001f600" * 20_000]}))


def test_too_many_rows_or_columns_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_writer, "MAX_ROWS", 2)
    with pytest.raises(DataError, match="more than 2 rows"):
        written(pa.table({"text": ["a", "b", "c"]}))
    monkeypatch.setattr(xlsx_writer, "MAX_COLUMNS", 1)
    with pytest.raises(DataError, match="2 columns, and .xlsx holds 1"):
        written(pa.table({"a": ["a"], "b": ["b"]}))
