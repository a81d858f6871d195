"""Parquet and Arrow files, read row by row and checked. Needs pyarrow, which the extra `score` brings.

Shared by scoring and `labelled_data`. Knows no column of texts and no label.
"""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("score")

from emoscope.columnar.errors import BROKEN
from emoscope.columnar.files import ArrowFile, ColumnarFile, ParquetFile

__all__ = ["BROKEN", "COLUMNAR", "ArrowFile", "ColumnarFile", "ParquetFile"]

COLUMNAR: dict[str, type[ColumnarFile]] = {"parquet": ParquetFile, "arrow": ArrowFile}
"""Names of formats, to the files that read them."""
