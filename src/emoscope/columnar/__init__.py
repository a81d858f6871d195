"""Parquet, Arrow and spreadsheets, read row by row and checked. Needs pyarrow, which the extra `score` brings.

Shared by scoring and `labelled_data`. Knows no column of texts and no label.
"""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("score")

from emoscope.columnar.errors import BROKEN
from emoscope.columnar.files import ArrowFile, ColumnarFile, ParquetFile
from emoscope.columnar.sheets import SheetFile
from emoscope.columnar.xlsx_writer import XlsxWriter

__all__ = ["BROKEN", "COLUMNAR", "ArrowFile", "ColumnarFile", "ParquetFile", "SheetFile", "XlsxWriter"]

COLUMNAR: dict[str, type[ColumnarFile]] = {
    "parquet": ParquetFile,
    "arrow": ArrowFile,
    "xlsx": SheetFile,
    "ods": SheetFile,
}
"""Names of formats, to the files that read them."""
