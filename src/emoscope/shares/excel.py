"""Rows to label as a workbook that offers the labels. Needs the extra `excel`; `labelled_rows` reads it back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emoscope.errors import require_extra
from emoscope.files import staged_file

MAX_CELL = 32_767
"""Maximum number of characters of a cell of Excel; longer texts are cut, since they are only read."""
MAX_CHOICES = 255
"""Maximum number of characters of the list of choices of a cell."""
TEXT_WIDTH, WIDTH = 90, 14
"""Widths of the column of texts and of the others, in characters."""
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
    import xlsxwriter

    with staged_file(file) as new, xlsxwriter.Workbook(str(new)) as book:
        sheet = book.add_worksheet()
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        for number, cells in enumerate([header, *rows]):
            for column, value in enumerate(cells):
                look = wrapped if number else bold
                if isinstance(value, str):
                    sheet.write_string(number, column, _NOT_FOR_EXCEL.sub("\ufffd", value)[:MAX_CELL], look)
                else:
                    sheet.write_number(number, column, value, look)
        for column, name in enumerate(header):
            sheet.set_column(column, column, TEXT_WIDTH if name == "text" else WIDTH)
            offered = list(choices.get(name, ()))
            if offered and rows and len(",".join(offered)) <= MAX_CHOICES:
                sheet.data_validation(1, column, len(rows), column, {"validate": "list", "source": offered})
        sheet.freeze_panes(1, 0)
