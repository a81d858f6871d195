"""Rows of files, folders and the Hub: every format, and what is wrong with a file."""

from __future__ import annotations

import gzip
import re
import zipfile
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.data import load_examples, load_splits
from emoscope.errors import DataError, MissingExtraError
from emoscope.labelled_rows import SUFFIXES, ZIP
from emoscope.labels import EMOTIONS, Labels
from labelled_files import (
    ALLOWED,
    HEADERLESS,
    ROWS,
    TEXT_SUFFIXES,
    WRITERS,
    Rows,
    message,
    message_of,
    rows_of,
    write_csv,
    write_jsonl,
    write_txt,
)

ENCODING = "; allowed: text in UTF-8; for another encoding give --encoding"


@pytest.mark.parametrize("suffix", WRITERS)
def test_each_format_returns_its_rows_in_order(tmp_path: Path, suffix: str) -> None:
    WRITERS[suffix](tmp_path / f"mine{suffix}", ROWS)
    examples = load_examples(tmp_path / f"mine{suffix}")
    assert rows_of(examples) == ROWS
    assert (examples.name, examples.split, len(examples)) == ("mine", None, len(ROWS))
    assert examples.label_ids.dtype == np.int64
    assert examples.labels == Labels()


@pytest.mark.parametrize("suffix", WRITERS)
def test_labels_are_names_ids_or_digits(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"mine{suffix}"
    for kind in (lambda name: name, EMOTIONS.index, lambda name: str(EMOTIONS.index(name))):
        WRITERS[suffix](file, [(text, kind(label)) for text, label in ROWS])
        assert rows_of(load_examples(str(file))) == ROWS


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES)
def test_byte_order_mark_crlf_and_blank_lines_at_the_end_are_allowed(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"mine{suffix}"
    rows = [("plain words", "joy"), ("more of them", "fear")]
    WRITERS[suffix](file, rows)
    lines = file.read_bytes().replace(b"\r\n", b"\n")
    file.write_bytes(b"\xef\xbb\xbf" + lines.replace(b"\n", b"\r\n") + b"\r\n\n")
    assert rows_of(load_examples(file)) == rows
    file.write_bytes(lines.rstrip(b"\n"))
    assert rows_of(load_examples(file)) == rows


def test_other_columns_and_labels(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("id,mood,sentence\n7,good,it went well\n8,bad,it did not\n")
    examples = load_examples(file, labels=Labels(("bad", "good")), text_column="sentence", label_column="mood")
    assert examples.texts == ["it went well", "it did not"]
    assert examples.label_ids.tolist() == [1, 0]


def test_csv_field_may_be_long_and_span_lines(tmp_path: Path) -> None:
    rows: Rows = [("word " * 200_000, "joy"), ('two\r\nlines\nand "quotes"', "fear")]
    write_csv(tmp_path / "mine.csv", rows)
    assert rows_of(load_examples(tmp_path / "mine.csv")) == rows


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_published_emotion_data(emotion_data: Path, tmp_path: Path, suffix: str) -> None:
    splits = load_splits(emotion_data)
    assert {split: len(examples) for split, examples in splits.items()} == {
        "train": 16_000,
        "validation": 2_000,
    }
    counts = Counter(label for _, label in rows_of(splits["train"]))
    assert counts == Counter(joy=5362, sadness=4666, anger=2159, fear=1937, love=1304, surprise=572)
    file = tmp_path / f"again{suffix}"
    WRITERS[suffix](file, rows_of(splits["train"]))
    assert load_examples(file).fingerprint == splits["train"].fingerprint


LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.text(LETTERS, min_size=1, max_size=30).filter(lambda text: text.strip() != "")
LABELS = st.sampled_from(EMOTIONS)
# A .txt has no way to write a line feed, nor a byte order mark as its first character.
TXT_TEXTS = TEXTS.filter(lambda text: "\n" not in text and text[0] != "\ufeff")


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES)
def test_any_text_is_read_back_unchanged(suffix: str) -> None:
    texts = TXT_TEXTS if suffix == ".txt" else TEXTS

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.tuples(texts, LABELS), min_size=1, max_size=8))
    def holds(rows: Rows) -> None:
        with TemporaryDirectory() as folder:
            file = Path(folder) / f"mine{suffix}"
            WRITERS[suffix](file, rows)
            assert rows_of(load_examples(file)) == rows

    holds()


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES)
def test_any_bytes_are_rows_or_a_data_error(suffix: str) -> None:
    pieces = [
        b"text",
        b"label",
        b",",
        b"\t",
        b";",
        b"joy",
        b'"',
        b"\n",
        b"\r",
        b"\0",
        b"\xff",
        b"{",
        b"}",
        b":",
    ]

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.sampled_from(pieces), max_size=25).map(b"".join) | st.binary(max_size=40))
    def holds(content: bytes) -> None:
        with TemporaryDirectory() as folder:
            file = Path(folder) / f"mine{suffix}"
            file.write_bytes(content)
            try:
                examples = load_examples(file)
            except DataError as error:
                assert str(file) in str(error)
            else:
                assert len(examples) >= 1

    holds()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"a b;joy\nno end", "a.txt, line 2: no label, found 'no end'; allowed: text;label"),
        (
            "a.txt",
            b"a b;joy\rc d;joy\xff",
            f"a.txt, line 1: the byte 0xff is not valid UTF-8 (in Windows-1252 it is 'ÿ'){ENCODING}",
        ),
        (
            "a.txt",
            b"a;joy\nb\xc3;joy",
            f"a.txt, line 2: the byte 0xc3 is not valid UTF-8 (in Windows-1252 it is 'Ã'){ENCODING}",
        ),
        ("a.txt", b"", "a.txt: the file is empty; there must be at least one row"),
        (
            "a.csv",
            b"\xef\xbb\xbf\r\n\r\n",
            "a.csv, line 1: the first line is blank; allowed: the names of the columns",
        ),
        ("a.csv", b"text,label\n", "a.csv: no rows; there must be at least one"),
        (
            "a.csv",
            b"text,mood\na,joy\n",
            f"a.csv, line 1: no column 'label'; the columns are: 'text', 'mood'{HEADERLESS}",
        ),
        ("a.csv", b"a b,joy\n", f"a.csv, line 1: no column 'text'; the columns are: 'a b', 'joy'{HEADERLESS}"),
        (
            "a.csv",
            b"text,label,text\na,joy,b\n",
            f"a.csv, line 1: more than one column 'text'; the columns are: 'text', 'label', 'text'{HEADERLESS}",
        ),
        (
            "a.csv",
            b'text,label\n"two\nlines",joy\nyes, we can,joy\n',
            "a.csv, line 4: 3 fields; allowed: 2, as in the first line, a cell with ',' in double quotes",
        ),
        (
            "a.tsv",
            b"text\tlabel\nyes, we can\n",
            "a.tsv, line 2: 1 fields; allowed: 2, as in the first line",
        ),
        (
            "a.csv",
            b"text,label\na\xff,joy\n",
            f"a.csv, line 2: the byte 0xff is not valid UTF-8 (in Windows-1252 it is 'ÿ'){ENCODING}",
        ),
        (
            "a.jsonl",
            b'{"text": "a", "label": "joy"}\n{"text": "b", "label"}\n',
            """a.jsonl, line 2: found '{"text": "b", "label"}', not JSON (Expecting ':' delimiter); """
            "allowed: one JSON object a line",
        ),
        (
            "a.jsonl",
            b"[1, 2]\n",
            "a.jsonl, row 1: a JSON int, not an object; allowed: an array of objects",
        ),
        ("a.jsonl", b'{"text": "a"}\n', "a.jsonl, line 1: no column 'label'; the columns are: 'text'"),
    ],
)
def test_unreadable_file_is_an_error(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert message_of(tmp_path, name, content) == expected


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (b'text,label\na,joy\n"never closed,joy\nb,joy\n', 3, "a quote is not closed; allowed: quotes inside"),
        (b'text,label\n"a\n\nb",joy\n"closed" too early,joy\n', 5, "there is text behind a closing quote; allowed:"),
        (b"text,label\na\rb,joy\n", 2, "there is a carriage return without a newline; allowed: lines that end with"),
        (b'"text,label\na,joy\n', 1, "the first line cannot be read (a quote is not closed"),
    ],
)
def test_broken_csv_is_reported_at_the_line_where_its_row_begins(
    tmp_path: Path, content: bytes, line: int, problem: str
) -> None:
    assert message_of(tmp_path, "a.csv", content).startswith(f"a.csv, line {line}: {problem}")


@pytest.mark.parametrize("line", [b"[" * 100_000, b"9" * 5_000])
def test_json_that_exceeds_the_parser_is_a_data_error(tmp_path: Path, line: bytes) -> None:
    assert re.match("a.jsonl(, line 1: found .*,|:) not JSON", message_of(tmp_path, "a.jsonl", line))


def test_bad_parquet_is_an_error(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    file = tmp_path / "a.parquet"

    def found(texts: Any, labels: Any, label_column: str = "label") -> str:
        pq.write_table(pa.table({"text": texts, label_column: labels}), file)
        return message(file).removeprefix(f"{tmp_path}/")

    assert found(["a", "b"], [1, None]) == f"a.parquet, row 2: no label, found None; {ALLOWED}"
    assert found(["a", None], [1, 2]) == "a.parquet, row 2: the text is None; allowed: a string"
    assert found([1, 2], [1, 2]) == "a.parquet, row 1: the text is 1; allowed: a string"
    assert found(["a"], [9]) == f"a.parquet, row 1: unknown label 9; {ALLOWED}"
    assert found(["a"], [1], "mood") == "a.parquet: no column 'label'; the columns are: 'text', 'mood'"
    broken = pa.array([b"a", b"\xff"]).view(pa.string())
    assert found(broken, [1, 2]).startswith("a.parquet, row 2: broken values (Invalid UTF8")
    assert "a.parquet: not a Parquet file that can be read (" in message_of(tmp_path, "a.parquet", b"PAR1 no more")


def test_parquet_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda module: None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'emoscope[score]'")):
        load_examples(tmp_path / "a.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three splits in three formats, and files that are none."""
    folder = tmp_path / "moods"
    folder.mkdir()
    write_csv(folder / "test.csv", ROWS[:1])
    write_txt(folder / "dev.txt", ROWS[:2])
    write_jsonl(folder / "train.jsonl", ROWS)
    (folder / "README.md").write_text("About these rows.")
    (folder / "labels.txt").write_text("sadness\njoy\n")
    return folder


def test_folder_of_splits(folder: Path) -> None:
    splits = load_splits(folder)
    assert list(splits) == ["train", "validation", "test"]
    assert [(e.name, e.split, len(e)) for e in splits.values()] == [
        ("moods", "train", 5),
        ("moods", "validation", 2),
        ("moods", "test", 1),
    ]
    assert rows_of(load_examples(folder, "validation")) == ROWS[:2]


@pytest.mark.parametrize("alias", ["dev", "val", "valid", "validation"])
def test_validation_has_aliases_as_file_and_as_argument(tmp_path: Path, alias: str) -> None:
    write_txt(tmp_path / f"{alias}.txt", ROWS[:1])
    assert list(load_splits(tmp_path)) == ["validation"]
    assert load_examples(tmp_path, alias).split == "validation"


def test_only_the_chosen_split_is_read(folder: Path) -> None:
    (folder / "train.jsonl").write_text("broken")
    assert len(load_examples(folder, "test")) == 1
    with pytest.raises(DataError, match=r"train\.jsonl, line 1"):
        load_splits(folder)


def test_split_may_be_omitted_if_there_is_only_one(folder: Path, tmp_path: Path) -> None:
    assert message(folder) == f"{folder}: no split chosen; there are: train, validation, test"
    write_txt(tmp_path / "test.txt", ROWS[:1])
    assert load_examples(tmp_path).split == "test"


def test_unknown_split_is_an_error(folder: Path) -> None:
    assert message(folder, split="holdout").endswith("no split 'holdout'; there are: train, validation, test")
    (folder / "dev.txt").unlink()
    assert message(folder, split="dev").endswith("no split 'dev'; there are: train, test")


def test_two_files_for_one_split_are_an_error(folder: Path) -> None:
    write_csv(folder / "validation.csv", ROWS)
    expected = f"{folder}: dev.txt and validation.csv are both the validation split; keep one"
    assert message(folder, split="train") == expected


def test_folder_without_splits_is_an_error(tmp_path: Path) -> None:
    expected = f"{tmp_path}: no splits; looked for a file named train, validation, valid, val, dev, test"
    assert message(tmp_path).startswith(expected)


def test_single_file_is_the_split_all(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    write_txt(file, ROWS[:2])
    (split, examples), *others = load_splits(file).items()
    assert (split, examples.split, others) == ("all", None, [])
    assert message(file, split="test") == f"{file}: no split 'test'; there are: all"


def test_unknown_format_is_an_error(tmp_path: Path) -> None:
    expected = f"a.docx: unknown format '.docx'; allowed: {', '.join((*SUFFIXES, ZIP))}"
    assert message_of(tmp_path, "a.docx", b"PK") == expected


@pytest.mark.parametrize("source", ["./nothing/here", "../a", "a/b/c", "train.txt", "owner/rows.csv", "", "a b"])
def test_missing_path_is_an_error(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if source == "":
        assert "no splits; looked" in message(source)
    else:
        assert message(source) == (
            f"there are no data at {source!r}; looked for a file ({', '.join((*SUFFIXES, ZIP))}), "
            "a folder of splits and a Hub id (owner/name)"
        )


def test_path_that_is_too_long_is_an_error() -> None:
    assert "'xxx" in message("x" * 5_000 + "/../y")


def test_numbers_as_columns_mean_no_header(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text('plain words\t1\tx\n"quoted ""words"" and\ta tab"\t4\ty\n')
    expected = [("plain words", "joy"), ('quoted "words" and\ta tab', "fear")]
    assert rows_of(load_examples(file, text_column=0, label_column=1)) == expected
    assert rows_of(load_examples(file, text_column="0", label_column="1")) == expected


def test_errors_in_a_file_without_a_header(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a b,joy\nc,d,fear\n")
    numbers = {"text_column": 0, "label_column": 1}
    quoted = "a cell with ',' in double quotes"
    assert message(file, **numbers) == f"{file}, line 2: 3 fields; allowed: 2, as in the first line, {quoted}"
    expected = f"{file}, line 1: no column '2'; the columns are: '0', '1'"
    assert message(file, text_column=0, label_column=2) == expected
    assert message(file, text_column=0, label_column="mood").endswith(HEADERLESS)


def test_published_goemotions_data(goemotions_data: Path) -> None:
    labels = Labels.read(goemotions_data / "labels.txt")
    splits = load_splits(goemotions_data, labels=labels, multi_label=True, text_column=0, label_column=1)
    assert {split: len(examples) for split, examples in splits.items()} == {"train": 43_410, "validation": 5_426}
    assert splits["train"].label_ids.sum() == 36_308 + 2 * 6_541 + 3 * 532 + 4 * 28 + 5
    assert not any('""' in text for text in splits["validation"].texts)
    unnamed = load_examples(goemotions_data, "dev", labels=None, multi_label=True, text_column=0, label_column=1)
    np.testing.assert_array_equal(unnamed.label_ids, splits["validation"].label_ids)
    assert unnamed.labels.names == tuple(map(str, range(28)))


def test_shards_of_the_hub_are_one_split(tmp_path: Path) -> None:
    folder = tmp_path / "moods"
    (folder / "data").mkdir(parents=True)
    write_csv(folder / "data" / "train-00000-of-00002.csv", ROWS[:2])
    write_csv(folder / "data" / "train-00001-of-00002-0123abcd.csv", ROWS[2:])
    write_jsonl(folder / "data" / "test-00000-of-00001.jsonl", ROWS[:1])
    (folder / "dataset_info.json").write_text("{}")
    splits = load_splits(folder)
    assert {split: rows_of(examples) for split, examples in splits.items()} == {"train": ROWS, "test": ROWS[:1]}
    (folder / "data" / "train-00001-of-00002-0123abcd.csv").unlink()
    assert message(folder).endswith("1 files train-...-of-00002, not 2; get the others too")


def test_folders_of_splits_and_compressed_splits(tmp_path: Path) -> None:
    (tmp_path / "validation").mkdir()
    write_csv(tmp_path / "validation" / "a.csv", ROWS[:2])
    write_csv(tmp_path / "validation" / "b.csv", ROWS[2:])
    write_csv(tmp_path / "train.csv", ROWS)
    (tmp_path / "train.csv.gz").write_bytes(gzip.compress((tmp_path / "train.csv").read_bytes()))
    assert "train.csv and train.csv.gz are both the train split; keep one" in message(tmp_path, split="train")
    (tmp_path / "train.csv").unlink()
    assert {split: rows_of(examples) for split, examples in load_splits(tmp_path).items()} == {
        "train": ROWS,
        "validation": ROWS,
    }


def test_zip_file_is_a_file_but_not_a_split(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
        archive.writestr("rows.csv", "text,label\na,joy\n")
    assert load_examples(tmp_path / "train.zip").texts == ["a"]
    with pytest.raises(DataError, match="no splits"):
        load_splits(tmp_path)
    (tmp_path / "test.csv").write_text("text,label\na,joy\n")
    assert list(load_splits(tmp_path)) == ["test"]


def test_error_in_a_workbook_names_the_row_of_the_sheet(tmp_path: Path) -> None:
    xlsxwriter = pytest.importorskip("xlsxwriter")
    pytest.importorskip("python_calamine")
    with xlsxwriter.Workbook(str(tmp_path / "rows.xlsx")) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([("A title",), (), ("text", "label"), ("a", "joy"), (), ("b", "envy")]):
            sheet.write_row(number, 0, row)
    with pytest.raises(DataError, match=r"rows.xlsx, row 6: .*envy"):
        load_examples(tmp_path / "rows.xlsx")
