"""Splits lines of CSV into records, so that a broken record does not swallow the ones after it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

QUOTES_ALLOWED = "allowed: quotes inside a quoted field doubled"
_UNCLOSED = f"a quote is not closed; {QUOTES_ALLOWED}"
_PROBLEMS = {
    "unexpected end of data": _UNCLOSED,
    "expected after '\"'": f"there is text behind a closing quote; {QUOTES_ALLOWED}",
    "new-line character": "there is a carriage return without a newline; allowed: lines that end with \\n or \\r\\n",
}
"""Parts of the messages of the module `csv`, to plainer words."""


class Record(NamedTuple):
    """A record, or a line that is not one.

    Attributes:
        begin: index of its first line.
        end: index behind its last line.
        fields: its fields; none for a blank line, or where there is a problem.
        problem: why the line cannot be read; None if it can.
    """

    begin: int
    end: int
    fields: list[str]
    problem: str | None = None


def csv_records(lines: list[str], delimiter: str, *, start: int = 0, longest: int, final: bool) -> Iterator[Record]:
    """Records of lines of CSV; a last one that further lines may complete is left out.

    Where a quote is not closed, or has text behind it, the line where the record begins has the problem, and reading
    goes on at the next line. Every line that opens a quote before the line where that quote failed fails in the same
    way: so these lines are read one by one, and what is behind them is not read again for each.

    Args:
        lines: lines with their newlines.
        delimiter: the character between fields.
        start: index of the first line to read.
        longest: largest number of characters for which an incomplete record is left out; a longer one is a problem.
        final: whether there are no further lines.
    """
    csv.field_size_limit(2**31 - 1)
    while start < len(lines):
        reader = csv.reader(map(lines.__getitem__, range(start, len(lines))), delimiter=delimiter, strict=True)
        begin = start
        try:
            for fields in reader:
                end = start + reader.line_num
                yield Record(begin, end, fields)
                begin = end
            return
        except csv.Error as error:
            problem = csv_problem(error)
        is_open = problem == _UNCLOSED
        stop = len(lines) if is_open else max(begin + 1, start + reader.line_num - 1)
        left = sum(map(len, lines[begin:])) if is_open else 0
        for at in range(begin, stop):
            record = _record_of_line(lines, at, delimiter, problem)
            if record.problem == _UNCLOSED and not final and left <= longest:
                return
            yield record
            left -= len(lines[at])
        start = stop


def _record_of_line(lines: list[str], at: int, delimiter: str, problem: str) -> Record:
    """One line as a record of its own, with the given problem if it leaves a quote open."""
    try:
        (fields,) = csv.reader([lines[at]], delimiter=delimiter, strict=True)
    except csv.Error as error:
        alone = csv_problem(error)
        return Record(at, at + 1, [], problem if alone == _UNCLOSED else alone)
    return Record(at, at + 1, fields)


def quote_stays_open(lines: list[str], delimiter: str) -> bool:
    """Whether a quote that is open before these lines of CSV is still open behind them."""
    try:
        next(csv.reader(chain(['"'], lines), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return csv_problem(error) == _UNCLOSED
    return False


def csv_problem(error: csv.Error) -> str:
    """An error of the module `csv` in plainer words."""
    return next((words for part, words in _PROBLEMS.items() if part in str(error)), str(error))


def csv_line(fields: Sequence[str], delimiter: str = ",") -> str:
    """Fields as a line without its end; a field with the delimiter, a quote or a line break is quoted."""
    line = delimiter.join(fields)
    if line.count(delimiter) < len(fields) and not any(sign in line for sign in '"\r\n'):
        return line
    return delimiter.join(
        '"' + field.replace('"', '""') + '"' if any(sign in field for sign in (delimiter, '"', "\r", "\n")) else field
        for field in fields
    )
