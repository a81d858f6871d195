"""The reader of CSV and TSV: a row that cannot be read is rejected alone, with its line."""

from __future__ import annotations

import pyarrow as pa

from emoscope.errors import DataError
from emoscope.rows.blocks import MAX_ROW_BYTES
from emoscope.rows.csv_rows import CsvRows
from emoscope.rows.lines import Block
from emoscope.scoring.line_reader import LineReader


class CsvReader(LineReader):
    """Reads every column as text, or the required columns and the raw row.

    A text column named by a number means a file without a header. Raw rows of several files share one schema.
    """

    def _read_head(self, lines: list[str], schema: pa.Schema | None) -> None:
        projection, name = self._projection, self._source.name
        numbered = projection.text_column.isdecimal()
        delimiter, required = self._source.format.delimiter or ",", [projection.text_column]
        self._csv = CsvRows(delimiter, MAX_ROW_BYTES, has_header=not numbered, required=required)
        try:
            self._csv.read_header(lines)
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
        self.columns, self.header = self._csv.columns, self._csv.header
        projection.check(name, self.columns)
        self._required_at = [self.columns.index(column) for column in projection.required]
        names = projection.raw_names if projection.raw else self.columns
        self.schema = schema if schema and projection.raw else pa.schema([(name, pa.string()) for name in names])

    def _table(self, block: Block) -> pa.Table:
        rows = []
        for row in self._csv.rows(block):
            if row.problem:
                self._reject(row.problem, line=row.line)
            elif self._projection.raw:
                rows.append([*[row.values[at] for at in self._required_at], row.raw])
            else:
                rows.append(row.values)
        columns = list(zip(*rows, strict=True)) or [()] * len(self.schema)
        return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=self.schema)
