"""Rows of CSV and TSV by Python's `csv`, so that a broken row is rejected alone, with its line.

A row with more or fewer fields than the header is rejected. Where a quote is not closed, or has something behind it,
the line where the row begins is rejected, and reading goes on at the next line: a stray quote does not swallow the rows
behind it. A blank line is no row, but in a file of one column it is one with an empty cell.
"""

from __future__ import annotations

import csv

import pyarrow as pa

from emoscope.errors import DataError
from emoscope.line_records import csv_problem, csv_records
from emoscope.scoring.lines import LONGEST_ROW, Block, flaw
from emoscope.scoring.projection import RAW, Wanted
from emoscope.scoring.rejected import Rejects
from emoscope.scoring.sources import Source


class CsvParser:
    """Lines to rows: to every column as text, or to the cells that are wanted and the row as it stands in the file.

    Attributes:
        columns: names of the columns of the file.
        schema: of the tables.
    """

    def __init__(
        self, source: Source, wanted: Wanted, rejects: Rejects, schema: pa.Schema | None, lines: list[str]
    ) -> None:
        """Read the header.

        Args:
            source: the file.
            wanted: what to take from a row. A text column named by a number means a file without a header.
            rejects: where broken rows go.
            schema: of the tables of the first file, whose header stands for those of all; None if this is the first.
            lines: the first lines of the file.

        Raises:
            DataError: no header, or not with the text column.
        """
        self._name, self._rejects, self._wanted = source.name, rejects, wanted
        self._delimiter = source.format.delimiter or ","
        numbered = wanted.text_column.isdecimal()
        first, used = self._first_record(lines)
        self.columns = list(map(str, range(len(first)))) if numbered else first
        self._header_lines = 0 if numbered else used
        header = "" if numbered else "".join(lines[:used]).rstrip("\r\n")
        if not numbered:
            self._suggest_delimiter(header)
        wanted.check(source.name, self.columns)
        self._cells_at = [self.columns.index(name) for name in wanted.cells]
        names = [*wanted.cells, RAW + header] if wanted.raw else self.columns
        self.schema = schema if schema and wanted.raw else pa.schema([(name, pa.string()) for name in names])
        self._rows: list[list[str]] = []
        self._doubtful = False

    def parse(self, lines: list[str], number: int, block: Block) -> int:
        """Take rows from lines; a row that may go on in the next block is left."""
        start = self._header_lines if number == 1 else 0
        self._doubtful = block.doubtful or (self._doubtful and len(lines) > len(block.lines))
        for record in csv_records(lines, self._delimiter, start=start, longest=LONGEST_ROW, final=block.final):
            start = record.end
            if record.problem:
                self._rejects.add(self._name, record.problem, line=number + record.begin)
            else:
                self._add(record.fields, "".join(lines[record.begin : record.end]), number + record.begin)
        return start

    def take(self) -> pa.Table:
        """The rows taken since the last call."""
        columns = list(zip(*self._rows, strict=True)) or [()] * len(self.schema)
        self._rows = []
        arrays = [pa.array(column, pa.string()) for column in columns]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def _first_record(self, lines: list[str]) -> tuple[list[str], int]:
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        try:
            first = next(reader, [])
            "".join(first).encode()
        except UnicodeEncodeError:
            raise DataError(f"{self._name}: its first line is no UTF-8; save the file as UTF-8") from None
        except csv.Error as error:
            raise DataError(f"{self._name}: its first line cannot be read ({csv_problem(error)})") from None
        if not first:
            raise DataError(f"{self._name}: its first line is blank; allowed: the names of the columns")
        return first, reader.line_num

    def _suggest_delimiter(self, header: str) -> None:
        """Refuse a file of one column which another delimiter would cut into the wanted ones."""
        text_column = self._wanted.text_column
        if len(self.columns) > 1 or text_column in self.columns:
            return
        for other, shown in ((";", ";"), ("\t", "\\t"), ("|", "|"), (",", ",")):
            if text_column in header.split(other):
                raise DataError(f"{self._name}: its columns are separated by '{shown}'; give --delimiter '{shown}'")

    def _add(self, fields: list[str], row: str, line: int) -> None:
        width = len(self.columns)
        if not fields and width > 1:
            return
        problem = flaw(row) if self._doubtful else None
        if len(fields) != width and fields:
            problem = f"{len(fields)} fields; allowed: {width}, as in the first line"
        if problem:
            self._rejects.add(self._name, problem, line=line)
        elif self._wanted.raw:
            cells = [fields[at] for at in self._cells_at] if fields else [""]
            self._rows.append([*cells, row.rstrip("\r\n")])
        else:
            self._rows.append(fields or [""])
