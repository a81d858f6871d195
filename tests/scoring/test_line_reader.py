"""Text files in blocks: long rows, and files that break off."""

import gzip
import json
from contextlib import suppress

import pyarrow as pa
import pytest
from scoring_fakes import kept_and_rejected, read, score, write, write_parquet

from emoscope.errors import DataError
from emoscope.rows import blocks


def test_files_are_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("emoscope.rows.blocks.BLOCK_BYTES", 1500)
    monkeypatch.setattr("emoscope.rows.blocks._SLICE_BYTES", 70)
    rows = [{"id": str(i), "text": f"line {i}\nand\n\n, more {'x' * (i % 50)}"} for i in range(300)]
    for name in ("csv", "jsonl", "csv.gz"):
        score(write(tmp_path / f"in.{name}", rows), tmp_path / f"out.{name}")
        assert [row["text"] for row in read(tmp_path / f"out.{name}")] == [row["text"] for row in rows]


@pytest.mark.parametrize(("name", "head"), [("in.csv", "text\n"), ("in.jsonl", '{"text": "a"}\n')])
def test_row_that_is_too_long_is_rejected(tmp_path, monkeypatch, name, head):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(blocks, "MAX_ROW_BYTES", 5000)
    for module in ("csv_reader", "jsonl_reader"):
        monkeypatch.setattr(f"emoscope.scoring.{module}.MAX_ROW_BYTES", 5000)
    long = "x" * 20_000
    good = '{"text": "b"}' if name == "in.jsonl" else "b"
    row = json.dumps({"text": long}) if name == "in.jsonl" else long
    found, rejected_rows = kept_and_rejected(tmp_path, name, f"{head}{row}\n{good}\n")
    assert found[-1] == "b"
    assert rejected_rows == [(2, "the row is longer than 5,000 bytes")]


@pytest.mark.parametrize(("name", "first"), [("in.csv.gz", b"text\n"), ("in.jsonl.gz", b"")])
def test_compressed_file_that_breaks_off(tmp_path, name, first):
    row = b'{"text": "%d"}\n' if "jsonl" in name else b"%d\n"
    packed = gzip.compress(first + b"".join(row % i for i in range(25_000)))
    found, rejected_rows = kept_and_rejected(tmp_path, name, packed[: len(packed) * 2 // 3], part_rows=5_000)
    assert found == [str(i) for i in range(len(found))] and len(found) > 3_000
    assert rejected_rows[0][0] == len(found) + (2 if first else 1)
    assert (
        "the compressed data are broken" in rejected_rows[0][1]
        and "everything from here on is lost" in rejected_rows[0][1]
    )


ROWS = [f"row {i} {i * 7919 % 1000:060}" for i in range(4_000)]
TABLE = "\n".join(["text", *ROWS]).encode()  # without a newline at the end


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda packed: packed[:-1], "their checksum is cut off); no row is lost, but some may be wrong"),
        (lambda packed: packed + bytes(512), "what is behind their end is not compressed data); no row is lost"),
        (lambda packed: packed[:-8] + b"wrong" + packed[-3:], "their checksum does not fit); no row is lost"),
    ],
)
def test_damage_behind_the_compressed_data_loses_no_row(tmp_path, damage, words):
    found, rejected_rows = kept_and_rejected(tmp_path, "in.csv.gz", damage(gzip.compress(TABLE)))
    assert found == ROWS
    ((line, reason),) = rejected_rows
    assert line == len(ROWS) + 2 and words in reason


@pytest.mark.parametrize("damage", [lambda packed: packed + bytes(512), lambda packed: packed[:-1]])
def test_all_that_zstd_can_decode_is_scored(tmp_path, damage):
    with pa.output_stream(tmp_path / "whole.csv.zst", compression="zstd") as file:
        file.write(TABLE + b"\n")
    packed = damage((tmp_path / "whole.csv.zst").read_bytes())
    stream, decoded = pa.CompressedInputStream(pa.BufferReader(packed), "zstd"), bytearray()
    with suppress(OSError):
        while True:
            decoded += stream.read(1)
    found, rejected_rows = kept_and_rejected(tmp_path, "in.csv.zst", packed)
    assert found == decoded.decode().split("\n")[1:-1] and len(found) > 1_000
    assert [line for line, _ in rejected_rows] == [len(found) + 2]


def test_summary_counts_breaks(tmp_path):
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(TABLE)[:-9])
    assert score(tmp_path / "in.csv.gz", tmp_path / "out.csv").breaks == 1
    (tmp_path / "in.csv").write_bytes(b"text\na,b\nc\n")
    assert score(tmp_path / "in.csv", tmp_path / "out2.csv").breaks == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "windows-1252", "latin-1"])
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.tsv", "in.jsonl"])
def test_other_encodings_are_read_and_utf8_is_written(tmp_path, monkeypatch, encoding, name):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 90)
    monkeypatch.setattr(blocks, "_SLICE_BYTES", 7)
    rows = [{"id": str(i), "text": f"caf\xe9 {i}, \xabyes\xbb"} for i in range(40)]
    source = write(tmp_path / name, rows)
    content = source.read_bytes()
    text = (gzip.decompress(content) if name.endswith("gz") else content).decode()
    source.write_bytes(gzip.compress(text.encode(encoding)) if name.endswith("gz") else text.encode(encoding))
    score(source, tmp_path / "out.jsonl", encoding=encoding)
    assert [row["text"] for row in read(tmp_path / "out.jsonl")] == [row["text"] for row in rows]
    if name in ("in.csv", "in.jsonl"):
        score(source, tmp_path / f"out.{name[3:]}", encoding=encoding, overwrite=True)
        assert (tmp_path / f"out.{name[3:]}").read_bytes().decode().startswith(text.partition("\n")[0][:-1])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_utf16_is_an_error_that_names_it(tmp_path, encoding, name):
    source = write(tmp_path / name, [{"text": f"row {i}"} for i in range(20)])
    source.write_bytes(source.read_bytes().decode().encode(encoding))
    with pytest.raises(DataError, match=f"in.*the text is {encoding.upper()}, not UTF-8; name its encoding"):
        score(source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_byte_that_the_encoding_lacks_rejects_its_row_alone(tmp_path):
    found, rows = kept_and_rejected(tmp_path, "in.csv", b"text\na\x81\n\x93b\x94\n", encoding="windows-1252")
    assert found == ["\u201cb\u201d"]
    assert rows == [(2, "the byte 0x81 is not valid in windows-1252; allowed: text in that encoding")]


def test_an_encoding_is_one_of_text(tmp_path):
    write_parquet(tmp_path / "in.parquet", {"text": ["a"]})
    with pytest.raises(DataError, match="an encoding is for text files only; the input is parquet"):
        score(tmp_path / "in.parquet", tmp_path / "out.csv", encoding="latin-1")
    with pytest.raises(DataError, match="there is no encoding 'hex'"):
        score(write(tmp_path / "in.csv", [{"text": "a"}]), tmp_path / "out.csv", encoding="hex")
