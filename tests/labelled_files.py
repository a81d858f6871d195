"""Files of labelled rows in every format, for the tests of `labelled_data` and `data`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope.data import Examples, load_examples
from emoscope.errors import DataError
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
HEADERLESS = "; if the file has no header, give both columns as numbers"


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


def labelled(file: Path, labels: Iterable[Any]) -> Path:
    WRITERS[file.suffix](file, [(f"row {number}", label) for number, label in enumerate(labels)])
    return file


def label_sets(examples: Examples) -> list[set[str]]:
    """The labels of each row of multi-label examples."""
    assert examples.multi_label
    assert examples.label_ids.dtype == np.bool_
    assert examples.label_ids.shape == (len(examples), len(examples.labels))
    return [{examples.labels.names[i] for i in np.flatnonzero(row)} for row in examples.label_ids]
