"""Rows of CSV and TSV to Arrow tables of text; a row that cannot be read is rejected alone, with its line."""

from __future__ import annotations

import pyarrow as pa

from emoscope.errors import DataError
from emoscope.rows.csv_rows import CsvRows
from emoscope.rows.lines import Block
from emoscope.scoring.projection import Projection
from emoscope.scoring.rejected import RejectedRows
from emoscope.scoring.sources import MAX_ROW_BYTES, Source


class CsvParser:
    """Turns lines into tables: every column as text, or the columns that are looked into and the raw row.

    Attributes:
        columns: names of the columns of the file.
        header: the header as it is in the file.
        schema: schema of the tables.
    """

    def __init__(
        self,
        source: Source,
        projection: Projection,
        rejected: RejectedRows,
        schema: pa.Schema | None,
        lines: list[str],
    ) -> None:
        """Read the header.

        Args:
            source: the file.
            projection: what to take from a row. A text column named by a number means a file without a header.
            rejected: where broken rows go.
            schema: schema of the tables of the first file, None for the first: raw rows of all files share it.
            lines: the first lines of the file.

        Raises:
            DataError: the header cannot be read, or has not the columns that are looked into.
        """
        self._name, self._projection, self._rejected = source.name, projection, rejected
        numbered = projection.text_column.isdecimal()
        self._csv = CsvRows(source.format.delimiter or ",", MAX_ROW_BYTES, has_header=not numbered)
        try:
            self._csv.read_header(lines)
        except DataError as error:
            raise DataError(f"{source.name}: {error}") from None
        self.columns, self.header = self._csv.columns, self._csv.header
        self._suggest_delimiter()
        projection.check(source.name, self.columns)
        self._required_at = [self.columns.index(name) for name in projection.required]
        names = projection.raw_names if projection.raw else self.columns
        self.schema = schema if schema and projection.raw else pa.schema([(name, pa.string()) for name in names])

    def parse(self, block: Block) -> pa.Table:
        """The rows of further lines; one that may go on in the next block is kept for it."""
        rows = []
        for row in self._csv.rows(block):
            if row.problem:
                self._rejected.add(self._name, row.problem, line=row.line)
            elif self._projection.raw:
                rows.append([*[row.values[at] for at in self._required_at], row.raw])
            else:
                rows.append(row.values)
        columns = list(zip(*rows, strict=True)) or [()] * len(self.schema)
        return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=self.schema)

    def _suggest_delimiter(self) -> None:
        """Reject a file of one column that another delimiter would split into the columns that are looked into."""
        text_column = self._projection.text_column
        if len(self.columns) > 1 or text_column in self.columns:
            return
        for other, shown in ((";", ";"), ("\t", "\\t"), ("|", "|"), (",", ",")):
            if text_column in self.header.split(other):
                raise DataError(f"{self._name}: its columns are separated by '{shown}'; give --delimiter '{shown}'")
