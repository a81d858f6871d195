r"""Tables of texts and labels, as a file, a folder of splits or a data set of the Hub has them: rows, unchecked.

A reader per format yields rows; what a good row is, `data` knows. Formats: `.txt` (one `text;label` a line, the
label after the last semicolon), `.csv` and `.tsv` (with a header, or without one and the columns given as numbers;
a field may stand in double quotes, as in GoEmotions' own `.tsv`), `.jsonl` (one object a line), `.parquet` (extra
"score"). Text files are UTF-8, with or without a byte order mark; only `\n` and `\r\n` end a line; blank lines may
stand at the very end of a file only.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from emoscope.errors import DataError, MissingExtraError, first_line, require_extra
from emoscope.quiet import quiet_loggers

SPLIT_OF_STEM = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
"""Stem of a file in a folder of splits, to the name of the split."""

HUB_IDS = {"emotion": "dair-ai/emotion"}
"""Short names of data sets that the Hub's own library takes no more, to their ids."""

_LARGEST_CSV_FIELD = 2**31 - 1  # characters; the csv module's own limit, one for the process, is 131,072
_HUB_ID = re.compile(r"[a-z0-9][\w.-]*(/[a-z0-9][\w.-]*)?", re.ASCII | re.IGNORECASE)

_JSONL_ALLOWED = "allowed: one JSON object a line"

Row = tuple[int, Any, Any]
"""Number of a row, text, label or labels."""

Columns = tuple[str, str]
"""Column of the texts, column of the labels."""


@dataclass(frozen=True)
class Table:
    """Rows not read yet.

    Attributes:
        name: name of the data set.
        split: name of the split, None for a single file.
        place: what precedes the number of a row in errors.
        rows: yields (number, text, label or labels), unchecked.
        label_names: in index order, where the source knows them.
    """

    name: str
    split: str | None
    place: str
    rows: Iterable[Row]
    label_names: tuple[str, ...] = ()


def find_tables(source: str | Path, columns: Columns) -> dict[str, Table]:
    """The table of each split, not read yet.

    Args:
        source: a file, a folder of splits, or a Hub id.
        columns: of the texts and of the labels, names or digits.

    Raises:
        DataError: there is no data, or the Hub does not give it.
        MissingExtraError: a Hub id without the extra "train".
    """
    path = Path(source)
    try:
        if path.is_dir():
            name, files = path.resolve().name, _split_files(path)
            return {split: _file_table(file, columns, name, split) for split, file in files.items()}
        if path.is_file():
            return {"all": _file_table(path, columns, path.stem, None)}
    except OSError as error:
        raise DataError(f"{short(str(source))}: cannot be read ({error.strerror})") from None
    if _HUB_ID.fullmatch(str(source)) and path.suffix.lower() not in _READERS:
        return _hub_tables(str(source), columns)
    raise DataError(
        f"there is no data at {short(str(source), 200)}; looked for a file ({', '.join(_READERS)}), "
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


def choose_split(source: str | Path, split: str | None, tables: dict[str, Table]) -> str:
    """Name of the split asked for, by a name of its own or of SPLIT_OF_STEM; DataError where it is not there."""
    if split is None and len(tables) == 1:
        return next(iter(tables))
    if split is None:
        raise DataError(f"{source}: no split chosen; there are: {', '.join(tables)}")
    name = split if split in tables else SPLIT_OF_STEM.get(split, split)
    if name not in tables:
        raise DataError(f"{source}: no split {split!r}; there are: {', '.join(tables)}")
    return name


def _file_table(file: Path, columns: Columns, name: str, split: str | None) -> Table:
    suffix = file.suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"{file}: unknown format {suffix!r}; allowed: {', '.join(_READERS)}")
    unit = "row" if suffix == ".parquet" else "line"
    return Table(name, split, f"{file}, {unit}", _READERS[suffix](file, columns))


def _read_txt(file: Path, columns: Columns) -> Iterator[Row]:
    for number, line in _lines(file):
        text, semicolon, label = line.rpartition(";")
        if not semicolon:
            raise DataError(f"{file}, line {number}: no label, found {short(line)}; allowed: text;label")
        yield number, text, label


def _read_csv(file: Path, columns: Columns) -> Iterator[Row]:
    records = _csv_records(file)
    line, first = next(records)
    numbered = all(column.isdecimal() for column in columns)
    header = list(map(str, range(len(first)))) if numbered else first
    hint = "" if numbered else "; of a file without a header, name both columns by number"
    _require_columns(f"{file}, line {line}", header, columns, hint)
    text_at, label_at = map(header.index, columns)
    for number, fields in chain([(line, first)] if numbered else [], records):
        if len(fields) != len(first):
            problem = _field_count_problem(fields, len(first), "first line" if numbered else "header", file)
            raise DataError(f"{file}, line {number}: {problem}")
        yield number, fields[text_at], fields[label_at]


def _csv_records(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Line where a record begins, and its fields."""
    csv.field_size_limit(_LARGEST_CSV_FIELD)
    delimiter = _delimiter(file)
    reader = csv.reader(io.StringIO(_decoded(file), newline="\n"), delimiter=delimiter, strict=True)
    number = 1
    try:
        for fields in reader:
            yield number, fields
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{file}, line {number}: the row that begins here is broken ({error}); allowed: a field with "
            f"{delimiter!r}, a quote or a line break in double quotes, quotes in it doubled"
        ) from None


def _delimiter(file: Path) -> str:
    return "\t" if file.suffix.lower() == ".tsv" else ","


def _field_count_problem(fields: list[str], wanted: int, model: str, file: Path) -> str:
    if not fields:
        return "a blank line; allowed at the end of the file only"
    return (
        f"{len(fields)} fields {short(fields)}, but the {model} has {wanted}; "
        f"allowed: as many as the {model} has, a field with {_delimiter(file)!r} in double quotes"
    )


def _read_jsonl(file: Path, columns: Columns) -> Iterator[Row]:
    text_column, label_column = columns
    for number, line in _lines(file):
        place = f"{file}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", error)
            raise DataError(f"{place}: no JSON, found {short(line)} ({reason}); {_JSONL_ALLOWED}") from None
        if not isinstance(row, dict):
            raise DataError(f"{place}: no JSON object, found {short(row)}; {_JSONL_ALLOWED}")
        if text_column not in row or label_column not in row:
            _require_columns(place, list(row), columns)
        yield number, row[text_column], row[label_column]


def _read_parquet(file: Path, columns: Columns) -> Iterator[Row]:
    require_extra("score")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            _require_columns(str(file), parquet.schema_arrow.names, columns)
            table = parquet.read(columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: no Parquet that can be read ({first_line(error)})") from None
    for number, (text, label) in enumerate(zip(*map(table.column, columns), strict=True), start=1):
        try:
            yield number, text.as_py(), label.as_py()
        except UnicodeDecodeError as error:
            raise DataError(f"{file}, row {number}: {_not_utf8(error)}") from None


_READERS: dict[str, Callable[[Path, Columns], Iterator[Row]]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}


def _hub_tables(hub_id: str, columns: Columns) -> dict[str, Table]:
    hub_id = HUB_IDS.get(hub_id, hub_id)
    return {split: _hub_table(hub_id, split, rows, columns) for split, rows in hub_splits(hub_id).items()}


def hub_splits(hub_id: str) -> dict[str, Any]:
    """A `datasets.Dataset` a split.

    Args:
        hub_id: owner/name.

    Raises:
        DataError: the Hub does not give it.
        MissingExtraError: the extra "train" is not installed.
    """
    try:
        require_extra("train")
    except MissingExtraError as error:
        raise MissingExtraError(f"no file or folder {hub_id!r} here; to load it from the Hub, {error}") from None
    import datasets

    try:
        with quiet_loggers("datasets", "huggingface_hub"):
            return dict(datasets.load_dataset(hub_id))
    except Exception as error:  # the Hub, the network and the files there can fail in any way
        raise DataError(
            f"no file or folder {hub_id!r} here, and it cannot be loaded from the Hub "
            f"({type(error).__name__}: {first_line(error)}); check the name and the connection"
        ) from None


def _hub_table(hub_id: str, split: str, table: Any, columns: Columns) -> Table:
    """A `datasets.Dataset`, label ids turned to the names that its ClassLabel feature, or a list of it, gives them."""
    _require_columns(hub_id, table.column_names, columns)
    cells = hub_labels(table, columns[1])
    rows = ((number, text, cell) for number, (text, cell) in enumerate(zip(table[columns[0]], cells, strict=True), 1))
    return Table(hub_id, split, f"{hub_id}, split {split}, row", rows, _hub_label_names(table, columns[1]))


def hub_labels(table: Any, column: str) -> Iterator[Any]:
    """The label, or the list of labels, of each row of a `datasets.Dataset`, by name where its features have names."""
    names = dict(enumerate(_hub_label_names(table, column)))
    return (_named(cell, names) for cell in table[column])


def _hub_label_names(table: Any, column: str) -> tuple[str, ...]:
    feature = table.features[column]
    return tuple(getattr(getattr(feature, "feature", feature), "names", ()))


def _named(cell: Any, names: dict[int, str]) -> Any:
    if isinstance(cell, list):
        return [_named(label, names) for label in cell]
    return names.get(cell, cell) if isinstance(cell, int) else cell


def _require_columns(place: str, present: list[str], columns: Columns, hint: str = "") -> None:
    for column in columns:
        if present.count(column) != 1:
            found = "more than one column" if column in present else "no column"
            raise DataError(f"{place}: {found} {column!r}; the columns are {short(present, 300)}{hint}")


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


def short(value: object, limit: int = 60) -> str:
    """A value as an error shows it, cut to `limit` characters."""
    shown = repr(value)
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
