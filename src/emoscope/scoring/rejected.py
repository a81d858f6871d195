"""Rows that cannot be scored: each becomes a line of JSON with its place and the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, BinaryIO

LISTED = 1_000
"""Number of records after which rejected rows that follow one another share a record: a gigabyte behind a stray quote
would otherwise become more than a gigabyte of records."""


class RejectedRows:
    """Counts rejected rows and writes a JSON object for each, or for several that follow one another.

    Attributes:
        count: number of rows rejected so far.
        first: the first of them in words; None before it.
        breaks: number of places where a file is broken, each a row of its own, behind which rows may be lost.
    """

    def __init__(self, open_file: Callable[[], BinaryIO | None]) -> None:
        """Nothing is opened before the first row.

        Args:
            open_file: opens the file for the lines; it may return None, for nowhere.
        """
        self.count = self.breaks = 0
        self.first: str | None = None
        self._open = open_file
        self._file: BinaryIO | None = None
        self._records = 0
        self._last: dict[str, Any] = {}

    def add(self, file: str, reason: str, *, line: int | None = None, row: int | None = None, rows: int = 1) -> None:
        """Reject a row, or several that follow one another.

        Args:
            file: name of the source.
            reason: what was found, and what is allowed.
            line: in a text file, number of the line where it begins, from 1.
            row: in any other file, its number, from 1.
            rows: number of rows.
        """
        if self.first is None:
            self.first = f"{file}, {'line' if row is None else 'row'} {line or row}: {reason}"
            self._file = self._open()
        self.count += rows
        record = {"file": file, "line": line, "row": row, "rows": rows, "reason": reason}
        if self._records >= LISTED and _follows(record, self._last):
            self._last["rows"] += rows
            if not self._last["reason"].startswith(reason):
                self._last["reason"] = self._last["reason"].removesuffix(_OTHERS) + _OTHERS
            return
        self.flush()
        self._last = record
        if self._records < LISTED:
            self.flush()

    def flush(self) -> None:
        """Write the last record, which further rows might have joined."""
        if self._last and self._file:
            shown = {key: value for key, value in self._last.items() if value is not None}
            self._file.write(_escaped(json.dumps(shown, ensure_ascii=False)).encode() + b"\n")
        self._records += bool(self._last)
        self._last = {}


def _escaped(line: str) -> str:
    """JSON with escapes for what cannot be shown: for a table in a pipe, the lines appear on the terminal."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


_OTHERS = "; for some of these rows other reasons"


def _follows(record: dict[str, Any], last: dict[str, Any]) -> bool:
    """Whether a rejected row is just behind the last one."""
    if record["file"] != last.get("file"):
        return False
    return any(record[key] is not None and record[key] == (last[key] or 0) + last["rows"] for key in ("line", "row"))
