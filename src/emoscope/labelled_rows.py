r"""The rows of one file of labelled texts, unchecked, in every format that `emoscope score` reads, and two more.

Formats: `.txt` (one `text;label` a line, the label after the last semicolon), `.csv` and `.tsv` (with a header, or
without one and the columns given as numbers), `.jsonl` and `.ndjson` (one object a line), `.json` (an array of
objects, or one object a line), all of these also with `.gz` or `.zst`; `.parquet`, `.arrow` and `.feather` (extra
"score"); `.xlsx` and `.ods` (extra "excel"); `.zip` with one of these files, but not `.parquet`. Only `\n` and `\r\n`
end a line; blank lines are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, repeat
from pathlib import Path
from typing import Any, NamedTuple

from emoscope.errors import DataError, require_extra
from emoscope.rows.blocks import MAX_ROW_BYTES, read_blocks
from emoscope.rows.columns import check_columns
from emoscope.rows.csv_rows import CsvRows, check_delimiter
from emoscope.rows.formats import COMPRESSIONS, FORMATS, Format
from emoscope.rows.gzip_content import GzipContent
from emoscope.rows.json_rows import check_json_lines, json_object
from emoscope.rows.lines import UTF_8, Block, check_encoding, row_problem
from emoscope.rows.zip_content import ZipContent

SUFFIXES = {".txt": "txt", ".json": "json"} | FORMATS
"""Suffixes of the names of files of labelled rows, to their formats."""

ZIP = ".zip"


@dataclass(frozen=True)
class ReadOptions:
    """How labelled rows are read.

    Attributes:
        text_column: column of the texts, in every format but `.txt`. If both columns are numbers (or digits), counted
            from 0, a `.csv` or `.tsv` has no header.
        label_column: column of the labels, likewise.
        delimiter: the character between the cells of `.csv`; None for a comma.
        encoding: name of the encoding of text files, such as "windows-1252".
        multi_label: whether a row has any number of labels, instead of one.
        label_separator: what separates the labels in a cell of multi-label data; None for a comma.
        label_map: names or ids of labels as they are in the rows, to the names that they are read as.
        skip_other_labels: whether to leave out rows with a label that is not among the labels.

    Raises:
        DataError: the delimiter or the encoding cannot be one.
    """

    text_column: str | int = "text"
    label_column: str | int = "label"
    delimiter: str | None = None
    encoding: str = UTF_8
    multi_label: bool = False
    label_separator: str | None = None
    label_map: Mapping[str, str] = field(default_factory=dict)
    skip_other_labels: bool = False

    def __post_init__(self) -> None:
        check_delimiter(self.delimiter)
        check_encoding(self.encoding)
        if self.label_separator == "":
            raise DataError("the separator of labels is empty; give one or more characters")

    @property
    def columns(self) -> tuple[str, str]:
        """Column of the texts, column of the labels."""
        return str(self.text_column), str(self.label_column)

    @property
    def has_header(self) -> bool:
        """Whether CSV begins with the names of its columns."""
        return not all(column.isdecimal() for column in self.columns)

    @property
    def cells(self) -> CellOptions:
        """Which cells are read, and how the file is written."""
        hint = "; if the file has no header, give both columns as numbers" if self.has_header else ""
        return CellOptions(self.columns, self.delimiter, self.encoding, self.has_header, hint)


@dataclass(frozen=True)
class CellOptions:
    """Which cells of each row are read, and how the file is written.

    Attributes:
        columns: names of the columns, in the order of the cells; Parquet and Arrow need texts in the first one.
        delimiter: the character between the cells of `.csv`; None for a comma.
        encoding: name of the encoding of text files.
        has_header: whether CSV begins with the names of its columns.
        hint: what to do if a column of CSV is missing; it ends the error.

    Raises:
        DataError: the delimiter or the encoding cannot be one.
    """

    columns: tuple[str, ...]
    delimiter: str | None = None
    encoding: str = UTF_8
    has_header: bool = True
    hint: str = ""

    def __post_init__(self) -> None:
        check_delimiter(self.delimiter)
        check_encoding(self.encoding)


class Cells(NamedTuple):
    """Some cells of a row as they are in its file.

    Attributes:
        file: the file, and how its rows are counted: "rows.csv, line".
        number: number of the row: for text, of the line where it begins.
        values: the values of the columns.
    """

    file: str
    number: int
    values: tuple[Any, ...]

    @property
    def place(self) -> str:
        """Where the row is, for errors."""
        return f"{self.file} {self.number}"


class LabelledRow(NamedTuple):
    """A row as it is in its file.

    Attributes:
        file: the file, and how its rows are counted: "rows.csv, line".
        number: number of the row: for text, of the line where it begins.
        text: its text.
        label: its label or labels.
    """

    file: str
    number: int
    text: Any
    label: Any

    @property
    def place(self) -> str:
        """Where it is, for errors."""
        return f"{self.file} {self.number}"


def format_of(file: Path) -> Format | None:
    """The format of a file, from its name, or of a zip file from the name of the table in it.

    None if labelled rows are not read from such a file.

    Raises:
        DataError: a zip file cannot be read, or has no table or several.
    """
    name, last = file.name.lower(), file.suffix.lower()
    if last == ZIP and file.is_file():
        with open_stored(file, "zip") as content:
            form = format_of(Path(content.member))
        return form and replace(form, compression="zip")
    compression = COMPRESSIONS.get(last)
    suffix = Path(name.removesuffix(last)).suffix if compression else last
    if suffix in (".txt", ".json"):
        return Format(SUFFIXES[suffix], compression)
    try:
        return Format.of(file.name)
    except DataError:
        return None


def read_rows(file: Path, options: ReadOptions) -> Iterator[LabelledRow]:
    """The rows of a file, in order.

    Raises:
        DataError: the file or a row cannot be read.
        MissingExtraError: `.parquet`, `.arrow` or `.zst` without the extra "score", a spreadsheet without "excel".
    """
    return (LabelledRow(row.file, row.number, *row.values) for row in read_cells(file, options.cells))


def read_cells(file: Path, options: CellOptions) -> Iterator[Cells]:
    """Some cells of each row of a file, in order; `.txt` has a text and a label, whatever the columns.

    Raises:
        DataError: the file or a row cannot be read.
        MissingExtraError: `.parquet`, `.arrow` or `.zst` without the extra "score", a spreadsheet without "excel".
    """
    form = format_of(file)
    if form is None:
        raise DataError(f"{file}: unknown format {file.suffix!r}; allowed: {', '.join(SUFFIXES)}")
    return _READERS[form.name](file, form, options)


def text_blocks(file: Path, form: Format, encoding: str) -> Iterator[Block]:
    """The lines of a text file.

    Raises:
        DataError: the file cannot be read, is empty, or has bytes that are not text.
    """
    broken: list[str] = []
    try:
        with open_stored(file, form.compression) as content:
            for block in read_blocks(content, broken, encoding):
                if broken:
                    break
                if block.final and block.number + len(block.lines) == 1:
                    raise DataError("the file is empty; there must be at least one row")
                yield block
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None
    except DataError as error:
        raise DataError(f"{file}: {error}") from None
    if broken:
        raise DataError(f"{file}: {broken[0]}; give a whole copy")


def open_stored(file: Path, compression: str | None) -> Any:
    """A file opened for reading, decompressed."""
    if compression == "zip":
        return ZipContent(file.open("rb"), str(file), _is_table_in_zip)
    if compression == "zstd":
        require_extra("score")
        import pyarrow as pa

        return pa.CompressedInputStream(pa.OSFile(str(file)), compression)
    return GzipContent(file.open("rb")) if compression else file.open("rb")


def _is_table_in_zip(member: str) -> bool:
    form = format_of(Path(member))
    return form is not None and form.compression is None and form.name != "parquet"


def _lines(file: Path, form: Format, options: CellOptions) -> Iterator[tuple[int, str]]:
    """Number and content of each line that is not blank."""
    for block in text_blocks(file, form, options.encoding):
        for number, line in enumerate(block.lines, start=block.number):
            content = line.rstrip("\r\n") if line.endswith("\n") else line
            if content:
                _check_bytes(f"{file}, line {number}", content, block.encoding)
                yield number, content


def _check_bytes(place: str, content: str, encoding: str) -> None:
    if problem := row_problem(content, MAX_ROW_BYTES, encoding):
        raise DataError(f"{place}: {with_encoding_hint(problem)}")


def with_encoding_hint(problem: str) -> str:
    """What is wrong with a row; if it is its encoding, also the flag that names another."""
    return f"{problem}; for another encoding give --encoding" if "is not valid UTF-8" in problem else problem


def _read_txt(file: Path, form: Format, options: CellOptions) -> Iterator[Cells]:
    for number, line in _lines(file, form, options):
        text, semicolon, label = line.rpartition(";")
        if not semicolon:
            raise DataError(f"{file}, line {number}: no label, found {short(line)}; allowed: text;label")
        yield Cells(f"{file}, line", number, (text, label))


def _read_csv(file: Path, form: Format, options: CellOptions) -> Iterator[Cells]:
    delimiter, columns = options.delimiter or form.delimiter or ",", options.columns
    csv = CsvRows(
        delimiter,
        MAX_ROW_BYTES,
        has_header=options.has_header,
        check=lambda names: check_columns(names, columns, hint=options.hint),
        required=columns,
    )
    for block in text_blocks(file, form, options.encoding):
        try:
            rows = list(csv.rows(block))
        except DataError as error:
            raise DataError(f"{file}, line 1: {with_encoding_hint(str(error))}") from None
        at = [csv.columns.index(column) for column in columns] if csv.columns else []
        for row in rows:
            if row.problem:
                quoted = f", a cell with {delimiter!r} in double quotes" if len(row.values) > len(csv.columns) else ""
                raise DataError(f"{file}, line {row.line}: {with_encoding_hint(row.problem)}{quoted}")
            yield Cells(f"{file}, line", row.line, tuple(row.values[column] for column in at))


def _read_jsonl(file: Path, form: Format, options: CellOptions) -> Iterator[Cells]:
    head = next(text_blocks(file, form, options.encoding)).lines
    if "".join(head[:2]).lstrip().startswith("["):
        yield from _read_array(file, form, options)
        return
    try:
        check_json_lines(head)
    except DataError as error:
        raise DataError(f"{file}: {error}") from None
    for number, line in _lines(file, form, options):
        if line.isspace():
            continue
        place, row = f"{file}, line {number}", json_object(line)
        if isinstance(row, str):
            raise DataError(f"{place}: found {short(line)}, {row}")
        check_columns(list(row), options.columns, place=place)
        yield Cells(f"{file}, line", number, tuple(map(row.get, options.columns)))


def _read_array(file: Path, form: Format, options: CellOptions) -> Iterator[Cells]:
    """The rows of one JSON array."""
    content = "".join(line for block in text_blocks(file, form, options.encoding) for line in block.lines)
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: not JSON ({error}); allowed: an array of objects, or one object a line") from None
    for number, row in enumerate(rows, start=1):
        place = f"{file}, row {number}"
        if not isinstance(row, dict):
            raise DataError(f"{place}: a JSON {type(row).__name__}, not an object; allowed: an array of objects")
        check_columns(list(row), options.columns, place=place)
        yield Cells(f"{file}, row", number, tuple(map(row.get, options.columns)))


def _read_columnar(file: Path, form: Format, options: CellOptions) -> Iterator[Cells]:
    require_extra("score")
    from emoscope.columnar import COLUMNAR

    def reject(reason: str, row: int, rows: int = 1) -> None:
        raise DataError(f"{file}, row {row}: {reason}")

    try:
        with open_stored(file, form.compression) as content:
            table_file = COLUMNAR[form.name](content, str(file), file.stat().st_size, reject, options.columns[:1])
            check_columns(table_file.schema.names, options.columns, place=str(file))
            names = [label_names_of(table_file.schema.metadata, column) for column in options.columns]
            indices = count()
            for table in table_file.tables():
                cells = zip(*(table.column(column).to_pylist() for column in options.columns), strict=True)
                for values, index in zip(cells, indices, strict=False):
                    number = table_file.row_number(index)
                    place = f"{file}, row {number}"
                    yield Cells(f"{file}, row", number, tuple(map(named, values, names, repeat(place))))
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None


_READERS: Mapping[str, Callable[[Path, Format, CellOptions], Iterator[Cells]]] = {
    "txt": _read_txt,
    "csv": _read_csv,
    "tsv": _read_csv,
    "jsonl": _read_jsonl,
    "json": _read_jsonl,
    "parquet": _read_columnar,
    "arrow": _read_columnar,
    "xlsx": _read_columnar,
    "ods": _read_columnar,
}


def file_label_names(file: Path, column: str) -> tuple[str, ...]:
    """The names of the labels, in the order of their ids, that the library `datasets` left in a file's schema."""
    form = format_of(file)
    if form is None or form.name not in ("parquet", "arrow"):
        return ()
    require_extra("score")
    from emoscope.columnar import COLUMNAR as READERS

    with open_stored(file, form.compression) as content:
        schema = READERS[form.name](content, str(file), file.stat().st_size, lambda reason, **place: None).schema
    return label_names_of(schema.metadata, column)


def label_names_of(metadata: Mapping[bytes, bytes] | None, column: str) -> tuple[str, ...]:
    """The names of a column's labels in the metadata of an Arrow schema; none if it has none."""
    try:
        feature = json.loads((metadata or {})[b"huggingface"])["info"]["features"][column]
        while isinstance(feature, list) or "feature" in feature:  # a list of labels
            feature = feature[0] if isinstance(feature, list) else feature["feature"]
        return tuple(map(str, feature.get("names") or ()))
    except (KeyError, TypeError, ValueError, IndexError):
        return ()


def named(cell: Any, names: tuple[str, ...], place: str) -> Any:
    """A label id, or a list of them, as the names that its file or data set gives to the ids.

    Raises:
        DataError: an id has no name.
    """
    if isinstance(cell, list | tuple):
        return [named(label, names, place) for label in cell]
    index = whole_number(cell)
    if not names or index is None or cell in names:
        return cell
    if index == -1:
        return None  # what `datasets` writes for a row without a label
    if not 0 <= index < len(names):
        raise DataError(
            f"{place}: the label id {index} contradicts the names of the labels, which are {len(names)}: "
            f"{', '.join(names)}; correct the ids or the names"
        )
    return names[index]


def whole_number(cell: Any) -> int | None:
    """The number that a cell holds as 1, 1.0, "1" or "1.0" (pandas writes ids so); None if it holds none."""
    if isinstance(cell, str):
        whole, _, fraction = cell.strip().partition(".")
        digits = whole.removeprefix("-")
        is_whole = digits.isdecimal() and digits.isascii() and len(digits) <= 9 and not fraction.strip("0")
        return int(whole) if is_whole else None
    if isinstance(cell, bool) or not isinstance(cell, int | float) or cell != cell // 1:
        return None
    return int(cell)


def short(value: object, limit: int = 60) -> str:
    """A value as an error shows it, cut to `limit` characters."""
    shown = repr(value)
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
