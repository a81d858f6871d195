"""Tables in, tables with emotions out, row by row as they come: the formats of `POST /v1/score`. Knows no HTTP.

A row is copied as it stands, and the new cells stand behind it. A row that cannot be read keeps its place: the reason
is in the last of the added columns, and the other cells are empty.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring
from typing import NamedTuple, Protocol

import numpy as np

from emoscope.line_records import csv_records, json_record, open_object, quote_stays_open
from emoscope.serving.cache import Row

LONGEST = 512 * 1024
"""Bytes of a row."""
MAX_COLUMNS = 2_000
"""Of a table; a row that cannot be read is answered with as many empty cells."""

EMOTION, SCORE, ERROR = "emotion", "emotion_score", "emotion_error"


class TableError(Exception):
    """A table that cannot be scored at all."""


class TableRow(NamedTuple):
    """A row that was read.

    Attributes:
        raw: as it stands, ready for further cells.
        text: to be scored; None where there is none.
        problem: why the row cannot be read; else None.
    """

    raw: str
    text: str | None
    problem: str | None = None


class Table(Protocol):
    """Rows of one format."""

    def rows(self, lines: list[str], *, final: bool) -> Iterator[TableRow]:
        """The rows of further lines; one that may go on is kept for the next call.

        Raises:
            TableError: there is no such column.
        """
        ...

    def head(self) -> str:
        """What stands before the rows; ask when the first rows were read."""
        ...

    def line(self, row: TableRow, scores: Row | None) -> str:
        """A row with its new cells."""
        ...


def added_columns(asked: str | None, labels: Sequence[str]) -> list[str]:
    """The columns that are added.

    Args:
        asked: names with commas between; None for all.
        labels: of the model.

    Raises:
        TableError: one that does not exist, or twice.
    """
    every = [EMOTION, SCORE, *labels, ERROR]
    names = every if asked is None else asked.split(",")
    for name in names:
        if name not in every or names.count(name) > 1:
            raise TableError(f"the column {name!r} cannot be added; allowed, once each: {', '.join(every)}")
    return names


class CsvTable:
    """CSV with a header."""

    def __init__(self, text_column: str, added: list[str], labels: Sequence[str]) -> None:
        """Nothing is read yet.

        Args:
            text_column: name of the column of texts.
            added: names of the columns to add.
            labels: of the model.
        """
        self._text_column, self._added, self._labels = text_column, added, labels
        self._header = ""
        self._columns: list[str] = []
        self._text_at = 0
        self._pending: list[str] = []
        self._characters = 0
        self._number = 1

    def rows(self, lines: list[str], *, final: bool) -> Iterator[TableRow]:
        """Rows of further lines; see `Table`."""
        goes_on = bool(self._pending) and quote_stays_open(lines, ",")
        self._pending += lines
        self._characters += sum(map(len, lines))
        if goes_on and not final and self._characters <= 2 * LONGEST:  # twice: so it is not given up line by line
            return
        lines = self._pending
        used = 0
        for record in csv_records(lines, ",", longest=LONGEST, final=final):
            used = record.end
            raw = "".join(lines[record.begin : record.end]).rstrip("\r\n")
            line = self._number + record.begin
            if not self._columns:
                self._read_header(record.fields, raw, record.problem)
            elif row := self._row(record.fields, raw, record.problem or _broken(raw), line):
                yield row
        self._pending = lines[used:]
        self._characters = sum(map(len, self._pending))
        self._number += used
        if final and not self._columns:
            raise TableError("the table is empty; its first line must have the names of the columns")

    def _read_header(self, fields: list[str], raw: str, problem: str | None) -> None:
        if problem or not fields or _broken(raw):
            raise TableError(f"the first line cannot be read ({problem or _broken(raw) or 'it is blank'})")
        if len(fields) > MAX_COLUMNS:
            raise TableError(f"the first line has {len(fields):,} columns, at most {MAX_COLUMNS:,} are allowed")
        if fields.count(self._text_column) != 1:
            found = "more than one column" if self._text_column in fields else "no column"
            raise TableError(f"{found} {self._text_column!r}; the columns are: {', '.join(map(repr, fields)):.300}")
        if taken := next((name for name in self._added if name in fields), None):
            raise TableError(f"there is a column {taken!r} already; choose among the added ones with columns=")
        self._columns, self._header = fields, raw
        self._text_at = fields.index(self._text_column)

    def _row(self, fields: list[str], raw: str, problem: str | None, line: int) -> TableRow | None:
        width = len(self._columns)
        if not fields and not problem:
            return TableRow(raw, None) if width == 1 else None
        if not problem and len(fields) != width:
            problem = f"{len(fields)} fields; allowed: {width}, as in the first line"
        if problem:
            return TableRow("," * (width - 1), None, f"line {line}: {problem}")
        return TableRow(raw, fields[self._text_at])

    def head(self) -> str:
        """The header with the new columns."""
        return f"{self._header},{_csv(self._added)}\n"

    def line(self, row: TableRow, scores: Row | None) -> str:
        """The row with its new cells."""
        cells = _cells(self._added, self._labels, scores, row.problem)
        return f"{row.raw},{_csv(['' if cell is None else cell for cell in cells])}\n"


class JsonlTable:
    """One JSON object a line."""

    def __init__(self, text_column: str, added: list[str], labels: Sequence[str]) -> None:
        """Nothing is read yet; the arguments are those of `CsvTable`."""
        self._text_column, self._added, self._labels = text_column, added, labels
        self._number = 0

    def rows(self, lines: list[str], *, final: bool) -> Iterator[TableRow]:
        """Rows of further lines; see `Table`."""
        for line in lines:
            self._number += 1
            if not line.isspace():
                yield self._row(line)

    def _row(self, line: str) -> TableRow:
        problem = _broken(line.rstrip("\r\n"))
        row = problem or json_record(line)
        if isinstance(row, str):
            return TableRow("{", None, f"line {self._number}: {row}")
        text = row.get(self._text_column)
        if text is not None and not isinstance(text, str):
            problem = f"{self._text_column!r} is {type(text).__name__}; allowed: a string, or null"
        if taken := next((name for name in self._added if name in row), None):
            problem = f"there is a field {taken!r} already; choose among the added ones with columns="
        opened = open_object(line, row)
        return TableRow(opened, None, f"line {self._number}: {problem}") if problem else TableRow(opened, text)

    def head(self) -> str:
        """Nothing."""
        return ""

    def line(self, row: TableRow, scores: Row | None) -> str:
        """The object with its new fields; `emotion_error` only where there is one."""
        cells = zip(self._added, _cells(self._added, self._labels, scores, row.problem), strict=True)
        if row.problem:
            fields = [(name, cell) for name, cell in cells if name == ERROR]
        else:
            fields = [(name, cell) for name, cell in cells if name != ERROR]
        quoted = (EMOTION, ERROR)
        values = (
            "null" if cell is None else encode_basestring(cell) if name in quoted else cell for name, cell in fields
        )
        pairs = [f"{encode_basestring(name)}: {value}" for (name, _), value in zip(fields, values, strict=True)]
        return f"{row.raw if pairs else row.raw.removesuffix(', ')}{', '.join(pairs)}}}\n"


def _cells(added: list[str], labels: Sequence[str], scores: Row | None, problem: str | None) -> list[str | None]:
    """The new cells of a row as text, None for null; numbers are the shortest that float32 reads back."""
    known: dict[str, str | None] = {ERROR: problem}
    if scores:
        values, best, *_ = scores
        numbers = [str(np.float32(value)) for value in values]
        known |= dict(zip(labels, numbers, strict=True)) | {EMOTION: labels[best], SCORE: numbers[best]}
    return [known.get(name) for name in added]


def _csv(cells: Sequence[str]) -> str:
    """Cells with commas between; one with a comma, a quote or a line break stands in quotes."""
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in ',"\r\n') else cell for cell in cells
    )


def _broken(raw: str) -> str | None:
    """What is wrong with the characters of a row, or their number."""
    if len(raw.encode("utf-8", "surrogateescape")) > LONGEST:
        return f"the row is longer than {LONGEST:,} bytes"
    try:
        raw.encode()
    except UnicodeEncodeError as error:
        return f"the byte 0x{ord(raw[error.start]) - 0xDC00:02x} is broken UTF-8; allowed: text in UTF-8"
    return None


class Lines:
    """Bytes as they come to whole lines."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_first = True

    def feed(self, chunk: bytes, *, final: bool) -> list[str]:
        """The lines that are whole now, with their newlines; broken UTF-8 stands in them as lone surrogates.

        Of a line that is longer than a row may be not all is kept, but enough to see that it is.
        """
        whole, newline, tail = chunk.rpartition(b"\n")
        content = self._rest + whole + newline if newline else b""
        rest = tail if newline else self._rest + tail
        self._rest = rest[: LONGEST + 2]
        if final:
            content, self._rest = content + self._rest, b""
        if self._is_first and content:
            self._is_first = False
            content = content.removeprefix(b"\xef\xbb\xbf")
        return list(io.StringIO(content.decode("utf-8", "surrogateescape"), newline="\n"))
