"""Rows of JSON lines: to the text and the object as it stands in the file, or to columns with types.

As columns, the names and types are those of the first rows (the first MiB of the first file that begins with any); an
object that does not fit them is rejected, since a table has no other place for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from emoscope.line_records import json_record, open_object
from emoscope.scoring.arrow_errors import broken_data
from emoscope.scoring.lines import Block, flaw
from emoscope.scoring.projection import RAW, Wanted
from emoscope.scoring.rejected import Rejects
from emoscope.scoring.sources import Source

_TYPES_FOR: dict[type, tuple[Callable[[pa.DataType], bool], ...]] = {
    bool: (pa.types.is_boolean,),
    int: (pa.types.is_integer, pa.types.is_floating),
    float: (pa.types.is_floating,),
    str: (pa.types.is_string,),
    list: (),
    dict: (),
}
_UNFIT = (pa.ArrowException, TypeError, ValueError, OverflowError)


class JsonlParser:
    """Lines to rows. A blank line is no row."""

    def __init__(
        self, source: Source, wanted: Wanted, rejects: Rejects, schema: pa.Schema | None, lines: list[str]
    ) -> None:
        """Look at the first lines.

        Args:
            source: the file.
            wanted: what to take from a row.
            rejects: where broken rows go.
            schema: of the columns; None to find it in the first lines.
            lines: the first lines of the file.

        Raises:
            DataError: no object among the first lines has the text column.
        """
        self._name, self._wanted, self._rejects = source.name, wanted, rejects
        self._rows: list[Any] = []
        self._numbers: list[int] = []
        self.schema = schema or schema_of(source, wanted, lines) or _schema_of_text(wanted)
        self.columns: list[str] = self.schema.names

    def parse(self, lines: list[str], number: int, block: Block) -> int:
        """Take a row from each line."""
        for position, line in enumerate(lines, start=number):
            if line.isspace():
                continue
            problem = (flaw(line) if block.doubtful else None) or self._add(line, position)
            if problem:
                self._rejects.add(self._name, problem, line=position)
        return len(lines)

    def take(self) -> pa.Table:
        """The rows taken since the last call."""
        rows, numbers, self._rows, self._numbers = self._rows, self._numbers, [], []
        try:
            return self._table(rows)
        except _UNFIT:
            return self._table([row for row, number in zip(rows, numbers, strict=True) if self._fits(row, number)])

    def _add(self, line: str, number: int) -> str | None:
        """Take one row, or say what is wrong with it."""
        row = json_record(line)
        if isinstance(row, str):
            return row
        text = row.get(self._wanted.text_column)
        if not isinstance(text, str | None):
            return f"{self._wanted.text_column!r} is {type(text).__name__}; allowed: a string, or null"
        if taken := self._wanted.taken(list(row)):
            return f"there is a field {taken!r} already; give the added columns a prefix, or choose among them"
        if not self._wanted.raw and (problem := _unfit_row(row, self.schema)):
            return problem
        self._numbers.append(number)
        self._rows.append(self._raw(line, row) if self._wanted.raw else row)
        return None

    def _raw(self, line: str, row: dict[str, Any]) -> list[str | None]:
        """The cells that are wanted and the object as it stands there; with its text apart, written again."""
        cells = [_cell(row.get(name)) for name in self._wanted.cells]
        if not self._wanted.text_apart:
            return [*cells, open_object(line, row)]
        rest = {name: value for name, value in row.items() if name != self._wanted.text_column}
        return [*cells[1:], open_object(json.dumps(rest, ensure_ascii=False), rest), cells[0]]

    def _table(self, rows: Sequence[Any]) -> pa.Table:
        if self._wanted.raw:
            columns = list(map(list, zip(*rows, strict=True))) or [[] for _ in self.schema]
        else:
            columns = [[row.get(name) for row in rows] for name in self.schema.names]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def _fits(self, row: Any, number: int) -> bool:
        try:
            self._table([row])
        except _UNFIT as error:
            self._rejects.add(self._name, f"a value does not fit its column ({broken_data(error)})", line=number)
            return False
        return True


def schema_of(source: Source, wanted: Wanted, lines: list[str]) -> pa.Schema | None:
    """The schema that the first lines of a file tell; None if no object is among them.

    Raises:
        DataError: no object among them has the text column.
    """
    rows = [row for row in map(_object, lines) if row is not None]
    if not rows:
        return None
    wanted.check(source.name, _names(rows))
    if wanted.raw:
        return _schema_of_text(wanted)
    types = {name: _type_of([row.get(name) for row in rows]) for name in _names(rows)}
    return pa.schema(list((types | {wanted.text_column: pa.string()}).items()))


def _schema_of_text(wanted: Wanted) -> pa.Schema:
    text, *others = wanted.cells
    names = [*others, RAW, text] if wanted.text_apart else [text, *others, *([RAW] if wanted.raw else [])]
    return pa.schema([(name, pa.string()) for name in names])


def _object(line: str) -> dict[str, Any] | None:
    """The object of a line whose columns may be looked at; None if there is none."""
    try:
        row = json.loads(line)
        "".join(row).encode()
    except (ValueError, RecursionError, TypeError):
        return None
    return row if isinstance(row, dict) else None


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _type_of(values: list[Any]) -> pa.DataType:
    """The type of all values; where there is none, that of the first."""
    known = [value for value in values if value is not None]
    for some in (known, known[:1]):
        try:
            found = pa.infer_type(some)
        except _UNFIT:
            continue
        return pa.string() if pa.types.is_null(found) else found
    return pa.string()


def _unfit(value: Any, arrow_type: pa.DataType, name: str) -> str | None:
    """Why a value has no place in a column of this type, where Arrow would cut it, or drop fields, in silence."""
    if isinstance(value, dict) and pa.types.is_struct(arrow_type):
        return _unfit_row(value, arrow_type, f"{name}.")
    if isinstance(value, list) and pa.types.is_list(arrow_type):
        return next(filter(None, (_unfit(item, arrow_type.value_type, name) for item in value)), None)
    if value is None or any(is_type(arrow_type) for is_type in _TYPES_FOR[type(value)]):
        return None
    return f"the field {name!r} is {type(value).__name__}, among the first rows {arrow_type}"


def _unfit_row(row: dict[str, Any], fields: Any, prefix: str = "") -> str | None:
    for name, value in row.items():
        try:
            index = fields.get_field_index(name)
        except UnicodeEncodeError:
            index = -1
        if index < 0:
            return f"the first rows have no field {prefix + name!r}"
        if problem := _unfit(value, fields.field(index).type, prefix + name):
            return problem
    return None


def _cell(value: Any) -> str | None:
    """The text of a value, null for null."""
    return value if value is None or isinstance(value, str) else str(value)
