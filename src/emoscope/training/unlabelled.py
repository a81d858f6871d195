"""Reads texts without labels from files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from emoscope.errors import DataError
from emoscope.labelled_rows import SUFFIXES, ReadOptions, format_of, open_stored, read_rows, short
from emoscope.rows.formats import Format


def read_unlabelled(files: Sequence[str], column: str) -> list[str]:
    """The texts of all files, in order.

    Args:
        files: `.txt` in UTF-8 with one text per line; any other format of `labelled_rows`, with a column of texts.
        column: name of that column; in a `.csv` or `.tsv` without a header its number, from 0.

    Raises:
        DataError: a file is missing, empty or broken, or a row has no text.
        MissingExtraError: `.parquet` without the extra "score".
    """
    return [text for file in files for text in _texts(Path(file), column)]


def _texts(file: Path, column: str) -> Iterator[str]:
    form = format_of(file)
    if not file.is_file() or form is None:
        raise DataError(f"no unlabelled texts at {str(file)!r}; allowed: a file, one of {', '.join(SUFFIXES)}")
    text = None
    if form.name == "txt":
        for number, line in enumerate(_lines(file, form), start=1):
            yield (text := _checked(f"{file}, line {number}", line))
    else:
        for row in read_rows(file, ReadOptions(column, column)):
            yield (text := _checked(row.place, row.text))
    if text is None:
        raise DataError(f"{file}: no rows; give at least one")


def _lines(file: Path, form: Format) -> list[str]:
    try:
        with open_stored(file, form.compression) as content:
            text: str = content.read().decode("utf-8-sig")
        return text.rstrip("\r\n").split("\n")
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
