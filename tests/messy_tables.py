"""Twenty tables as people make them, written by this script: workbooks, CSV from spreadsheets, and zip files.

Run to look at them: python tests/messy_tables.py FOLDER
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

TEXTS = ("I feel happy today", "So sad, again", "I am angry")
LABELS = ("joy", "sadness", "anger")
ROWS = tuple(zip(TEXTS, LABELS, strict=True))


@dataclass(frozen=True)
class MessyTable:
    """A table, and what comes of reading its columns "text" and "label".

    Attributes:
        write: writes the file.
        texts: the texts that are read; None if it is an error.
        error: words of the error.
        options: delimiter and encoding with which it is read after that error, if these help.
    """

    write: Callable[[Path], None]
    texts: tuple[str, ...] | None = TEXTS
    error: str = ""
    options: dict[str, str] = field(default_factory=dict)


def workbook(fill: Callable[[Any], None]) -> Callable[[Path], None]:
    """Writes an .xlsx that a function fills."""

    def write(path: Path) -> None:
        import xlsxwriter

        with xlsxwriter.Workbook(str(path)) as book:
            fill(book)

    return write


def _rows(sheet: Any, rows: Any, row: int = 0, column: int = 0) -> None:
    for number, cells in enumerate(rows, start=row):
        sheet.write_row(number, column, cells)


def _merged_title(book: Any) -> None:
    sheet = book.add_worksheet()
    sheet.merge_range("A1:C1", "Customer feedback, third quarter")
    _rows(sheet, [("text", "label"), *ROWS], row=2)


def _empty_rows(book: Any) -> None:
    sheet = book.add_worksheet()
    for number, cells in enumerate([("text", "label"), *ROWS]):
        sheet.write_row(3 * number, 0, cells)
    sheet.write_blank(40, 0, None, book.add_format({"bold": True}))


def _formulas(book: Any) -> None:
    sheet = book.add_worksheet()
    _rows(sheet, [("text", "label"), *(("", label) for label in LABELS)])
    for number, text in enumerate(TEXTS, start=1):
        sheet.write_formula(number, 0, f'="{text}"', None, text)


def _formulas_without_values(book: Any) -> None:
    sheet = book.add_worksheet()
    _rows(sheet, [("text", "label"), *(("", label) for label in LABELS)])
    for number in (1, 2, 3):
        sheet.write_formula(number, 0, '="a"&"b"', None, "")


def _dates(book: Any) -> None:
    sheet, day = book.add_worksheet(), book.add_format({"num_format": "dd.mm.yyyy"})
    _rows(sheet, [("written", "text", "label"), *(("", *row) for row in ROWS)])
    for number in (1, 2, 3):
        sheet.write_datetime(number, 0, datetime(2024, 5, number, 7 * (number == 2)), day)


def _numbers_as_text(book: Any) -> None:
    sheet = book.add_worksheet()
    _rows(sheet, [("id", "text", "label")])
    for number, (text, label) in enumerate(zip(("007", 10, 2.5), LABELS, strict=True), start=1):
        sheet.write_string(number, 0, f"00{number}")
        (sheet.write_string if isinstance(text, str) else sheet.write_number)(number, 1, text)
        sheet.write_string(number, 2, label)


def _read_me_first(book: Any) -> None:
    _rows(book.add_worksheet("Read me"), [("This workbook has the answers of May.",), ("Ask Kim.",)])
    _rows(book.add_worksheet("Answers"), [("text", "label"), *ROWS])
    book.add_chartsheet("Chart")


def _two_tables(book: Any) -> None:
    for name in ("May", "June"):
        _rows(book.add_worksheet(name), [("text", "label"), *ROWS])


def _hidden_sheet(book: Any) -> None:
    _rows(book.add_worksheet("Answers"), [("text", "label"), *ROWS])
    hidden = book.add_worksheet("Old")
    _rows(hidden, [("text", "label"), ("old", "joy")])
    hidden.hide()


def _in_the_middle(book: Any) -> None:
    sheet = book.add_worksheet()
    _rows(sheet, [("text", "", "label", ""), *((text, "x", label, "") for text, label in ROWS)], row=6, column=2)


def _line_breaks(book: Any) -> None:
    texts = [text.replace(" ", "\n", 1) for text in TEXTS]
    _rows(book.add_worksheet(), [(" text ", "label\n"), *zip(texts, LABELS, strict=True)])


def _same_names(book: Any) -> None:
    _rows(
        book.add_worksheet(), [("answer", "text", "answer", "label"), *(("a", text, 1, label) for text, label in ROWS)]
    )


def _merged_cells(book: Any) -> None:
    sheet = book.add_worksheet()
    _rows(sheet, [("shop", "text", "label"), *(("", *row) for row in ROWS)])
    sheet.merge_range("A2:A4", "Leeds")


def _header_of_numbers(book: Any) -> None:
    """Two rows of header, the upper one merged over groups of columns; a column is named by a date, one by a year."""
    sheet = book.add_worksheet()
    sheet.merge_range("A1:B1", "answers")
    sheet.merge_range("C1:D1", "calls")
    _rows(sheet, [("text", "label", 2023)], row=1)
    sheet.write_datetime(1, 3, date(2024, 1, 1), book.add_format({"num_format": "yyyy"}))
    _rows(sheet, [(*row, 1, 2) for row in ROWS], row=2)


def ods(path: Path, rows: Sequence[tuple[str, ...]] = (("text", "label"), *ROWS)) -> None:
    """An .ods as LibreOffice writes it: repeated cells, a formula, a million empty rows below."""
    cell = '<table:table-cell office:value-type="string"{}><text:p>{}</text:p></table:table-cell>'
    lines = [
        f"<table:table-row>{cell.format('', escape(text))}{cell.format('', escape(label))}"
        '<table:table-cell table:number-columns-repeated="1000"/></table:table-row>'
        for text, label in rows
    ]
    lines[3] = lines[3].replace("<table:table-cell ", '<table:table-cell table:formula="of:=[.A9]" ', 1)
    lines.insert(2, '<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>')
    lines.append('<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>')
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{names} office:version="1.2"><office:body>'
        f'<office:spreadsheet><table:table table:name="Sheet1">{"".join(lines)}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:media-type="{kind}" manifest:full-path="/"/></manifest:manifest>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)


def csv(*, delimiter: str = ",", encoding: str = "utf-8", head: str = "", rows: Any = ROWS, tail: str = "") -> bytes:
    """CSV as a spreadsheet saves it."""
    out = io.StringIO()
    out.write(head)
    for cells in [("text", "label"), *rows]:
        out.write(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in cells) + "\r\n")
    return (out.getvalue() + tail).encode(encoding)


def content(given: bytes) -> Callable[[Path], None]:
    """Writes a file with this content."""
    return lambda path: Path(path).write_bytes(given) and None


def zipped(**members: bytes) -> Callable[[Path], None]:
    """Writes a zip file; in the names of members, "_" is "." and "__" is "/"."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, given in members.items():
                archive.writestr(name.replace("__", "/").replace("_", "."), given)

    return write


ACCENTS = tuple((f"{text} – très", label) for text, label in ROWS)
ACCENTED = tuple(text for text, _ in ACCENTS)
MESSY_TABLES: dict[str, MessyTable] = {
    "merged title.xlsx": MessyTable(workbook(_merged_title)),
    "header in two rows.xlsx": MessyTable(workbook(_header_of_numbers)),
    "empty rows.xlsx": MessyTable(workbook(_empty_rows)),
    "formulas.xlsx": MessyTable(workbook(_formulas)),
    "formulas without values.xlsx": MessyTable(
        workbook(_formulas_without_values), None, "'text' of the sheet 'Sheet1' has no values.*save it once"
    ),
    "dates.xlsx": MessyTable(workbook(_dates)),
    "numbers as text.xlsx": MessyTable(workbook(_numbers_as_text), ("007", "10", "2.5")),
    "read me first.xlsx": MessyTable(workbook(_read_me_first)),
    "two tables.xlsx": MessyTable(
        workbook(_two_tables), None, "more than one sheet has the column 'text': 'May', 'June'; save"
    ),
    "hidden sheet.xlsx": MessyTable(workbook(_hidden_sheet)),
    "in the middle.xlsx": MessyTable(workbook(_in_the_middle)),
    "line breaks.xlsx": MessyTable(workbook(_line_breaks), tuple(text.replace(" ", "\n", 1) for text in TEXTS)),
    "same names.xlsx": MessyTable(workbook(_same_names)),
    "merged cells.xlsx": MessyTable(workbook(_merged_cells)),
    "csv by its content.xlsx": MessyTable(content(csv()), None, "not a spreadsheet that can be read"),
    "from LibreOffice.ods": MessyTable(ods),
    "byte order mark.csv": MessyTable(content(csv(encoding="utf-8-sig"))),
    "semicolons.csv": MessyTable(
        content(csv(delimiter=";")), None, "separated by ';'; give --delimiter ';'", {"delimiter": ";"}
    ),
    "separator of Excel.csv": MessyTable(
        content(csv(delimiter=";", head="sep=;\r\n")), None, "first line is 'sep=;'.*remove it"
    ),
    "windows-1252.csv": MessyTable(
        content(csv(rows=ACCENTS, encoding="windows-1252")),
        None,
        r"in Windows-1252 it is",
        {"encoding": "windows-1252"},
    ),
    "utf-16.tsv": MessyTable(
        content(csv(delimiter="\t", encoding="utf-16", rows=ACCENTS)), None, "--encoding utf-16", {"encoding": "utf-16"}
    ),
    "from a Mac.zip": MessyTable(zipped(feedback__rows_csv=csv(), __MACOSX__feedback___rows_csv=b"\0\5\x16\7")),
    "two tables.zip": MessyTable(
        zipped(may_csv=csv(), june_csv=csv()), None, "has 2 tables .may.csv, june.csv.; allowed: one; unpack it"
    ),
}
"""The tables, by the names of their files."""
AFTER_OPTIONS = {"windows-1252.csv": ACCENTED, "utf-16.tsv": ACCENTED}
"""Texts of tables that need options, if they differ from TEXTS."""


if __name__ == "__main__":
    for name, table in MESSY_TABLES.items():
        table.write(Path(sys.argv[1]) / name)
