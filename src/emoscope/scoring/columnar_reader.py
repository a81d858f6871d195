"""The reader of Parquet and Arrow files and spreadsheets: every column as it is there."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from emoscope.columnar import COLUMNAR
from emoscope.scoring.reader import Reader


class ColumnarReader(Reader):
    """Reads every column; rows with values that do not fit their types are rejected."""

    def _begin(self, schema: pa.Schema | None) -> None:
        source = self._source
        texts = (self._projection.text_column,)
        self._file = COLUMNAR[source.format.name](self._content, source.name, source.size or 0, self._reject, texts)
        self.position = self._file.position or self.position
        self.schema, self.columns = self._file.schema, self._file.schema.names
        self._projection.check(source.name, self.columns)

    def tables(self) -> Iterator[pa.Table]:
        """The rows as Arrow tables."""
        yield from self._file.tables()
        self._rejected.breaks += self._file.breaks
