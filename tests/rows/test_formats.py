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
        ("csv.gz", Format("csv", "gzip", ",")),
        ("jsonl", Format("jsonl")),
    ],
)
def test_formats_by_name(name: str, expected: Format) -> None:
    assert Format.of(name) == expected


@pytest.mark.parametrize("name", ["a", "a.txt", "a.gz", "a.csv.bz2", "", ".", "a.parquet.gz"])
def test_name_without_a_format_is_an_error(name: str) -> None:
    with pytest.raises(DataError, match=r"allowed|inside"):
        Format.of(name)
