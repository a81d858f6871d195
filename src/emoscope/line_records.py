"""Rows of lines of CSV and JSON, so that a broken one is found by itself and does not swallow those behind it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

QUOTES_ALLOWED = "allowed: quotes inside a quoted field doubled"
_UNCLOSED = f"a quote is not closed; {QUOTES_ALLOWED}"
_PROBLEMS = {
    "unexpected end of data": _UNCLOSED,
    "expected after '\"'": f"something stands behind a closing quote; {QUOTES_ALLOWED}",
    "new-line character": "a carriage return stands alone; allowed: lines that end with \\n or \\r\\n",
}
"""What the module `csv` says of a row, in part, and in other words."""
_OBJECT_ALLOWED = "allowed: one JSON object a line"


class Record(NamedTuple):
    """A record of some lines, `lines[begin:end]`.

    Attributes:
        begin: its first line.
        end: behind its last.
        fields: of the record; none of a blank line, or where there is a problem.
        problem: why the line cannot be read; else None.
    """

    begin: int
    end: int
    fields: list[str]
    problem: str | None = None


def csv_records(lines: list[str], delimiter: str, *, start: int = 0, longest: int, final: bool) -> Iterator[Record]:
    """Records of lines of CSV; one whose last line has not come yet is left out.

    Where a quote is not closed, or has something behind it, the line where the record begins has the problem, and
    reading goes on at the next line. Up to the line where the quote failed, it fails for whichever line opens one: so
    these lines are read one by one, and what is behind them is not read again for each.

    Args:
        lines: with their newlines.
        delimiter: between fields.
        start: the first line to read.
        longest: most characters of a record that is left to go on.
        final: whether no lines are to come.
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
    """What one line is by itself; with the problem where it leaves a quote open."""
    try:
        (fields,) = csv.reader([lines[at]], delimiter=delimiter, strict=True)
    except csv.Error as error:
        alone = csv_problem(error)
        return Record(at, at + 1, [], problem if alone == _UNCLOSED else alone)
    return Record(at, at + 1, fields)


def quote_stays_open(lines: list[str], delimiter: str) -> bool:
    """Whether a quote that is open before lines of CSV is open behind them too."""
    try:
        next(csv.reader(chain(['"'], lines), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return csv_problem(error) == _UNCLOSED
    return False


def csv_problem(error: csv.Error) -> str:
    """What the module `csv` says of a row, in other words."""
    return next((words for part, words in _PROBLEMS.items() if part in str(error)), str(error))


def json_record(line: str) -> dict[str, Any] | str:
    """The object of a line, or what is wrong with the line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"no JSON ({getattr(error, 'msg', error)}); {_OBJECT_ALLOWED}"
    if not isinstance(row, dict):
        return f"no JSON object but {type(row).__name__}; {_OBJECT_ALLOWED}"
    return row


def open_object(line: str, row: dict[str, Any]) -> str:
    """The object of a line as it stands there, ready for further fields."""
    return line[: line.rindex("}")].rstrip() + (", " if row else "")
