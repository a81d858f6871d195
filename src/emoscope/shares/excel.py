"""Tables of rows to label in Excel. Needs openpyxl, which the extra `excel` brings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from emoscope.errors import DataError, require_extra
from emoscope.files import staged_file
from emoscope.labelled_rows import Cells
from emoscope.rows.columns import check_columns

MAX_CELL = 32_767
"""Maximum number of characters of a cell of Excel."""
MAX_CHOICES = 255
"""Maximum number of characters of the list of choices of a cell."""
TEXT_WIDTH = 90
"""Width of the column of texts, in characters."""
_NOT_FOR_EXCEL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_excel(
    file: Path, header: Sequence[str], rows: Sequence[Sequence[Any]], choices: Mapping[str, Sequence[str]]
) -> None:
    """Write a table with one sheet.

    Args:
        file: the `.xlsx` to write.
        header: names of the columns.
        rows: the cells; text stays text, also where it begins like a formula.
        choices: for some columns, what can be chosen in their cells.

    Raises:
        OSError: the file cannot be written.
        MissingExtraError: without the extra "excel".
    """
    require_extra("excel")
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    sheet = book.active
    for number, cells in enumerate([header, *rows], start=1):
        for column, value in enumerate(cells, start=1):
            cell = sheet.cell(number, column)
            cell.value = _NOT_FOR_EXCEL.sub("\ufffd", value)[:MAX_CELL] if isinstance(value, str) else value
            if isinstance(value, str) and value:
                cell.data_type = "s"
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for column, name in enumerate(header, start=1):
        letter = get_column_letter(column)
        sheet[f"{letter}1"].font = Font(bold=True)
        sheet.column_dimensions[letter].width = TEXT_WIDTH if name == "text" else 14
        listed = ",".join(choices.get(name, ()))
        if 0 < len(listed) <= MAX_CHOICES:
            offered = DataValidation(type="list", formula1=f'"{listed}"', allow_blank=True)
            offered.add(f"{letter}2:{letter}{len(rows) + 1}")
            sheet.add_data_validation(offered)
    sheet.freeze_panes = "A2"
    with staged_file(file) as new:
        book.save(new)


def read_excel(file: Path, columns: Sequence[str]) -> Iterator[Cells]:
    """Some cells of each row of the first sheet; its first row holds the names of the columns.

    Raises:
        DataError: the file cannot be read, or lacks a column.
        MissingExtraError: without the extra "excel".
    """
    require_extra("excel")
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(file, read_only=True, data_only=True)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error})") from None
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise DataError(f"{file}: not an Excel file that can be read ({error}); save it as .xlsx or .csv") from None
    try:
        rows = book.worksheets[0].iter_rows(values_only=True)
        header = [str(name) for name in next(rows, ()) if name is not None]
        check_columns(header, columns, place=str(file))
        at = [header.index(column) for column in columns]
        for number, row in enumerate(rows, start=2):
            if any(value is not None for value in row):
                yield Cells(f"{file}, line", number, tuple(row[i] if i < len(row) else None for i in at))
    finally:
        book.close()
