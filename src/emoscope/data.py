r"""Labelled examples from a file, a folder of splits, or a data set of the Hugging Face Hub.

Rows keep their order and none is dropped: a row that cannot be used is a DataError that names file, line,
what was found and what is allowed. A reader per format yields rows; `_examples` alone checks them.

Formats: `.txt` (one `text;label` a line, the label after the last semicolon), `.csv` and `.tsv` (with a
header), `.jsonl` (one object a line), `.parquet` (extra "score"). Text files are UTF-8, with or without a
byte order mark; only `\n` and `\r\n` end a line; blank lines may stand at the very end of a file only.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError, LabelError, MissingExtraError, require_extra
from emoscope.labels import Labels

SPLIT_OF_STEM = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
"""Stem of a file in a folder of splits, to the name of the split."""

SIX_EMOTIONS = Labels()

_LARGEST_CSV_FIELD = 2**31 - 1  # characters; the csv module's own limit, one for the process, is 131,072
_HUB_ID = re.compile(r"[a-z0-9][\w.-]*(/[a-z0-9][\w.-]*)?", re.ASCII | re.IGNORECASE)

_JSONL_ALLOWED = "allowed: one JSON object a line"
_SURROGATE = re.compile("[\ud800-\udfff]")

_Row = tuple[int, Any, Any]
_Columns = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled texts.

    Attributes:
        texts: the texts as they stand in the source.
        label_ids: int64, shape (rows,): index of each text's label in `labels`.
        labels: the label names.
        name: name of the data set: stem of the file, name of the folder, or Hub id.
        split: "train", "validation", "test", another name that the Hub has, or None for a single file.
    """

    texts: list[str]
    label_ids: NDArray[np.int64]
    labels: Labels
    name: str
    split: str | None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the rows in order, in hex: equal for equal texts and label names, whatever the format.

        Each row counts as text and label name, both in UTF-8 after their length in bytes (8 bytes,
        little-endian).
        """
        digest = hashlib.sha256()
        framed_names = [_framed(name) for name in self.labels.names]
        for text, label_id in zip(self.texts, self.label_ids.tolist(), strict=True):
            digest.update(_framed(text) + framed_names[label_id])
        return digest.hexdigest()

    def subset(self, rows: Sequence[int] | NDArray[Any]) -> Examples:
        """The given rows, in the order given: row numbers from 0, or one boolean a row."""
        chosen = np.arange(len(self))[list(rows)]
        return replace(self, texts=[self.texts[row] for row in chosen], label_ids=self.label_ids[chosen])


def load_examples(
    source: str | Path,
    split: str | None = None,
    *,
    labels: Labels = SIX_EMOTIONS,
    text_column: str = "text",
    label_column: str = "label",
) -> Examples:
    """Read one split; the other splits are not read.

    Args:
        source: a file, a folder of splits, or a Hub id such as "dair-ai/emotion".
        split: which split; may be left out where there is only one.
        labels: the labels allowed; a row may give a name ("joy") or an id (1, "1").
        text_column: column of the texts, in every format but `.txt`.
        label_column: column of the labels, in every format but `.txt`.

    Raises:
        DataError: a source, split, column or row that cannot be read.
        MissingExtraError: `.parquet` without the extra "score", a Hub id without the extra "train".
    """
    tables = _find_tables(source, (text_column, label_column))
    return _examples(tables[_choose_split(source, split, tables)], labels)


def load_splits(
    source: str | Path,
    *,
    labels: Labels = SIX_EMOTIONS,
    text_column: str = "text",
    label_column: str = "label",
) -> dict[str, Examples]:
    """Read every split there is; arguments and errors as for `load_examples`.

    Returns:
        "train", "validation", "test" (those that are there, in this order) of a folder; the Hub's own names
        for a Hub id; "all" for a single file, whose `Examples.split` is None.
    """
    tables = _find_tables(source, (text_column, label_column))
    return {split: _examples(table, labels) for split, table in tables.items()}


@dataclass(frozen=True)
class _Table:
    """Rows not read yet.

    Attributes:
        name: name of the data set.
        split: name of the split, None for a single file.
        place: what precedes the number of a row in errors.
        rows: yields (number, text, label), unchecked.
    """

    name: str
    split: str | None
    place: str
    rows: Iterator[_Row]


def _find_tables(source: str | Path, columns: _Columns) -> dict[str, _Table]:
    path = Path(source)
    try:
        if path.is_dir():
            name, files = path.resolve().name, _split_files(path)
            return {split: _file_table(file, columns, name, split) for split, file in files.items()}
        if path.is_file():
            return {"all": _file_table(path, columns, path.stem, None)}
    except OSError as error:
        raise DataError(f"{_short(str(source))}: cannot be read ({error.strerror})") from None
    if _HUB_ID.fullmatch(str(source)) and path.suffix.lower() not in _READERS:
        return _hub_tables(str(source), columns)
    raise DataError(
        f"there is no data at {_short(str(source), 200)}; looked for a file ({', '.join(_READERS)}), "
        f"a folder of splits and a Hub id (owner/name)"
    )


def _split_files(folder: Path) -> dict[str, Path]:
    """The file of each split, in the order train, validation, test."""
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        split = SPLIT_OF_STEM.get(file.stem.lower())
        if split is None or file.suffix.lower() not in _READERS:
            continue
        if split in found:
            both = f"{found[split].name} and {file.name}"
            raise DataError(f"{folder}: {both} both are the {split} split; keep one")
        found[split] = file
    if not found:
        stems, suffixes = ", ".join(SPLIT_OF_STEM), ", ".join(_READERS)
        raise DataError(f"{folder}: no split there; looked for a file named {stems} with one of {suffixes}")
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


def _choose_split(source: str | Path, split: str | None, tables: dict[str, _Table]) -> str:
    if split is None and len(tables) == 1:
        return next(iter(tables))
    if split is None:
        raise DataError(f"{source}: no split chosen; there are: {', '.join(tables)}")
    name = split if split in tables else SPLIT_OF_STEM.get(split, split)
    if name not in tables:
        raise DataError(f"{source}: no split {split!r}; there are: {', '.join(tables)}")
    return name


def _file_table(file: Path, columns: _Columns, name: str, split: str | None) -> _Table:
    suffix = file.suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"{file}: unknown format {suffix!r}; allowed: {', '.join(_READERS)}")
    unit = "row" if suffix == ".parquet" else "line"
    return _Table(name, split, f"{file}, {unit}", _READERS[suffix](file, columns))


def _examples(table: _Table, labels: Labels) -> Examples:
    """Check the rows of a table; the one place that decides what a good row is."""
    texts, label_ids = [], []
    for number, text, label in table.rows:
        try:
            texts.append(_checked_text(text))
            label_ids.append(_checked_label_id(label, labels))
        except DataError as error:
            raise DataError(f"{table.place} {number}: {error}") from None
    if not texts:
        raise DataError(f"{table.place} 1: no rows; there must be one at least")
    return Examples(texts, np.array(label_ids, dtype=np.int64), labels, table.name, table.split)


def _checked_text(text: Any) -> str:
    if not isinstance(text, str):
        raise DataError(f"the text is {_short(text)}; allowed: a string")
    if not text.strip():
        raise DataError(f"no text, found {_short(text)}; allowed: a string that is not blank")
    if surrogate := _SURROGATE.search(text):
        raise DataError(f"the text holds the lone surrogate {surrogate[0]!a}; allowed: what UTF-8 can encode")
    return text


def _checked_label_id(label: Any, labels: Labels) -> int:
    if isinstance(label, str | int) and not isinstance(label, bool) and label != "":
        try:
            return labels.index(label)
        except LabelError:
            pass
    kind = "no label, found" if label is None or label == "" else "unknown label"
    raise DataError(f"{kind} {_short(label)}; allowed: {', '.join(labels.names)}, or 0 to {len(labels) - 1}")


def _read_txt(file: Path, columns: _Columns) -> Iterator[_Row]:
    for number, line in _lines(file):
        text, semicolon, label = line.rpartition(";")
        if not semicolon:
            raise DataError(f"{file}, line {number}: no label, found {_short(line)}; allowed: text;label")
        yield number, text, label


def _read_csv(file: Path, columns: _Columns) -> Iterator[_Row]:
    csv.field_size_limit(_LARGEST_CSV_FIELD)
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(_decoded(file), newline="\n"), delimiter=delimiter, strict=True)
    number = 1
    try:
        header = next(reader)
        _require_columns(f"{file}, line 1", header, columns)
        text_at, label_at = map(header.index, columns)
        number = reader.line_num + 1
        for fields in reader:
            if len(fields) != len(header):
                raise DataError(f"{file}, line {number}: {_field_count_problem(fields, header, delimiter)}")
            yield number, fields[text_at], fields[label_at]
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{file}, line {number}: the row that begins here is broken ({error}); allowed: a field with "
            f"{delimiter!r}, a quote or a line break in double quotes, quotes in it doubled"
        ) from None


def _field_count_problem(fields: list[str], header: list[str], delimiter: str) -> str:
    if not fields:
        return "a blank line; allowed at the end of the file only"
    return (
        f"{len(fields)} fields {_short(fields)}, but the header has {len(header)}; "
        f"allowed: as many as the header has, a field with {delimiter!r} in double quotes"
    )


def _read_jsonl(file: Path, columns: _Columns) -> Iterator[_Row]:
    text_column, label_column = columns
    for number, line in _lines(file):
        place = f"{file}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", error)
            raise DataError(f"{place}: no JSON, found {_short(line)} ({reason}); {_JSONL_ALLOWED}") from None
        if not isinstance(row, dict):
            raise DataError(f"{place}: no JSON object, found {_short(row)}; {_JSONL_ALLOWED}")
        if text_column not in row or label_column not in row:
            _require_columns(place, list(row), columns)
        yield number, row[text_column], row[label_column]


def _read_parquet(file: Path, columns: _Columns) -> Iterator[_Row]:
    require_extra("score")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            _require_columns(str(file), parquet.schema_arrow.names, columns)
            table = parquet.read(columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: no Parquet that can be read ({_first_line(error)})") from None
    for number, (text, label) in enumerate(zip(*map(table.column, columns), strict=True), start=1):
        try:
            yield number, text.as_py(), label.as_py()
        except UnicodeDecodeError as error:
            raise DataError(f"{file}, row {number}: {_not_utf8(error)}") from None


_READERS: dict[str, Callable[[Path, _Columns], Iterator[_Row]]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}


def _hub_tables(hub_id: str, columns: _Columns) -> dict[str, _Table]:
    try:
        require_extra("train")
    except MissingExtraError as error:
        raise MissingExtraError(f"no file or folder {hub_id!r} here; to load it from the Hub, {error}") from None
    import datasets

    try:
        splits = datasets.load_dataset(hub_id)
    except Exception as error:  # the Hub, the network and the files there can fail in any way
        raise DataError(
            f"no file or folder {hub_id!r} here, and it cannot be loaded from the Hub "
            f"({type(error).__name__}: {_first_line(error)}); check the name and the connection"
        ) from None
    return {
        split: _Table(hub_id, split, f"{hub_id}, split {split}, row", _hub_rows(hub_id, table, columns))
        for split, table in splits.items()
    }


def _hub_rows(hub_id: str, table: Any, columns: _Columns) -> Iterator[_Row]:
    """Rows of a `datasets.Dataset`, label ids turned to the names that its ClassLabel feature gives them."""
    _require_columns(hub_id, table.column_names, columns)
    text_column, label_column = columns
    names = dict(enumerate(getattr(table.features[label_column], "names", ())))
    rows = zip(table[text_column], table[label_column], strict=True)
    for number, (text, label) in enumerate(rows, start=1):
        yield number, text, names.get(label, label) if isinstance(label, int) else label


def _require_columns(place: str, present: list[str], columns: _Columns) -> None:
    for column in columns:
        if present.count(column) != 1:
            found = "more than one column" if column in present else "no column"
            raise DataError(f"{place}: {found} {column!r}; the columns are {_short(present, 300)}")


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Number and content of every line, without its end."""
    for number, line in enumerate(_decoded(file).split("\n"), start=1):
        content = line.removesuffix("\r")
        if not content:
            raise DataError(f"{file}, line {number}: a blank line; allowed at the end of the file only")
        yield number, content


def _decoded(file: Path) -> str:
    """Content of a text file, without byte order mark and without the line breaks at its end."""
    try:
        text = file.read_bytes().decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}, line {number}: {_not_utf8(error)}") from None
    if "\0" in text:
        number = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{file}, line {number}: a NUL byte; allowed: text in UTF-8")
    if not text:
        raise DataError(f"{file}: the file is empty; there must be one row at least")
    return text


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"the byte 0x{error.object[error.start]:02x} is broken UTF-8; allowed: text in UTF-8"


def _framed(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(8, "little") + encoded


def _short(value: object, limit: int = 60) -> str:
    shown = repr(value)
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
