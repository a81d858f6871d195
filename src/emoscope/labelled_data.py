r"""Reads labelled rows from a file, a folder of splits or a data set of the Hub, without checking them.

`data` decides which rows are good. Formats: `.txt` (one `text;label` a line, the
label after the last semicolon), `.csv` and `.tsv` (with a header, or without one and the columns given as numbers; a
field may be in double quotes, as in GoEmotions' own `.tsv`), `.jsonl` (one object a line), `.parquet` (extra "score").
Text files are UTF-8, with or without a byte order mark. Only `\n` and `\r\n` end a line. Blank lines are allowed at the
end of a file only.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoscope.errors import DataError, MissingExtraError, first_line, require_extra
from emoscope.quiet import quiet_loggers
from emoscope.rows.columns import check_columns
from emoscope.rows.csv_records import csv_records
from emoscope.rows.json_rows import json_object
from emoscope.rows.lines import not_utf8

SPLIT_OF_STEM = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
"""Stems of files in a folder of splits, to the names of their splits."""

HUB_IDS = {"emotion": "dair-ai/emotion"}
"""Short names of data sets that the Hub's own library no longer accepts, to their ids."""

_HUB_ID = re.compile(r"[a-z0-9][\w.-]*(/[a-z0-9][\w.-]*)?", re.ASCII | re.IGNORECASE)

LabelledRow = tuple[int, Any, Any]
"""Number of a row, its text, and its label or labels."""

Columns = tuple[str, str]
"""Column of the texts, column of the labels."""


@dataclass(frozen=True)
class LabelledTable:
    """The rows of one split, not read yet.

    Attributes:
        name: name of the data set.
        split: name of the split; None for a single file.
        place: what precedes the number of a row in errors.
        rows: yields (number, text, label or labels), unchecked.
        label_names: names in index order, if the source has them.
    """

    name: str
    split: str | None
    place: str
    rows: Iterable[LabelledRow]
    label_names: tuple[str, ...] = ()


def find_tables(source: str | Path, columns: Columns) -> dict[str, LabelledTable]:
    """The table of each split, not read yet.

    Args:
        source: a file, a folder of splits, or a Hub id.
        columns: columns of the texts and of the labels, as names or digits.

    Raises:
        DataError: there are no such data, or the Hub cannot deliver them.
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
        f"there are no data at {short(str(source), 200)}; looked for a file ({', '.join(_READERS)}), "
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
            raise DataError(f"{folder}: {both} are both the {split} split; keep one")
        found[split] = file
    if not found:
        stems, suffixes = ", ".join(SPLIT_OF_STEM), ", ".join(_READERS)
        raise DataError(f"{folder}: no splits; looked for a file named {stems} with one of {suffixes}")
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


def choose_split(source: str | Path, split: str | None, tables: dict[str, LabelledTable]) -> str:
    """The chosen split, by its own name or one in SPLIT_OF_STEM; a DataError if it does not exist."""
    if split is None and len(tables) == 1:
        return next(iter(tables))
    if split is None:
        raise DataError(f"{source}: no split chosen; there are: {', '.join(tables)}")
    name = split if split in tables else SPLIT_OF_STEM.get(split, split)
    if name not in tables:
        raise DataError(f"{source}: no split {split!r}; there are: {', '.join(tables)}")
    return name


def _file_table(file: Path, columns: Columns, name: str, split: str | None) -> LabelledTable:
    suffix = file.suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"{file}: unknown format {suffix!r}; allowed: {', '.join(_READERS)}")
    unit = "row" if suffix == ".parquet" else "line"
    return LabelledTable(name, split, f"{file}, {unit}", _READERS[suffix](file, columns))


def _read_txt(file: Path, columns: Columns) -> Iterator[LabelledRow]:
    for number, line in _lines(file):
        text, semicolon, label = line.rpartition(";")
        if not semicolon:
            raise DataError(f"{file}, line {number}: no label, found {short(line)}; allowed: text;label")
        yield number, text, label


def _read_csv(file: Path, columns: Columns) -> Iterator[LabelledRow]:
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    numbered = all(column.isdecimal() for column in columns)
    hint = "" if numbered else "; if the file has no header, give both columns as numbers"
    names: list[str] = []
    for record in csv_records(list(io.StringIO(_decoded(file), newline="\n")), delimiter, longest=0, final=True):
        place, fields = f"{file}, line {record.begin + 1}", record.fields
        if record.problem:
            raise DataError(f"{place}: {record.problem}")
        if not fields:
            raise DataError(f"{place}: a blank line; allowed at the end of the file only")
        if not names:
            names = list(map(str, range(len(fields)))) if numbered else fields
            check_columns(names, columns, place=place, hint=hint)
            text_at, label_at = map(names.index, columns)
            if not numbered:
                continue
        if len(fields) != len(names):
            found = f"{len(fields)} fields {short(fields)}"
            allowed = f"{len(names)}, as in the first line, a field with {delimiter!r} in double quotes"
            raise DataError(f"{place}: {found}; allowed: {allowed}")
        yield record.begin + 1, fields[text_at], fields[label_at]


def _read_jsonl(file: Path, columns: Columns) -> Iterator[LabelledRow]:
    text_column, label_column = columns
    for number, line in _lines(file):
        row = json_object(line)
        if isinstance(row, str):
            raise DataError(f"{file}, line {number}: found {short(line)}, {row}")
        if text_column not in row or label_column not in row:
            check_columns(list(row), columns, place=f"{file}, line {number}")
        yield number, row[text_column], row[label_column]


def _read_parquet(file: Path, columns: Columns) -> Iterator[LabelledRow]:
    require_extra("score")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            check_columns(parquet.schema_arrow.names, columns, place=str(file))
            table = parquet.read(columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: not a Parquet file that can be read ({first_line(error)})") from None
    for number, (text, label) in enumerate(zip(*map(table.column, columns), strict=True), start=1):
        try:
            yield number, text.as_py(), label.as_py()
        except UnicodeDecodeError as error:
            raise DataError(f"{file}, row {number}: {not_utf8(error.object[error.start])}") from None


_READERS: dict[str, Callable[[Path, Columns], Iterator[LabelledRow]]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}


def _hub_tables(hub_id: str, columns: Columns) -> dict[str, LabelledTable]:
    """Data sets of the library `datasets`, their label ids replaced by the names in the feature of the labels."""
    hub_id = HUB_IDS.get(hub_id, hub_id)
    tables = {}
    for split, data in hub_splits(hub_id).items():
        check_columns(data.column_names, columns, place=hub_id)
        cells = zip(data[columns[0]], hub_labels(data, columns[1]), strict=True)
        rows = ((number, text, label) for number, (text, label) in enumerate(cells, start=1))
        names = _hub_label_names(data, columns[1])
        tables[split] = LabelledTable(hub_id, split, f"{hub_id}, split {split}, row", rows, names)
    return tables


def hub_splits(hub_id: str) -> dict[str, Any]:
    """A `datasets.Dataset` for each split.

    Args:
        hub_id: owner/name.

    Raises:
        DataError: the Hub cannot deliver it.
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
    except Exception as error:  # the Hub, the network and its files can fail in any way
        raise DataError(
            f"no file or folder {hub_id!r} here, and it cannot be loaded from the Hub "
            f"({type(error).__name__}: {first_line(error)}); check the name and the connection"
        ) from None


def hub_labels(table: Any, column: str) -> Iterator[Any]:
    """The label or labels of each row of a `datasets.Dataset`, as names if its features have names."""
    names = dict(enumerate(_hub_label_names(table, column)))
    return (_named(cell, names) for cell in table[column])


def _hub_label_names(table: Any, column: str) -> tuple[str, ...]:
    feature = table.features[column]
    return tuple(getattr(getattr(feature, "feature", feature), "names", ()))


def _named(cell: Any, names: dict[int, str]) -> Any:
    if isinstance(cell, list):
        return [_named(label, names) for label in cell]
    return names.get(cell, cell) if isinstance(cell, int) else cell


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Number and content of each line, without its end."""
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
        raise DataError(f"{file}, line {number}: {not_utf8(error.object[error.start])}") from None
    if "\0" in text:
        number = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{file}, line {number}: a NUL byte; allowed: text in UTF-8")
    if not text:
        raise DataError(f"{file}: the file is empty; there must be at least one row")
    return text


def short(value: object, limit: int = 60) -> str:
    """A value as an error shows it, cut to `limit` characters."""
    shown = repr(value)
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
