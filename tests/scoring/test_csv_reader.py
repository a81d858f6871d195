"""CSV to tables: broken rows are rejected alone."""

import json

import pytest
from scoring_fakes import emotion, kept_and_rejected, score, texts

from emoscope.errors import DataError
from emoscope.rows import blocks


@pytest.mark.parametrize("target", ["csv", "jsonl"])
def test_file_without_a_header(tmp_path, target):
    (tmp_path / "in.tsv").write_text("a\t1\nb\t2\n")
    score(tmp_path / "in.tsv", tmp_path / f"out.{target}", text_column="0", columns=("emotion",))
    expected = {
        "csv": f"0,1,emotion\na,1,{emotion('a')}\nb,2,{emotion('b')}\n",
        "jsonl": f'{{"0": "a", "1": "1", "emotion": "{emotion("a")}"}}\n'
        f'{{"0": "b", "1": "2", "emotion": "{emotion("b")}"}}\n',
    }
    assert (tmp_path / f"out.{target}").read_text() == expected[target]
    score(tmp_path / "in.tsv", tmp_path / "out.tsv", text_column="0", columns=("emotion",))
    assert (tmp_path / "out.tsv").read_text() == f"a\t1\t{emotion('a')}\nb\t2\t{emotion('b')}\n"


@pytest.mark.parametrize(("delimiter", "shown"), [(";", ";"), ("\t", r"\\t"), ("|", r"\|")])
def test_missing_delimiter_is_suggested(tmp_path, delimiter, shown):
    (tmp_path / "in.csv").write_text(f"id{delimiter}text\n1{delimiter}a\n")
    with pytest.raises(DataError, match=f"its columns are separated by '{shown}'; give --delimiter '{shown}'"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")


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
def test_broken_rows_are_rejected_alone(tmp_path, body, good, bad):
    found, rejected_rows = kept_and_rejected(tmp_path, "in.csv", "id,text\n" + body)
    assert found == good
    assert [line for line, _ in rejected_rows] == list(bad)
    assert all(words in reason for (_, reason), words in zip(rejected_rows, bad.values(), strict=True))


def test_broken_utf8(tmp_path):
    content = b'id,text\n1,caf\xe9\n2,b\n3,"two\nl\xffnes"\n4,\xc3\xa9\n\xfe\n'
    found, rejected_rows = kept_and_rejected(tmp_path, "in.csv", content)
    assert found == ["b", "é"]
    assert [line for line, _ in rejected_rows] == [2, 4, 7]
    assert rejected_rows[0][1] == "the byte 0xe9 is not valid UTF-8 (in Windows-1252 it is 'é'); allowed: text in UTF-8"
    (tmp_path / "raw").mkdir()
    assert kept_and_rejected(tmp_path / "raw", "in.csv", content, "csv")[1] == rejected_rows


def test_blank_line_of_a_single_column_is_a_row(tmp_path):
    assert kept_and_rejected(tmp_path, "in.csv", 'text\na\n\n""\nb\n')[0] == ["a", "", "", "b"]


@pytest.mark.parametrize("block", [64, 1000, 1 << 20])
def test_stray_quote_loses_one_row_wherever_blocks_end(tmp_path, monkeypatch, block):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block)
    monkeypatch.setattr(blocks, "_SLICE_BYTES", 16)
    body = "".join(f'{i},"{text}\n' if i % 10 == 5 else f'{i},"{text},"\n' for i, text in enumerate(texts(100)))
    found, rejected_rows = kept_and_rejected(tmp_path, "in.csv", "id,text\n" + body)
    assert found == [f"{text}," for i, text in enumerate(texts(100)) if i % 10 != 5]
    assert [line for line, _ in rejected_rows] == list(range(7, 102, 10))


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
