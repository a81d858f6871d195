"""Reads texts without labels from files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from emoscope.errors import DataError
from emoscope.labelled_data import find_tables, short

FORMATS = (".txt", ".csv", ".tsv", ".jsonl", ".parquet")


def read_unlabelled(files: Sequence[str], column: str) -> list[str]:
    """The texts of all files, in order.

    Args:
        files: `.txt` in UTF-8 with one text per line; `.csv`, `.tsv`, `.jsonl`, `.parquet` with a column of texts.
        column: name of that column; in a `.csv` or `.tsv` without a header its number, from 0.

    Raises:
        DataError: a file is missing, empty or broken, or a row has no text.
        MissingExtraError: `.parquet` without the extra "score".
    """
    return [text for file in files for text in _texts(Path(file), column)]


def _texts(file: Path, column: str) -> Iterator[str]:
    if not file.is_file() or file.suffix.lower() not in FORMATS:
        raise DataError(f"no unlabelled texts at {str(file)!r}; allowed: a file, one of {', '.join(FORMATS)}")
    number = 0
    if file.suffix.lower() == ".txt":
        for number, line in enumerate(_lines(file), start=1):
            yield _checked(f"{file}, line {number}", line)
    else:
        table = find_tables(file, (column, column))["all"]
        for number, text, _ in table.rows:
            yield _checked(f"{table.place} {number}", text)
    if not number:
        raise DataError(f"{file}: no rows; give at least one")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_bytes().decode("utf-8-sig").rstrip("\r\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}); allowed: UTF-8, one text per line") from None


def _checked(place: str, text: Any) -> str:
    """The text without a trailing carriage return; a DataError if it is blank, or not text that UTF-8 can encode."""
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{place}: no text, found {short(text)}; allowed: a string that is not blank")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{place}: {short(text)} has a lone surrogate; allowed: text that UTF-8 can encode") from None
    return text.rstrip("\r")
