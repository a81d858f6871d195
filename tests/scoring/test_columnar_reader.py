"""Parquet and Arrow files whose content is broken."""

import gzip
import io
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring_fakes import kept_and_rejected, rejected, score, texts, write_parquet

from emoscope.errors import DataError


def bad_strings(*values):
    """A string array whose bytes are not checked."""
    content = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), content.buffers())


def broken_footers(content):
    """Copies of a Parquet file, each with one bit of its footer flipped so that the row counts disagree."""
    for place in range(len(content) - 8 - int.from_bytes(content[-8:-4], "little"), len(content) - 8):
        for bit in range(8):
            changed = content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]
            with suppress(OSError, ValueError):
                metadata = pq.ParquetFile(pa.BufferReader(changed)).metadata
                rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
                if sum(rows) != metadata.num_rows:
                    yield changed


@pytest.mark.parametrize("name", ["in.parquet", "in.arrow"])
@pytest.mark.parametrize("column", ["text", "other"])
def test_columns_with_broken_utf8(tmp_path, name, column):
    columns = {"text": pa.array(["a", "b", "c"]), "other": pa.array(["x", "y", "z"])}
    columns[column] = bad_strings(b"a", b"\xff", b"c")
    table = pa.table(columns)
    if name == "in.arrow":
        with pa.ipc.new_file(tmp_path / name, table.schema) as file:
            file.write_table(table)
    else:
        pq.write_table(table, tmp_path / name)
    found, rejected_rows = kept_and_rejected(tmp_path, name, (tmp_path / name).read_bytes())
    assert found == ["a", "c"]
    assert rejected_rows[0][0] == 2 and "Invalid UTF8" in rejected_rows[0][1]


def test_row_group_that_cannot_be_decoded(tmp_path):
    source = write_parquet(
        tmp_path / "in.parquet", {"text": texts(300)}, row_group_size=100, compression="none", use_dictionary=False
    )
    content = bytearray(source.read_bytes())
    start = content.index(b"text number 100")
    content[start - 4 : start + 500] = b"\xff" * 504
    found, rejected_rows = kept_and_rejected(tmp_path, "in.parquet", bytes(content))
    assert found == texts(100) + texts(300)[200:]
    assert rejected_rows[0][0] == 101 and "cannot be decoded" in rejected_rows[0][1]
    assert rejected(tmp_path / "out.jsonl")[0]["rows"] == 100


def test_inconsistent_footer_is_an_error(tmp_path):
    """Found by mutations: a group with a negative number of rows made rows disappear."""
    written = io.BytesIO()
    pq.write_table(pa.table({"text": texts(24)}), written, row_group_size=9)
    broken = list(broken_footers(written.getvalue()))
    assert len(broken) > 3
    for content in broken:
        (tmp_path / "in.parquet").write_bytes(content)
        with pytest.raises(DataError, match=r"its footer has -?\d+ rows, in groups of"):
            score(tmp_path / "in.parquet", tmp_path / "out.csv")


@pytest.mark.parametrize("compression", ["", ".gz"])
def test_arrow_file_that_breaks_off(tmp_path, compression):
    table = pa.table({"text": texts(50)})
    with pa.ipc.new_file(tmp_path / "whole.arrow", table.schema) as file:
        for start in range(0, 50, 10):
            file.write_table(table.slice(start, 10))
    content = (tmp_path / "whole.arrow").read_bytes()
    for cut in range(700, len(content) - 1, 331):
        part = gzip.compress(content[:cut]) if compression else content[:cut]
        found, rejected_rows = kept_and_rejected(tmp_path, f"in.arrow{compression}", part, overwrite=True)
        assert found == texts(len(found))
        assert rejected_rows[0][0] == len(found) + 1 and "everything from here on is lost" in rejected_rows[0][1]
