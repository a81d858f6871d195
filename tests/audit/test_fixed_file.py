"""Fixed copies in every format, encoding and compression that is read."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import messy_tables
from audit.made_rows import LABELS
from emoscope.audit import plan_fix, write_fixed_copy
from emoscope.data import load_splits
from emoscope.errors import DataError

ROWS = [("one", "calm"), ("two", "cross"), ("two", "cross"), ("caf\u00e9 &amp; b", "calm")]
FIXED = [("one", "calm"), ("two", "cross"), ("caf\u00e9 & b", "calm")]


def fixed(source: Path, out: Path, **options: Any) -> list[tuple[str, str]]:
    """The rows of the fixed copy of a file."""
    write_fixed_copy(source, out, plan_fix(load_splits(source, labels=LABELS, **options)), **options)
    copy = load_splits(out / source.name, labels=LABELS, **options)["all"]
    return [(text, LABELS.names[i]) for text, i in zip(copy.texts, copy.label_ids, strict=True)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252"])
def test_a_table_with_another_delimiter_encoding_and_blank_lines(tmp_path: Path, encoding: str) -> None:
    lines = ["note;label;text", *(f'"a;b";{label};"{text}"' for text, label in ROWS)]
    (tmp_path / "rows.csv").write_bytes("\r\n\r\n".join(lines).encode(encoding))
    assert fixed(tmp_path / "rows.csv", tmp_path / "out", delimiter=";", encoding=encoding) == FIXED
    content = (tmp_path / "out" / "rows.csv").read_bytes().decode(encoding)
    assert content == "\r\n\r\n".join([*lines[:3], '"a;b";calm;caf\u00e9 & b'])


def test_compressed_lines_and_arrays(tmp_path: Path) -> None:
    rows = [{"more": [1], "text": text, "label": label} for text, label in ROWS]
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))
    assert fixed(tmp_path / "rows.jsonl.gz", tmp_path / "lines") == FIXED
    (tmp_path / "rows.json").write_text(json.dumps(rows, indent=1))
    assert fixed(tmp_path / "rows.json", tmp_path / "array") == FIXED
    assert json.loads((tmp_path / "array" / "rows.json").read_bytes())[2] == rows[3] | {"text": "caf\u00e9 & b"}


@pytest.mark.parametrize("name", ["rows.arrow", "rows.parquet", "rows.csv.zst"])
def test_columnar_files_and_zstandard(tmp_path: Path, name: str) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS], "more": [1, 2, 3, 4]})
    table = table.replace_schema_metadata({"kept": "yes"})
    if name.endswith("zst"):
        with pa.CompressedOutputStream(str(tmp_path / name), "zstd") as file:
            file.write("".join(f"{text},{label}\n" for text, label in [("text", "label"), *ROWS]).encode())
    elif name.endswith("arrow"):
        with pa.ipc.new_file(tmp_path / name, table.schema) as writer:
            writer.write_table(table)
    else:
        pq.write_table(table, tmp_path / name)
    assert fixed(tmp_path / name, tmp_path / "out") == FIXED
    if name.endswith("parquet"):
        copy = pq.read_table(tmp_path / "out" / name)
        assert (copy.column("more").to_pylist(), copy.schema.metadata) == ([1, 2, 4], {b"kept": b"yes"})


def test_shards_keep_their_places_and_row_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "moods"
    (folder / "data").mkdir(parents=True)
    for number, rows in enumerate((ROWS[:2], ROWS[2:])):
        lines = "".join(f"{text};{label}\n" for text, label in rows)
        (folder / "data" / f"train-0000{number}-of-00002.txt").write_text(lines)
    write_fixed_copy(folder, tmp_path / "out", plan_fix(load_splits(folder, labels=LABELS)))
    copies = sorted((tmp_path / "out" / "data").iterdir())
    assert [copy.read_text() for copy in copies] == ["one;calm\ntwo;cross\n", "caf\u00e9 & b;calm\n"]


def test_skipped_rows_stay_and_count(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("x;other\none;calm\ntwo;cross\ntwo;cross\n")
    changes = plan_fix(load_splits(tmp_path / "rows.txt", labels=LABELS, skip_other_labels=True))
    write_fixed_copy(tmp_path / "rows.txt", tmp_path / "out", changes)
    assert (tmp_path / "out" / "rows.txt").read_text() == "x;other\none;calm\ntwo;cross\n"


def test_workbook(tmp_path: Path) -> None:
    xlsxwriter = pytest.importorskip("xlsxwriter")
    pytest.importorskip("python_calamine")
    with xlsxwriter.Workbook(str(tmp_path / "rows.xlsx")) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([("A title",), (), ("text", "label", "more"), *((*row, 1) for row in ROWS)]):
            sheet.write_row(number, 0, row)
    assert fixed(tmp_path / "rows.xlsx", tmp_path / "out") == FIXED


@pytest.mark.parametrize("name", ["rows.zip", "rows.ods"])
def test_files_that_are_only_read(tmp_path: Path, name: str) -> None:
    pytest.importorskip("python_calamine")
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        archive.writestr("rows.csv", "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS))
    messy_tables.ods(tmp_path / "rows.ods", [("text", "label"), *ROWS])
    with pytest.raises(DataError, match="a fixed copy of an? (zip file|.ods) cannot be written; "):
        fixed(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()
