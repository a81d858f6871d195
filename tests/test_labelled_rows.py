"""Rows of one file: every format, compression, delimiter and encoding that `score` reads, and names of labels."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from emoscope.data import load_examples, load_splits
from emoscope.errors import DataError
from emoscope.labelled_rows import ReadOptions, format_of, whole_number
from emoscope.labels import EMOTIONS, Labels
from labelled_files import ROWS, message, message_of, rows_of, write_csv, write_jsonl, write_txt

QUOTED = [("she said \u201cno\u201d, and left", "anger"), ("caf\u00e9 at noon; lovely", "joy")]


@pytest.mark.parametrize("name", ["a.txt.gz", "a.csv.gz", "a.tsv.gz", "a.jsonl.gz", "a.ndjson", "a.json.gz"])
def test_compressed_files_and_other_names(tmp_path: Path, name: str) -> None:
    plain = tmp_path / name.removesuffix(".gz")
    write = {"txt": write_txt, "csv": write_csv, "tsv": write_csv}.get(plain.suffix[1:], write_jsonl)
    write(plain, ROWS)
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
    examples = load_examples(tmp_path / name)
    assert (rows_of(examples), examples.name) == (ROWS, "a")


def test_zstandard_is_read_with_its_extra(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    with pa.CompressedOutputStream(str(tmp_path / "a.csv.zst"), "zstd") as file:
        file.write(b"text,label\nhello,joy\n")
    assert rows_of(load_examples(tmp_path / "a.csv.zst")) == [("hello", "joy")]


@pytest.mark.parametrize("name", ["a.arrow", "a.feather", "stream.arrow", "a.arrow.gz"])
def test_arrow_files_and_streams(tmp_path: Path, name: str) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"more": [[1.5]] * len(ROWS), "text": [t for t, _ in ROWS], "label": [label for _, label in ROWS]})
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_stream if name == "stream.arrow" else pa.ipc.new_file)(sink, table.schema) as writer:
        writer.write_table(table)
    content = bytes(sink.getvalue())
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert rows_of(load_examples(tmp_path / name)) == ROWS


def test_broken_compression_is_an_error(tmp_path: Path) -> None:
    whole = gzip.compress(b"text,label\n" + b"hello,joy\n" * 50_000)
    assert "the compressed data are broken" in message_of(tmp_path, "a.csv.gz", whole[:-20])
    assert "the compressed data are broken" in message_of(tmp_path, "b.csv.gz", b"text,label\nhello,joy\n")


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_json_array_is_rows(tmp_path: Path, name: str, indent: int | None) -> None:
    rows = [{"text": text, "label": label} for text, label in ROWS]
    (tmp_path / name).write_text(json.dumps(rows, indent=indent))
    assert rows_of(load_examples(tmp_path / name)) == ROWS


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"text": {"0": "a"}, "label": {"0": 1}}', "a.json, line 1: the text is {'0': 'a'}"),
        (b'{\n"data": []\n}', "a.json: the first line begins an object that goes on in the next lines"),
        (b'[{"text": "a", "label": 1}, 7]', "a.json, row 2: a JSON int, not an object"),
        (b'[{"text": "a"}]', "a.json, row 1: no column 'label'"),
        (b'[{"text": "a"', "a.json: not JSON"),
        (b"[]", "a.json: no rows"),
    ],
)
def test_other_json_is_an_error(tmp_path: Path, content: bytes, expected: str) -> None:
    assert message_of(tmp_path, "a.json", content).startswith(expected)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("header", [True, False])
def test_another_delimiter_is_found_and_read(tmp_path: Path, delimiter: str, header: bool) -> None:
    file = tmp_path / "a.csv"
    rows = [("text", "label")] * header + [("yes, we can", "joy"), ("no", "fear")]
    file.write_text("".join(f'"{text}"{delimiter}{label}\n' for text, label in rows))
    columns: dict[str, Any] = {} if header else {"text_column": 0, "label_column": 1}
    shown = "\\t" if delimiter == "\t" else delimiter
    assert f"its columns are separated by '{shown}'; give --delimiter '{shown}'" in message(file, **columns)
    assert rows_of(load_examples(file, delimiter=delimiter, **columns)) == [("yes, we can", "joy"), ("no", "fear")]


def test_a_delimiter_is_for_cells_only(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    assert "a delimiter is for .csv and .tsv only" in message(tmp_path / "a.jsonl", delimiter=";")
    with pytest.raises(DataError, match="must be one character"):
        ReadOptions(delimiter="::")


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_blank_lines_are_skipped(tmp_path: Path, name: str) -> None:
    rows = [("one", "joy"), ("two", "fear")]
    write = {"a.txt": write_txt, "a.csv": write_csv, "a.jsonl": write_jsonl}[name]
    write(tmp_path / name, rows)
    content = (tmp_path / name).read_bytes().replace(b"\r\n", b"\n")
    (tmp_path / name).write_bytes(content.replace(b"two", b"two").replace(b"\n", b"\n\n\r\n"))
    assert rows_of(load_examples(tmp_path / name)) == rows


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "windows-1252"])
def test_other_encodings_are_named_and_read(tmp_path: Path, suffix: str, encoding: str) -> None:
    file = tmp_path / f"a{suffix}"
    {".txt": write_txt, ".csv": write_csv, ".jsonl": write_jsonl}[suffix](file, QUOTED)
    file.write_bytes(file.read_bytes().decode().encode(encoding))
    assert rows_of(load_examples(file, encoding=encoding)) == QUOTED
    found = message(file)
    if encoding == "windows-1252":
        assert "the byte 0x93 is not valid UTF-8 (in Windows-1252 it is '\u201c')" in found
        assert found.endswith("for another encoding give --encoding")
    else:
        assert f"the text is {encoding.upper()}, not UTF-8; name its encoding: --encoding {encoding}" in found


def test_wrong_encodings_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\x81b;joy\n")
    assert "the byte 0x81 is not valid in windows-1252" in message(tmp_path / "a.txt", encoding="windows-1252")
    assert "the text is not utf-16" in message(tmp_path / "a.txt", encoding="utf-16")
    with pytest.raises(DataError, match="there is no encoding 'klingon'; allowed: utf-8, utf-16"):
        ReadOptions(encoding="klingon")


def class_labels(names: list[str], *, several: bool = False) -> dict[str, str]:
    """Metadata of a schema, as the library `datasets` writes it."""
    feature: dict[str, Any] = {"names": names, "_type": "ClassLabel"}
    feature = {"feature": feature, "_type": "List"} if several else feature
    return {"huggingface": json.dumps({"info": {"features": {"text": {"dtype": "string"}, "label": feature}}})}


def write_named(file: Path, labels: list[Any], names: list[str], *, several: bool = False) -> Path:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"text": [f"row {i}" for i in range(len(labels))], "label": labels})
    table = table.replace_schema_metadata(class_labels(names, several=several))
    if file.suffix == ".parquet":
        pq.write_table(table, file)
    else:
        with pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    return file


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_the_label_names_of_a_file_decide_its_ids(tmp_path: Path, name: str) -> None:
    names = sorted(EMOTIONS)
    file = write_named(tmp_path / name, list(range(6)), names)
    for labels in (Labels(), None):
        assert [label for _, label in rows_of(load_examples(file, labels=labels))] == names
    several = write_named(tmp_path / f"b{file.suffix}", [[0, 1], [], [5]], names, several=True)
    examples = load_examples(several, multi_label=True)
    found = [{EMOTIONS[i] for i in range(6) if row[i]} for row in examples.label_ids]
    assert found == [{"anger", "fear"}, set(), {"surprise"}]


def test_label_names_of_a_file_are_used_if_none_are_given(tmp_path: Path) -> None:
    file = write_named(tmp_path / "a.parquet", [2, 0], ["tense", "calm", "bored"])
    examples = load_examples(file, labels=None)
    assert (examples.labels.names, examples.label_ids.tolist()) == (("tense", "calm", "bored"), [2, 0])


@pytest.mark.parametrize("label", [3, -2])
def test_ids_that_contradict_the_names_are_an_error(tmp_path: Path, label: int) -> None:
    file = write_named(tmp_path / "a.parquet", [0, label], ["anger", "joy", "fear"])
    assert message(file) == (
        f"{file}, row 2: the label id {label} contradicts the names of the labels, which are 3: anger, joy, fear; "
        "correct the ids or the names"
    )
    assert "no label, found None" in message(write_named(tmp_path / "b.parquet", [0, -1], ["anger", "joy"]))


def test_the_library_datasets_writes_such_files(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=sorted(EMOTIONS))}
    )
    rows = {"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}
    data = datasets.Dataset.from_dict(rows, features=features)
    data.to_parquet(tmp_path / "a.parquet")
    assert rows_of(load_examples(tmp_path / "a.parquet")) == ROWS
    datasets.DatasetDict({"train": data, "test": data}).save_to_disk(tmp_path / "saved")
    splits = load_splits(tmp_path / "saved", labels=None)
    assert list(splits) == ["train", "test"]
    assert rows_of(splits["test"]) == ROWS


def test_formats_are_known_by_name() -> None:
    known = {
        name: format_of(Path(name)) for name in ("a.TXT", "train.json.gz", "b.parquet.gz", "b.xlsx", "b.doc", "a.gz")
    }
    assert {name: form and (form.name, form.compression) for name, form in known.items()} == {
        "a.TXT": ("txt", None),
        "train.json.gz": ("json", "gzip"),
        "b.parquet.gz": None,
        "b.xlsx": ("xlsx", None),
        "b.doc": None,
        "a.gz": None,
    }


@pytest.mark.parametrize(("cell", "expected"), [(1, 1), (1.0, 1), ("1.0", 1), (" 2 ", 2), ("-1", -1), ("007", 7)])
def test_whole_numbers(cell: Any, expected: int) -> None:
    assert whole_number(cell) == expected


@pytest.mark.parametrize("cell", [None, "", "joy", "1.5", "1e3", "\u0663", 1.5, float("nan"), float("inf"), True, [1]])
def test_other_cells_are_no_whole_numbers(cell: Any) -> None:
    assert whole_number(cell) is None
