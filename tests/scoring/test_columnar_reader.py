"""Parquet and Arrow files whose content is broken."""

import gzip
import io
import os
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring_fakes import kept_and_rejected, read, rejected, score, texts, write_parquet

from emoscope.errors import DataError
from emoscope.scoring import ScoreReport, Stream


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


def framed(table, **options):
    """A table as the content of an Arrow file, in batches of ten rows."""
    written = io.BytesIO()
    with pa.ipc.new_file(written, table.schema, **options) as file:
        file.write_table(table, max_chunksize=10)
    return written.getvalue()


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_footer_of_an_arrow_file_decides(tmp_path, suffix):
    """Polars and Arrow JS write no stream between the frame: the schema there has no prefix."""
    content = framed(pa.table({"text": texts(25)}))
    content = content[:8] + bytes(16) + content[24:]
    with pytest.raises(pa.ArrowException):
        pa.ipc.open_stream(content[8:]).read_all()
    with pa.output_stream(tmp_path / f"in.arrow{suffix}", compression="detect") as file:
        file.write(content)
    score(tmp_path / f"in.arrow{suffix}", tmp_path / "out.arrow")
    assert pa.ipc.open_file(tmp_path / "out.arrow").read_all()["text"].to_pylist() == texts(25)
    received = io.BytesIO()
    read_end, write_end = os.pipe()
    os.write(write_end, content)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        score(Stream(pipe, "arrow"), Stream(received, "arrow"))
    assert pa.ipc.open_stream(received.getvalue()).read_all()["text"].to_pylist() == texts(25)


def test_broken_batch_of_an_arrow_file_is_lost_alone(tmp_path):
    content = framed(pa.table({"text": texts(30)}))
    at = content.index(b"text number 15")
    start = content.rindex(b"\xff\xff\xff\xff", 0, at)
    (tmp_path / "in.arrow").write_bytes(content[: start + 8] + bytes(64) + content[start + 72 :])
    summary = score(tmp_path / "in.arrow", tmp_path / "out.arrow")
    (record,) = rejected(tmp_path / "out.arrow")
    assert record["row"] == 11 and "the batch that begins here is lost" in record["reason"]
    found = pa.ipc.open_file(tmp_path / "out.arrow").read_all()["text"].to_pylist()
    assert found == texts(10) + texts(30)[20:] and summary.rows == 20


@pytest.mark.parametrize("values", [pa.string_view(), pa.dictionary(pa.int32(), pa.string_view()), pa.binary_view()])
@pytest.mark.parametrize("target", ["csv", "jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("options", [{}, {"long": "sentences", "sentence_rows": True}])
def test_views_of_text_are_read(tmp_path, values, target, options):
    column = pa.array(["one", None, "two"], values.value_type if pa.types.is_dictionary(values) else values)
    column = column.dictionary_encode() if pa.types.is_dictionary(values) else column
    (tmp_path / "in.arrow").write_bytes(framed(pa.table({"text": column, "other": column})))
    summary = score(
        tmp_path / "in.arrow", tmp_path / f"out.{target}", report=ScoreReport(tmp_path / "p.html"), **options
    )
    assert (summary.rows, summary.without_text) == (3, 1)
    assert [row["text"] or None for row in read(tmp_path / f"out.{target}")] == ["one", None, "two"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_binary_texts_are_read_as_utf8(tmp_path, kind):
    """Older Spark and Impala write texts as BINARY without the type UTF8."""
    write_parquet(tmp_path / "in.parquet", {"text": pa.array([b"one", b"\xff", None, "é".encode()], kind)})
    found, rejected_rows = kept_and_rejected(tmp_path, "in.parquet", (tmp_path / "in.parquet").read_bytes())
    assert found == ["one", None, "é"]
    assert [row for row, _ in rejected_rows] == [2] and "UTF8" in rejected_rows[0][1]


def odd_values():
    """Values that do not fit their types, beside sound texts."""
    days = pa.array([86_400_001, 0], pa.int64()).view(pa.date64())
    wide = pa.Array.from_buffers(pa.decimal128(5, 2), 2, [None, pa.py_buffer((10**20).to_bytes(16, "little") * 2)])
    times = pa.array([90_000_000, 0], pa.int32()).view(pa.time32("ms"))
    lists = pa.ListArray.from_arrays([0, 1, 2], days)
    columns = {
        "days": days,
        "wide": wide,
        "times": times,
        "lists": lists,
        "structs": pa.StructArray.from_arrays([days], ["x"]),
    }
    return pa.table({"text": ["one", "two"], **columns})


def test_row_with_odd_values_beside_a_sound_text_is_copied(tmp_path):
    (tmp_path / "in.arrow").write_bytes(framed(odd_values()))
    assert score(tmp_path / "in.arrow", tmp_path / "out.arrow").rejected == 0
    copied = pa.ipc.open_file(tmp_path / "out.arrow").read_all().select(odd_values().column_names)
    assert copied.equals(odd_values())
    for target in ("csv", "jsonl"):
        summary = score(tmp_path / "in.arrow", tmp_path / f"out.{target}")
        assert (summary.rows, summary.rejected) == (2, 0)
        assert read(tmp_path / f"out.{target}")[0]["wide"] == "1000000000000000000.00"
    with pytest.raises(DataError, match="the column 'wide': .* does not fit in precision .*; write .arrow or .jsonl"):
        score(tmp_path / "in.arrow", tmp_path / "out.parquet")


def test_dictionary_with_a_null_value_is_written_to_parquet(tmp_path):
    values = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), pa.array(["a", None]), ordered=True)
    (tmp_path / "in.arrow").write_bytes(framed(pa.table({"text": values, "other": values})))
    score(tmp_path / "in.arrow", tmp_path / "out.parquet")
    assert [row["other"] for row in read(tmp_path / "out.parquet")] == ["a", None, None]
    assert pq.read_schema(tmp_path / "out.parquet").field("other").type == values.type


def test_metadata_of_a_parquet_footer_is_kept(tmp_path):
    table = pa.table({"text": ["one"]}).replace_schema_metadata({"in": "the schema"})
    with pq.ParquetWriter(tmp_path / "in.parquet", table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"added": "later"})
    score(tmp_path / "in.parquet", tmp_path / "out.parquet")
    kept = pq.read_metadata(tmp_path / "out.parquet").metadata
    assert (kept[b"in"], kept[b"added"]) == (b"the schema", b"later")


def test_column_that_pyarrow_cannot_name_or_make_is_an_error(tmp_path):
    table = pa.table({"text": ["one"], "nonascii": [1], "months": pa.nulls(1, pa.month_day_nano_interval())})
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    for content in (framed(table), stream.getvalue()):
        (tmp_path / "in.arrow").write_bytes(content.replace(b"nonascii", b"non\xe9scii"))
        with pytest.raises(
            DataError, match=r"in\.arrow: the name of a column is not UTF-8 \(b'non\\xe9scii'\); rename it"
        ):
            score(tmp_path / "in.arrow", tmp_path / "out.csv")
    (tmp_path / "in.arrow").write_bytes(with_month_intervals(stream.getvalue()))
    with pytest.raises(
        DataError, match="the column 'months' is month_interval, which pyarrow cannot read; leave it out"
    ):
        score(tmp_path / "in.arrow", tmp_path / "out.csv")


def with_month_intervals(stream):
    """A stream whose intervals of months, days and nanoseconds are declared as months: one number of the schema."""
    for at in range(8, len(stream)):
        changed = stream[:at] + b"\0" + stream[at + 1 :]
        with suppress(pa.ArrowException, OSError, ValueError):
            if stream[at] == 2 and str(pa.ipc.open_stream(changed).schema.field("months").type) == "month_interval":
                return changed
    raise AssertionError("no such number")
