from __future__ import annotations

import pytest

from emoscope.errors import DataError
from emoscope.rows.formats import Format


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", Format("csv", delimiter=",")),
        ("A.TSV", Format("tsv", delimiter="\t")),
        ("x.y/rows.2024.jsonl.gz", Format("jsonl", "gzip")),
        ("rows.ndjson.zst", Format("jsonl", "zstd")),
        ("b.parquet", Format("parquet")),
        ("b.arrow.gz", Format("arrow", "gzip")),
        ("b.feather", Format("arrow")),
        ("book.XLSX", Format("xlsx")),
        ("book.ods", Format("ods")),
        ("csv.gz", Format("csv", "gzip", ",")),
        ("jsonl", Format("jsonl")),
    ],
)
def test_formats_by_name(name: str, expected: Format) -> None:
    assert Format.of(name) == expected


@pytest.mark.parametrize("name", ["a", "a.txt", "a.gz", "a.csv.bz2", "", ".", "a.parquet.gz", "a.xlsx.gz", "a.zip"])
def test_name_without_a_format_is_an_error(name: str) -> None:
    with pytest.raises(DataError, match=r"allowed|inside"):
        Format.of(name)


def test_ods_is_not_written() -> None:
    assert Format.of("a.xlsx").written == Format("xlsx")
    with pytest.raises(DataError, match=r"\.ods is read but not written"):
        _ = Format.of("a.ods").written


def test_encoding_is_for_text_only() -> None:
    with pytest.raises(DataError, match="the input is xlsx"):
        Format.of("a.xlsx").encoded_in("utf-16")
