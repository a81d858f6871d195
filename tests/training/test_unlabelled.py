import pytest

from emoscope.errors import DataError
from emoscope.training.unlabelled import read_unlabelled


def test_every_text_format_is_read(tmp_path):
    files = {
        "a.txt": "\ufeffone; two\r\nthree\n\n".encode(),
        "b.csv": b'id,words\n1,"four, five"\n2,six\n',
        "c.jsonl": b'{"words": "seven"}\n{"words": "eight", "label": 3}\n',
        "d.tsv": b"words\tx\nnine\t1\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    texts = read_unlabelled([str(tmp_path / name) for name in files], "words")
    assert texts == ["one; two", "three", "four, five", "six", "seven", "eight", "nine"]
    (tmp_path / "e.tsv").write_bytes(b"1\tten\n2\televen\n")
    assert read_unlabelled([str(tmp_path / "e.tsv")], "1") == ["ten", "eleven"]
    assert read_unlabelled([], "words") == []


def test_parquet_is_read(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"x": [1, 2], "words": ["one", "two"]}), tmp_path / "a.parquet")
    assert read_unlabelled([str(tmp_path / "a.parquet")], "words") == ["one", "two"]
    pq.write_table(pa.table({"words": pa.array([], pa.string())}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: no rows"):
        read_unlabelled([str(tmp_path / "b.parquet")], "words")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"one\n \ntwo", r"a\.txt, line 2: no text, found ' '"),
        ("a.txt", b"one\n\ntwo", r"a\.txt, line 2: no text, found ''"),
        ("a.txt", b"", r"a\.txt, line 1: no text"),
        ("a.txt", b"caf\xe9", r"a\.txt: cannot be read .*; allowed: UTF-8, one text per line"),
        ("a.csv", b"text,x\n,1\n", r"a\.csv, line 2: no text, found ''"),
        ("a.csv", b"words,x\none,1\n", r"a\.csv, line 1: no column 'text'; the columns are: 'words', 'x'"),
        ("a.jsonl", b'{"text": 3}', r"a\.jsonl, line 1: no text, found 3"),
        ("a.jsonl", b'{"text": "\\ud800"}', r"a\.jsonl, line 1: .* lone surrogate"),
        ("a.pdf", b"one", r"no unlabelled texts at '.*a\.pdf'; allowed: a file, one of \.txt"),
    ],
)
def test_unreadable_text_is_an_error_that_names_its_place(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_unlabelled([str(tmp_path / name)], "text")


def test_missing_file_is_an_error(tmp_path):
    for missing in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(DataError, match="no unlabelled texts at"):
            read_unlabelled([str(missing)], "text")
