"""Rows that cannot be read: rejected one by one, with file, line and reason, and nothing vanishes."""

import gzip
import io
import json
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring_fakes import rejected, score, texts, write_parquet

from emoscope.errors import DataError
from emoscope.scoring import line_reader


def scored(tmp_path, name, content, target="jsonl", **options):
    """Texts that came out, and (line or row, rows, reason) of those that did not."""
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    output = tmp_path / f"out.{target}"
    summary = score(tmp_path / name, output, **options)
    told = rejected(output) if summary.rejected else []
    assert summary.rejected == sum(entry["rows"] for entry in told)
    assert summary.rows_in == summary.rows + summary.rejected
    assert all(entry["file"] == str(tmp_path / name) for entry in told)
    rows = [json.loads(line) for line in output.read_text().splitlines()] if target == "jsonl" else []
    assert len(rows) == summary.rows or target != "jsonl"
    return [row["text"] for row in rows], [(entry.get("line", entry.get("row")), entry["reason"]) for entry in told]


@pytest.mark.parametrize(
    ("body", "good", "bad"),
    [
        ('1,"never closed\n2,b\n3,c\n', ["b", "c"], {2: "a quote is not closed"}),
        ('1,"never closed\n2,"b"\n3,"c"\n', ["b", "c"], {2: "there is text behind a closing quote"}),
        ('1,"a"b\n2,c\n', ["c"], {2: "there is text behind a closing quote"}),
        ("1,a,x\n2\n3,c\n", ["c"], {2: "3 fields; allowed: 2", 3: "1 fields"}),
        ('1,"two\nlines",x\n2,b\n', ["b"], {2: "3 fields"}),
        ('1,"two "bad" lines\nend",x,y\n2,b\n', ["b"], {2: "there is text behind", 3: "3 fields"}),
        ("1,a\n\n\r\n2,b\n\n", ["a", "b"], {}),
        ("1,a\rb\n2,c\n", ["c"], {2: "there is a carriage return without a newline"}),
        ('1,5" disk\n2,say "hi"\n', ['5" disk', 'say "hi"'], {}),
        ('1,"two\r\nlines"\r\n2,b', ["two\r\nlines", "b"], {}),
        ('1,"last', [], {2: "a quote is not closed"}),
    ],
)
def test_csv(tmp_path, body, good, bad):
    found, told = scored(tmp_path, "in.csv", "id,text\n" + body)
    assert found == good
    assert [line for line, _ in told] == list(bad)
    assert all(words in reason for (_, reason), words in zip(told, bad.values(), strict=True))


def test_csv_with_broken_utf8(tmp_path):
    content = b'id,text\n1,caf\xe9\n2,b\n3,"two\nl\xffnes"\n4,\xc3\xa9\n\xfe\n'
    found, told = scored(tmp_path, "in.csv", content)
    assert found == ["b", "é"]
    assert [line for line, _ in told] == [2, 4, 7]
    assert told[0][1] == "the byte 0xe9 is not valid UTF-8; allowed: text in UTF-8"
    (tmp_path / "raw").mkdir()
    assert scored(tmp_path / "raw", "in.csv", content, "csv")[1] == told


def test_a_blank_line_of_a_single_column_is_a_row(tmp_path):
    assert scored(tmp_path, "in.csv", 'text\na\n\n""\nb\n')[0] == ["a", "", "", "b"]


@pytest.mark.parametrize("block", [64, 1000, 1 << 20])
def test_a_stray_quote_loses_one_row_wherever_blocks_end(tmp_path, monkeypatch, block):
    monkeypatch.setattr(line_reader, "BLOCK_BYTES", block)
    monkeypatch.setattr(line_reader, "_SLICE_BYTES", 16)
    body = "".join(f'{i},"{text}\n' if i % 10 == 5 else f'{i},"{text},"\n' for i, text in enumerate(texts(100)))
    found, told = scored(tmp_path, "in.csv", "id,text\n" + body)
    assert found == [f"{text}," for i, text in enumerate(texts(100)) if i % 10 != 5]
    assert [line for line, _ in told] == list(range(7, 102, 10))


@pytest.mark.parametrize(("name", "head"), [("in.csv", "text\n"), ("in.jsonl", '{"text": "a"}\n')])
def test_a_row_that_never_ends(tmp_path, monkeypatch, name, head):
    monkeypatch.setattr(line_reader, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(line_reader, "MAX_ROW_BYTES", 5000)
    for module in ("csv_tables", "jsonl_tables"):
        monkeypatch.setattr(f"emoscope.scoring.{module}.MAX_ROW_BYTES", 5000)
    long = "x" * 20_000
    good = '{"text": "b"}' if name == "in.jsonl" else "b"
    row = json.dumps({"text": long}) if name == "in.jsonl" else long
    found, told = scored(tmp_path, name, f"{head}{row}\n{good}\n")
    assert found[-1] == "b"
    assert told == [(2, "the row is longer than 5,000 bytes")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON ("),
        ("nonsense", "not JSON ("),
        ('["a"]', "a JSON list, not an object"),
        ('"a"', "a JSON str, not an object"),
        ('{"text": 5}', "'text' is int; allowed: a string, or null"),
        ('{"text": ["a"]}', "'text' is list"),
        ('{"text": "\\ud83d"}', "does not fit its column"),
        ("[" * 100_000, "not JSON"),
        ('{"text": "a", "joy": 1}', "there is a column 'joy' already"),
        ('{"text": "a"} x', "not JSON (Extra data)"),
    ],
)
def test_jsonl(tmp_path, line, words):
    first = '{"text": "a"}\n' * 3
    lines = f"{first}\n  \n{line}\n" + '{"text": "b"}'
    if "joy" in line:
        lines = lines.replace(
            line, "x" * (1 << 20) + "\n" + line
        )  # behind the first block, where columns are looked at
    found, told = scored(tmp_path, "in.jsonl", lines)
    assert found == ["a", "a", "a", "b"]
    assert told[-1][0] == (7 if "joy" in line else 6) and words in told[-1][1]


def test_jsonl_with_broken_utf8(tmp_path):
    found, told = scored(tmp_path, "in.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n{"text": "b", "n": "\xe9"}\n')
    assert found == ["a"]
    assert [line for line, _ in told] == [2, 3]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text": "b", "new": 1}, "the first rows have no field 'new'"),
        ({"text": "b", "deep": {"x": 1, "z": 2}}, "the first rows have no field 'deep.z'"),
        ({"text": "b", "n": 1.5}, "the field 'n' is float, among the first rows int64"),
        ({"text": "b", "n": "1"}, "the field 'n' is str"),
        ({"text": "b", "n": True}, "the field 'n' is bool"),
        ({"text": "b", "deep": 5}, "the field 'deep' is int"),
        ({"text": "b", "many": [{"y": "s"}]}, "the field 'many.y' is str"),
        ({"text": "b", "n": 10**30}, "does not fit its column"),
        ({"text": "b", "f": 2**60 + 1}, "does not fit its column"),
    ],
)
def test_an_object_that_does_not_fit_the_columns_is_no_table_row(tmp_path, monkeypatch, row, words):
    for name in ("BLOCK_BYTES", "_SLICE_BYTES"):
        monkeypatch.setattr(line_reader, name, 10)
    first = {"text": "a", "n": 1, "f": 0.5, "deep": {"x": 1}, "many": [{"y": 1}]}
    rows = [first, {"text": "ok", "n": None, "deep": {"x": None}, "many": []}, row, first]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = score(tmp_path / "in.jsonl", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").column("text").to_pylist() == ["a", "ok", "a"]
    assert (summary.rows_in, summary.rejected) == (4, 1)
    (told,) = rejected(tmp_path / "out.parquet")
    assert told["line"] == 3 and words in told["reason"]


def bad_strings(*values):
    """A string array whose bytes nobody has checked."""
    content = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), content.buffers())


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
    found, told = scored(tmp_path, name, (tmp_path / name).read_bytes())
    assert found == ["a", "c"]
    assert told[0][0] == 2 and "Invalid UTF8" in told[0][1]


def test_a_row_group_that_cannot_be_decoded(tmp_path):
    source = write_parquet(
        tmp_path / "in.parquet", {"text": texts(300)}, row_group_size=100, compression="none", use_dictionary=False
    )
    content = bytearray(source.read_bytes())
    start = content.index(b"text number 100")
    content[start - 4 : start + 500] = b"\xff" * 504
    found, told = scored(tmp_path, "in.parquet", bytes(content))
    assert found == texts(100) + texts(300)[200:]
    assert told[0][0] == 101 and "cannot be decoded" in told[0][1]
    assert rejected(tmp_path / "out.jsonl")[0]["rows"] == 100


def broken_footers(content):
    """A Parquet file with every bit of its footer turned, one at a time, where the row counts then disagree."""
    for place in range(len(content) - 8 - int.from_bytes(content[-8:-4], "little"), len(content) - 8):
        for bit in range(8):
            changed = content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]
            with suppress(OSError, ValueError):
                metadata = pq.ParquetFile(pa.BufferReader(changed)).metadata
                rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
                if sum(rows) != metadata.num_rows:
                    yield changed


def test_a_footer_that_contradicts_itself(tmp_path):
    """Mutations found it: a group with a negative number of rows made rows vanish."""
    written = io.BytesIO()
    pq.write_table(pa.table({"text": texts(24)}), written, row_group_size=9)
    broken = list(broken_footers(written.getvalue()))
    assert len(broken) > 3
    for content in broken:
        (tmp_path / "in.parquet").write_bytes(content)
        with pytest.raises(DataError, match=r"its footer has -?\d+ rows, in groups of"):
            score(tmp_path / "in.parquet", tmp_path / "out.csv")


@pytest.mark.parametrize(("name", "first"), [("in.csv.gz", b"text\n"), ("in.jsonl.gz", b"")])
def test_compressed_data_that_break_off(tmp_path, name, first):
    row = b'{"text": "%d"}\n' if "jsonl" in name else b"%d\n"
    packed = gzip.compress(first + b"".join(row % i for i in range(40_000)))
    found, told = scored(tmp_path, name, packed[: len(packed) * 2 // 3], part_rows=20_000)
    assert found == [str(i) for i in range(len(found))] and len(found) > 10_000
    assert told[0][0] == len(found) + (2 if first else 1)
    assert "the compressed data are broken" in told[0][1] and "everything from here on is lost" in told[0][1]


@pytest.mark.parametrize("compression", ["", ".gz"])
def test_an_arrow_file_that_breaks_off(tmp_path, compression):
    table = pa.table({"text": texts(50)})
    with pa.ipc.new_file(tmp_path / "whole.arrow", table.schema) as file:
        for start in range(0, 50, 10):
            file.write_table(table.slice(start, 10))
    content = (tmp_path / "whole.arrow").read_bytes()
    for cut in range(700, len(content) - 1, 331):
        part = gzip.compress(content[:cut]) if compression else content[:cut]
        found, told = scored(tmp_path, f"in.arrow{compression}", part, overwrite=True)
        assert found == texts(len(found))
        assert told[0][0] == len(found) + 1 and "everything from here on is lost" in told[0][1]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("in.csv", b"", "the first line is blank"),
        ("in.csv", b"id,name\n1,a\n", "no column 'text'; the columns are: 'id', 'name'"),
        ("in.csv", b"text,text\n1,a\n", "more than one column 'text'"),
        ("in.csv", b"text,joy\na,1\n", "there is a column 'joy' already"),
        ("in.csv", b'"text\na\n', "the first line cannot be read"),
        ("in.csv", b"te\xe9t\na\n", "the first line cannot be read .the byte 0xe9 is not valid UTF-8"),
        ("in.jsonl", b'{"a": 1}\n', "no column 'text'; the columns are: 'a'"),
        ("in.jsonl", b'{"text": "a", "emotion": 1}\n', "there is a column 'emotion' already"),
        ("in.parquet", b"PAR1", "not a Parquet file that can be read"),
        ("in.parquet", b"", "not a Parquet file that can be read"),
        ("in.arrow", b"nonsense", "not an Arrow file that can be read"),
        ("in.csv.gz", b"text\na\n", "the compressed data are broken"),
    ],
)
def test_files_that_are_no_tables_are_one_line_and_leave_nothing(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        score(tmp_path / name, tmp_path / "out.csv")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("column", ["\0hd", "row", "id"])
def test_any_name_of_a_column_is_kept(tmp_path, column):
    (tmp_path / "in.csv").write_text(f"{column},text\n1,x\n")
    score(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().startswith(f"{column},text,emotion,")
    score(tmp_path / "in.csv", tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text())[column] == "1"
    (tmp_path / "text.csv").write_text(f"id,{column}_\n1,x\n")
    score(tmp_path / "text.csv", tmp_path / "text_out.csv", text_column=f"{column}_")
    assert (tmp_path / "text_out.csv").read_text().startswith(f"id,{column}_,emotion,")


def test_columns_of_one_name_can_stay_but_not_change_their_format(tmp_path):
    (tmp_path / "in.csv").write_text("text,a,a\nx,1,2\n")
    score(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().startswith("text,a,a,emotion,")
    with pytest.raises(DataError, match="several columns have the same name"):
        score(tmp_path / "in.csv", tmp_path / "out.jsonl")
