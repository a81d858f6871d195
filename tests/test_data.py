from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.data import Examples, load_examples, load_splits
from emoscope.errors import DataError, MissingExtraError
from emoscope.labels import EMOTIONS, Labels

Rows = list[tuple[str, Any]]

ROWS: Rows = [
    ("the rain stayed away and we danced", "joy"),
    ('she said "enough"; then, quietly, she left', "anger"),
    ("one\u2028line\x0bto\x0csplitlines\x85only", "fear"),
    ("  spaces stay  ", "surprise"),
    ("carriage\rreturn, été, 日本, 🙂", "love"),
]
ALLOWED = "allowed: sadness, joy, love, anger, fear, surprise, or 0 to 5"
HEADERLESS = "; of a file without a header, name both columns by number"


def write_txt(file: Path, rows: Rows) -> None:
    file.write_bytes("".join(f"{text};{label}\n" for text, label in rows).encode())


def write_csv(file: Path, rows: Rows) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t" if file.suffix == ".tsv" else ",")
        writer.writerow(["text", "label"])
        writer.writerows(rows)


def write_jsonl(file: Path, rows: Rows) -> None:
    lines = (json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows)
    file.write_bytes("".join(f"{line}\n" for line in lines).encode())


def write_parquet(file: Path, rows: Rows) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    texts, labels = zip(*rows, strict=True)
    pq.write_table(pa.table({"text": list(texts), "label": list(labels)}), file)


WRITERS: dict[str, Callable[[Path, Rows], None]] = {
    ".txt": write_txt,
    ".csv": write_csv,
    ".tsv": write_csv,
    ".jsonl": write_jsonl,
    ".parquet": write_parquet,
}
TEXT_SUFFIXES = [suffix for suffix in WRITERS if suffix != ".parquet"]


def rows_of(examples: Examples) -> Rows:
    return list(zip(examples.texts, (EMOTIONS[i] for i in examples.label_ids), strict=True))


def examples_of(rows: Iterable[tuple[str, str]]) -> Examples:
    texts, labels = zip(*rows, strict=True)
    ids = np.array([EMOTIONS.index(label) for label in labels], dtype=np.int64)
    return Examples(list(texts), ids, Labels(), "made up", None)


def message(source: Path | str, **options: Any) -> str:
    """The message of the DataError that `source` raises; one line always."""
    with pytest.raises(DataError) as caught:
        load_examples(source, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def message_of(folder: Path, name: str, content: bytes) -> str:
    """The message for a file of that content, less the folder it stands in."""
    file = folder / name
    file.write_bytes(content)
    return message(file).removeprefix(f"{folder}/")


# Formats


@pytest.mark.parametrize("suffix", WRITERS)
def test_each_format_gives_its_rows_back_in_order(tmp_path: Path, suffix: str) -> None:
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
def test_byte_order_mark_crlf_and_blank_lines_at_the_end_are_accepted(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"mine{suffix}"
    rows = [("plain words", "joy"), ("more of them", "fear")]
    WRITERS[suffix](file, rows)
    lines = file.read_bytes().replace(b"\r\n", b"\n")
    file.write_bytes(b"\xef\xbb\xbf" + lines.replace(b"\n", b"\r\n") + b"\r\n\n")
    assert rows_of(load_examples(file)) == rows
    file.write_bytes(lines.rstrip(b"\n"))
    assert rows_of(load_examples(file)) == rows


def test_columns_and_labels_may_be_others(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("id,mood,sentence\n7,good,it went well\n8,bad,it did not\n")
    examples = load_examples(file, labels=Labels(("bad", "good")), text_column="sentence", label_column="mood")
    assert examples.texts == ["it went well", "it did not"]
    assert examples.label_ids.tolist() == [1, 0]


def test_a_csv_field_may_be_long_and_span_lines(tmp_path: Path) -> None:
    rows: Rows = [("word " * 200_000, "joy"), ('two\r\nlines\nand "quotes"', "fear")]
    write_csv(tmp_path / "mine.csv", rows)
    assert rows_of(load_examples(tmp_path / "mine.csv")) == rows


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_the_real_data(emotion_data: Path, tmp_path: Path, suffix: str) -> None:
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
def test_any_text_comes_back_equal(suffix: str) -> None:
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


# Bad rows: file, line, what was found, what is allowed


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"a b;joy\nno end", "a.txt, line 2: no label, found 'no end'; allowed: text;label"),
        ("a.txt", b"a b;joy\nc d;\n", f"a.txt, line 2: no label, found ''; {ALLOWED}"),
        (
            "a.txt",
            b"a b;joy\n;joy\n",
            "a.txt, line 2: no text, found ''; allowed: a string that is not blank",
        ),
        ("a.txt", b" \t;joy\n", r"a.txt, line 1: no text, found ' \t'; allowed: a string that is not blank"),
        ("a.txt", b"a b;glee\n", f"a.txt, line 1: unknown label 'glee'; {ALLOWED}"),
        ("a.txt", b"a b; \n", f"a.txt, line 1: no label, found ''; {ALLOWED}"),
        ("a.txt", b"a b;6\n", f"a.txt, line 1: unknown label '6'; {ALLOWED}"),
        ("a.txt", b"a b;" + b"x" * 999, f"a.txt, line 1: unknown label '{'x' * 56}...; {ALLOWED}"),
        ("a.txt", b"a;joy\r\n\r\nb;joy", "a.txt, line 2: a blank line; allowed at the end of the file only"),
        (
            "a.txt",
            b"a b;joy\rc d;joy\xff",
            "a.txt, line 1: the byte 0xff is broken UTF-8; allowed: text in UTF-8",
        ),
        (
            "a.txt",
            b"a;joy\nb\xc3;joy",
            "a.txt, line 2: the byte 0xc3 is broken UTF-8; allowed: text in UTF-8",
        ),
        ("a.txt", b"a;joy\nb\0;joy", "a.txt, line 2: a NUL byte; allowed: text in UTF-8"),
        ("a.txt", b"", "a.txt: the file is empty; there must be one row at least"),
        ("a.csv", b"\xef\xbb\xbf\r\n\r\n", "a.csv: the file is empty; there must be one row at least"),
        ("a.csv", b"text,label\n", "a.csv, line 1: no rows; there must be one at least"),
        (
            "a.csv",
            b"text,mood\na,joy\n",
            f"a.csv, line 1: no column 'label'; the columns are ['text', 'mood']{HEADERLESS}",
        ),
        ("a.csv", b"a b,joy\n", f"a.csv, line 1: no column 'text'; the columns are ['a b', 'joy']{HEADERLESS}"),
        (
            "a.csv",
            b"text,label,text\na,joy,b\n",
            f"a.csv, line 1: more than one column 'text'; the columns are ['text', 'label', 'text']{HEADERLESS}",
        ),
        (
            "a.csv",
            b'text,label\n"two\nlines",joy\nyes, we can,joy\n',
            "a.csv, line 4: 3 fields ['yes', ' we can', 'joy'], but the header has 2; "
            "allowed: as many as the header has, a field with ',' in double quotes",
        ),
        (
            "a.tsv",
            b"text\tlabel\nyes, we can\n",
            "a.tsv, line 2: 1 fields ['yes, we can'], but the header has 2; "
            r"allowed: as many as the header has, a field with '\t' in double quotes",
        ),
        (
            "a.csv",
            b"text,label\n\na,joy\n",
            "a.csv, line 2: a blank line; allowed at the end of the file only",
        ),
        ("a.csv", b"text,label\na,\n", f"a.csv, line 2: no label, found ''; {ALLOWED}"),
        ("a.csv", b"text,label\na,1.0\n", f"a.csv, line 2: unknown label '1.0'; {ALLOWED}"),
        (
            "a.csv",
            b"text,label\n,joy\n",
            "a.csv, line 2: no text, found ''; allowed: a string that is not blank",
        ),
        ("a.csv", b"text,label\na\0b,joy\n", "a.csv, line 2: a NUL byte; allowed: text in UTF-8"),
        (
            "a.csv",
            b"text,label\na\xff,joy\n",
            "a.csv, line 2: the byte 0xff is broken UTF-8; allowed: text in UTF-8",
        ),
        (
            "a.jsonl",
            b'{"text": "a", "label": "joy"}\n{"text": "b", "label"}\n',
            """a.jsonl, line 2: no JSON, found '{"text": "b", "label"}' (Expecting ':' delimiter); """
            "allowed: one JSON object a line",
        ),
        (
            "a.jsonl",
            b"[1, 2]\n",
            "a.jsonl, line 1: no JSON object, found [1, 2]; allowed: one JSON object a line",
        ),
        ("a.jsonl", b'{"text": "a"}\n', "a.jsonl, line 1: no column 'label'; the columns are ['text']"),
        ("a.jsonl", b'{"text": 3, "label": 1}\n', "a.jsonl, line 1: the text is 3; allowed: a string"),
        ("a.jsonl", b'{"text": null, "label": 1}\n', "a.jsonl, line 1: the text is None; allowed: a string"),
        ("a.jsonl", b'{"text": "a", "label": null}', f"a.jsonl, line 1: no label, found None; {ALLOWED}"),
        ("a.jsonl", b'{"text": "a", "label": true}', f"a.jsonl, line 1: unknown label True; {ALLOWED}"),
        ("a.jsonl", b'{"text": "a", "label": 1.0}', f"a.jsonl, line 1: unknown label 1.0; {ALLOWED}"),
        ("a.jsonl", b'{"text": "a", "label": [1]}', f"a.jsonl, line 1: unknown label [1]; {ALLOWED}"),
        ("a.jsonl", b'{"text": "a", "label": -1}', f"a.jsonl, line 1: unknown label -1; {ALLOWED}"),
        (
            "a.jsonl",
            rb'{"text": "a \ud83d", "label": 1}',
            r"a.jsonl, line 1: the text holds the lone surrogate '\ud83d'; allowed: what UTF-8 can encode",
        ),
        (
            "a.jsonl",
            b'{"text": "a", "label": 1}\n\n{"text": "b", "label": 1}\n',
            "a.jsonl, line 2: a blank line; allowed at the end of the file only",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert message_of(tmp_path, name, content) == expected


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'text,label\na,joy\n"never closed,joy\nb,joy\n', 3),
        (b'text,label\n"a\n\nb",joy\n"closed" too early,joy\n', 5),
        (b"text,label\na\rb,joy\n", 2),
        (b'"text,label\na,joy\n', 1),
    ],
)
def test_broken_csv_names_the_line_where_its_row_begins(tmp_path: Path, content: bytes, line: int) -> None:
    text = message_of(tmp_path, "a.csv", content)
    assert text.startswith(f"a.csv, line {line}: the row that begins here is broken (")
    assert text.endswith("allowed: a field with ',', a quote or a line break in double quotes, quotes in it doubled")


@pytest.mark.parametrize("line", [b"[" * 100_000, b"9" * 5_000])
def test_json_beyond_the_parser_is_a_data_error(tmp_path: Path, line: bytes) -> None:
    assert message_of(tmp_path, "a.jsonl", line).startswith("a.jsonl, line 1: no JSON")


def test_bad_parquet_is_named(tmp_path: Path) -> None:
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
    assert found(["a"], [1], "mood") == "a.parquet: no column 'label'; the columns are ['text', 'mood']"
    broken = pa.array([b"a", b"\xff"]).view(pa.string())
    assert found(broken, [1, 2]) == "a.parquet, row 2: the byte 0xff is broken UTF-8; allowed: text in UTF-8"
    assert "a.parquet: no Parquet that can be read (" in message_of(tmp_path, "a.parquet", b"PAR1 no more")


def test_parquet_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda module: None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'emoscope[score]'")):
        load_examples(tmp_path / "a.parquet")


# Folders of splits, single files, sources that are not there


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


def test_a_folder_of_splits(folder: Path) -> None:
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


def test_only_the_split_asked_for_is_read(folder: Path) -> None:
    (folder / "train.jsonl").write_text("broken")
    assert len(load_examples(folder, "test")) == 1
    with pytest.raises(DataError, match=r"train\.jsonl, line 1"):
        load_splits(folder)


def test_the_split_may_be_left_out_where_there_is_one(folder: Path, tmp_path: Path) -> None:
    assert message(folder) == f"{folder}: no split chosen; there are: train, validation, test"
    write_txt(tmp_path / "test.txt", ROWS[:1])
    assert load_examples(tmp_path).split == "test"


def test_a_split_that_is_not_there(folder: Path) -> None:
    assert message(folder, split="holdout").endswith("no split 'holdout'; there are: train, validation, test")
    (folder / "dev.txt").unlink()
    assert message(folder, split="dev").endswith("no split 'dev'; there are: train, test")


def test_two_files_for_one_split(folder: Path) -> None:
    write_csv(folder / "validation.csv", ROWS)
    expected = f"{folder}: dev.txt and validation.csv both are the validation split; keep one"
    assert message(folder, split="train") == expected


def test_a_folder_without_splits(tmp_path: Path) -> None:
    expected = f"{tmp_path}: no split there; looked for a file named train, validation, valid, val, dev, test"
    assert message(tmp_path).startswith(expected)


def test_a_single_file_is_the_split_all(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    write_txt(file, ROWS[:2])
    (split, examples), *others = load_splits(file).items()
    assert (split, examples.split, others) == ("all", None, [])
    assert message(file, split="test") == f"{file}: no split 'test'; there are: all"


def test_a_format_that_is_not_known(tmp_path: Path) -> None:
    expected = "a.xlsx: unknown format '.xlsx'; allowed: .txt, .csv, .tsv, .jsonl, .parquet"
    assert message_of(tmp_path, "a.xlsx", b"PK") == expected


@pytest.mark.parametrize("source", ["./nothing/here", "../a", "a/b/c", "train.txt", "owner/rows.csv", "", "a b"])
def test_a_path_that_is_not_there(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if source == "":
        assert "no split there" in message(source)
    else:
        assert message(source) == (
            f"there is no data at {source!r}; looked for a file (.txt, .csv, .tsv, .jsonl, .parquet), "
            "a folder of splits and a Hub id (owner/name)"
        )


def test_a_path_that_no_system_takes() -> None:
    assert "'xxx" in message("x" * 5_000 + "/../y")


# The Hub, as far as it can be tested without one


def test_a_hub_id_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=r"no file or folder 'some/moods' here.*emoscope\[train\]"):
        load_examples("some/moods")


class HubTable:
    """As much of `datasets.Dataset` as is read; its label is a ClassLabel with an order of its own."""

    column_names = ("text", "label")
    features = {"text": object(), "label": SimpleNamespace(names=["surprise", "joy", "sadness"])}  # noqa: RUF012

    def __init__(self, rows: list[tuple[str, Any]]) -> None:
        self.rows = rows

    def __getitem__(self, column: str) -> Iterator[Any]:
        return iter([row[self.column_names.index(column)] for row in self.rows])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Data sets by id, served by a stand-in for the `datasets` library."""

    def load_dataset(hub_id: str) -> Any:
        if hub_id not in served:
            raise FileNotFoundError(f"Dataset '{hub_id}' doesn't exist on the Hub\nor cannot be accessed.")
        return served[hub_id]

    served: dict[str, Any] = {}
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    monkeypatch.setattr("emoscope.labelled_data.require_extra", lambda extra: None)
    return served


def test_label_names_of_the_hub_decide_the_ids(hub: dict[str, Any]) -> None:
    hub["some/moods"] = {
        "train": HubTable([("a", 0), ("b", 1), ("c", 2)]),
        "test": HubTable([("d", 1)]),
    }
    splits = load_splits("some/moods")
    assert rows_of(splits["train"]) == [("a", "surprise"), ("b", "joy"), ("c", "sadness")]
    assert (splits["test"].name, splits["test"].split) == ("some/moods", "test")


@pytest.mark.parametrize("label", [-1, 9, None, [1, 2]])
def test_a_row_of_the_hub_without_a_label(hub: dict[str, Any], label: Any) -> None:
    hub["moods"] = {"test": HubTable([("a", 0), ("b", label)])}
    assert message("moods").startswith("moods, split test, row 2: ")
    assert "column 'mood'" in message("moods", label_column="mood")


def test_a_data_set_that_the_hub_does_not_have(hub: dict[str, Any]) -> None:
    assert message("some/thing") == (
        "no file or folder 'some/thing' here, and it cannot be loaded from the Hub (FileNotFoundError: "
        "Dataset 'some/thing' doesn't exist on the Hub); check the name and the connection"
    )


class SeveralTable(HubTable):
    """The same with a list of labels a row, as GoEmotions has it there."""

    features = {"text": object(), "label": SimpleNamespace(feature=HubTable.features["label"])}  # noqa: RUF012


def test_label_names_of_the_hub_are_the_labels_where_none_are_given(hub: dict[str, Any]) -> None:
    class Moods(HubTable):
        features = {"text": object(), "label": SimpleNamespace(names=["tense ", "calm", "bored"])}  # noqa: RUF012

    hub["some/moods"] = {"train": Moods([("a", 0), ("b", 1)]), "test": Moods([("c", 1)])}
    splits = load_splits("some/moods", labels=None)
    assert {examples.labels.names for examples in splits.values()} == {("tense", "calm", "bored")}
    assert splits["train"].label_ids.tolist() == [0, 1]


def test_lists_of_labels_from_the_hub(hub: dict[str, Any]) -> None:
    hub["some/moods"] = {"train": SeveralTable([("a", [0, 2]), ("b", []), ("c", [1])])}
    examples = load_examples("some/moods", multi_label=True)
    assert prediction_sets(examples) == [{"surprise", "sadness"}, set(), {"joy"}]


# Any label set


def labelled(file: Path, labels: Iterable[Any]) -> Path:
    WRITERS[file.suffix](file, [(f"row {number}", label) for number, label in enumerate(labels)])
    return file


@pytest.mark.parametrize("suffix", WRITERS)
def test_labels_are_found_in_the_rows(tmp_path: Path, suffix: str) -> None:
    file = labelled(tmp_path / f"a{suffix}", ["tense", "calm", "tense", "bored"])
    examples = load_examples(file, labels=None)
    assert examples.labels.names == ("bored", "calm", "tense")
    assert examples.label_ids.tolist() == [2, 1, 2, 0]


@pytest.mark.parametrize("labels", [["joy", "fear"], ["1", "4"], ["joy", "4"]])
def test_rows_that_fit_the_six_emotions_have_them(tmp_path: Path, labels: list[str]) -> None:
    examples = load_examples(labelled(tmp_path / "a.csv", labels), labels=None)
    assert examples.labels == Labels()
    assert rows_of(examples) == [("row 0", "joy"), ("row 1", "fear")]


@pytest.mark.parametrize("kind", [int, str])
def test_ids_without_names_are_their_own_names(tmp_path: Path, kind: type) -> None:
    examples = load_examples(labelled(tmp_path / "a.jsonl", map(kind, [10, *range(10)])), labels=None)
    assert examples.labels.names == tuple(map(str, range(11)))
    assert examples.label_ids.tolist() == [10, *range(10)]


def test_ids_with_a_gap_need_names(tmp_path: Path) -> None:
    file = labelled(tmp_path / "a.csv", [1, 7])
    assert message(file, labels=None) == f"{file}: the label ids are [1, 7], not 0, 1, 2 without a gap; name the labels"
    assert "the label ids are [-1, 0, 1]" in message(labelled(file, [-1, 0, 1]), labels=None)


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("labels", [Labels(("calm", "tense")), None])
def test_white_space_around_a_label_does_not_count(tmp_path: Path, suffix: str, labels: Labels | None) -> None:
    file = labelled(tmp_path / f"a{suffix}", ["tense", " tense", "calm\t", "calm"])
    examples = load_examples(file, labels=labels)
    assert (examples.labels.names, examples.label_ids.tolist()) == (("calm", "tense"), [1, 1, 0, 0])


def test_several_labels_in_a_cell_are_not_taken_for_one(tmp_path: Path) -> None:
    file = labelled(tmp_path / "a.tsv", ["3", "7,9"])
    assert message(file, labels=None) == f"{file}: the label '7,9' looks like several; read the data as multi-label"


def test_all_splits_share_one_label_set(tmp_path: Path) -> None:
    labelled(tmp_path / "train.csv", ["tense", "calm", "bored"])
    labelled(tmp_path / "dev.jsonl", ["tense", "calm"])
    splits = load_splits(tmp_path, labels=None)
    assert {examples.labels.names for examples in splits.values()} == {("bored", "calm", "tense")}
    alone = load_examples(tmp_path, "validation", labels=None)
    assert alone.labels == splits["validation"].labels
    assert alone.label_ids.tolist() == splits["validation"].label_ids.tolist() == [2, 1]


def test_bad_rows_are_named_where_labels_are_found_too(tmp_path: Path) -> None:
    expected = "line 3: no label, found ''; allowed: calm, or 0 to 0"
    assert message(labelled(tmp_path / "a.csv", ["calm", ""]), labels=None).endswith(expected)


# Several labels a row


def prediction_sets(examples: Examples) -> list[set[str]]:
    assert examples.multi_label
    assert examples.label_ids.dtype == np.bool_
    assert examples.label_ids.shape == (len(examples), len(examples.labels))
    return [{examples.labels.names[i] for i in np.flatnonzero(row)} for row in examples.label_ids]


SEVERAL = [{"joy", "love"}, set(), {"fear"}, {"anger", "fear", "sadness"}]


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("labels", [Labels(), None])
def test_a_row_has_any_number_of_labels(tmp_path: Path, suffix: str, labels: Labels | None) -> None:
    in_cells = suffix in (".txt", ".csv", ".tsv")
    as_ids = (EMOTIONS.index, lambda name: str(EMOTIONS.index(name)))
    for kind in (str, *(as_ids if labels else ())):  # a few ids alone do not say whose they are
        lists = [[kind(name) for name in sorted(names)] for names in SEVERAL]
        cells = [",".join(map(str, labels)) for labels in lists] if in_cells else lists
        file = labelled(tmp_path / f"a{suffix}", cells)
        examples = load_examples(file, labels=labels, multi_label=True)
        assert prediction_sets(examples) == SEVERAL
        assert examples.labels == Labels()


def test_labels_of_several_are_found_in_the_rows(tmp_path: Path) -> None:
    examples = load_examples(labelled(tmp_path / "a.csv", ["tense, calm", "", "bored"]), labels=None, multi_label=True)
    assert examples.labels.names == ("bored", "calm", "tense")
    assert prediction_sets(examples) == [{"calm", "tense"}, set(), {"bored"}]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("joy,glee", f"unknown label 'glee'; {ALLOWED}"),
        ("joy,", f"no label, found ''; {ALLOWED}"),
        ([1, 6], f"unknown label 6; {ALLOWED}"),
        ([[1]], f"unknown label [1]; {ALLOWED}"),
        (None, f"no label, found None; {ALLOWED}"),
    ],
)
def test_a_bad_label_among_several_is_named(tmp_path: Path, label: Any, expected: str) -> None:
    file = labelled(tmp_path / "a.jsonl", [[1], label])
    assert message(file, multi_label=True) == f"{file}, line 2: {expected}"


def several(sets: Iterable[set[str]], names: tuple[str, ...] = EMOTIONS) -> Examples:
    rows = list(sets)
    indicators = np.array([[name in row for name in names] for row in rows])
    return Examples([f"row {i}" for i in range(len(rows))], indicators, Labels(names), "made up", None)


def test_the_fingerprint_of_several_labels_is_as_documented() -> None:
    def framed(content: bytes) -> bytes:
        return len(content).to_bytes(8, "little") + content

    labels = [framed(framed(b"joy") + framed(b"love")), framed(b"")]
    rows = framed(b"row 0") + labels[0] + framed(b"row 1") + labels[1]
    assert several([{"love", "joy"}, set()]).fingerprint == hashlib.sha256(rows).hexdigest()
    assert several([{"love", "joy"}, set()], EMOTIONS[::-1]).fingerprint == hashlib.sha256(rows).hexdigest()
    assert several([{"love"}, {"joy"}]).fingerprint != several([{"love", "joy"}, set()]).fingerprint


def test_a_subset_of_rows_with_several_labels() -> None:
    examples = several(SEVERAL)
    assert prediction_sets(examples.subset([3, 0])) == [SEVERAL[3], SEVERAL[0]]
    assert prediction_sets(examples.subset(examples.label_ids[:, EMOTIONS.index("fear")])) == SEVERAL[2:]
    assert not examples_of(ROWS).multi_label


# Files without a header


def test_numbers_as_columns_mean_no_header(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text('plain words\t1\tx\n"quoted ""words"" and\ta tab"\t4\ty\n')
    expected = [("plain words", "joy"), ('quoted "words" and\ta tab', "fear")]
    assert rows_of(load_examples(file, text_column=0, label_column=1)) == expected
    assert rows_of(load_examples(file, text_column="0", label_column="1")) == expected


def test_problems_of_a_file_without_a_header_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a b,joy\nc,d,fear\n")
    numbers = {"text_column": 0, "label_column": 1}
    assert message(file, **numbers) == (
        f"{file}, line 2: 3 fields ['c', 'd', 'fear'], but the first line has 2; "
        "allowed: as many as the first line has, a field with ',' in double quotes"
    )
    expected = f"{file}, line 1: no column '2'; the columns are ['0', '1']"
    assert message(file, text_column=0, label_column=2) == expected
    assert message(file, text_column=0, label_column="mood").endswith(HEADERLESS)


def test_goemotions_as_it_is_published(goemotions_data: Path) -> None:
    labels = Labels.read(goemotions_data / "labels.txt")
    splits = load_splits(goemotions_data, labels=labels, multi_label=True, text_column=0, label_column=1)
    assert {split: len(examples) for split, examples in splits.items()} == {"train": 43_410, "validation": 5_426}
    assert splits["train"].label_ids.sum() == 36_308 + 2 * 6_541 + 3 * 532 + 4 * 28 + 5
    assert not any('""' in text for text in splits["validation"].texts)
    unnamed = load_examples(goemotions_data, "dev", labels=None, multi_label=True, text_column=0, label_column=1)
    np.testing.assert_array_equal(unnamed.label_ids, splits["validation"].label_ids)
    assert unnamed.labels.names == tuple(map(str, range(28)))


# Fingerprint and subset


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_fingerprint_is_the_same_in_every_format(tmp_path: Path, suffix: str) -> None:
    WRITERS[suffix](tmp_path / f"mine{suffix}", ROWS)
    assert load_examples(tmp_path / f"mine{suffix}").fingerprint == examples_of(ROWS).fingerprint


def test_the_fingerprint_is_as_documented() -> None:
    rows = b"\3\0\0\0\0\0\0\0\xc3\xa9a" + b"\3\0\0\0\0\0\0\0joy"
    assert examples_of([("éa", "joy")]).fingerprint == hashlib.sha256(rows).hexdigest()


def test_the_fingerprint_changes_with_order_text_label_and_framing() -> None:
    variants = [
        [("ab", "joy"), ("c", "fear")],
        [("c", "fear"), ("ab", "joy")],
        [("a", "joy"), ("bc", "fear")],
        [("ab", "joy"), ("c", "anger")],
        [("ab", "joy")],
        [("abjoyc", "fear")],
    ]
    assert len({examples_of(rows).fingerprint for rows in variants}) == len(variants)


def test_the_fingerprint_holds_names_and_not_ids() -> None:
    one = Examples(["a"], np.array([0]), Labels(("joy", "fear")), "x", None)
    other = Examples(["a"], np.array([1]), Labels(("fear", "joy")), "y", "test")
    assert one.fingerprint == other.fingerprint


def test_a_subset_keeps_the_order_asked_for() -> None:
    examples = examples_of(ROWS)
    assert rows_of(examples.subset([3, 0])) == [ROWS[3], ROWS[0]]
    assert rows_of(examples.subset(np.array([1, 4]))) == [ROWS[1], ROWS[4]]
    assert rows_of(examples.subset(examples.label_ids == EMOTIONS.index("joy"))) == [ROWS[0]]
    assert len(examples.subset([])) == 0
    assert examples.subset(range(2)).name == examples.name
    with pytest.raises(IndexError):
        examples.subset([5])


def test_ids_of_other_labels_are_not_taken_for_emotions(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\nbuy now,1\nsee you at noon,0\n")
    assert load_examples(tmp_path / "rows.csv", labels=None).labels.names == ("0", "1")
