"""The fixed copy of one file: in its format, encoding and compression, with rows dropped and texts replaced."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from emoscope.errors import DataError
from emoscope.labelled_rows import LabelledRow, ReadOptions, format_of, open_stored, text_blocks
from emoscope.rows.csv_records import csv_line, csv_records
from emoscope.rows.formats import COLUMNAR, Format
from emoscope.rows.json_rows import json_text

Edits = Mapping[int, "str | None"]
"""New texts by the number of their row, from 1; None drops the row."""

Edit = Callable[[list[str], str], str]
"""Returns the lines of a row with another text."""


def fixed_file(file: Path, rows: Sequence[LabelledRow], options: ReadOptions, edits: Edits) -> bytes:
    """The content of the fixed copy.

    Args:
        file: the file.
        rows: all its rows.
        options: how they were read.
        edits: what to change.

    Raises:
        DataError: such a file can be read but not written.
    """
    form = format_of(file) or Format("txt")
    if form.compression == "zip":
        raise DataError(f"{file}: a fixed copy of a zip file cannot be written; unpack it, and give the file in it")
    if form.name == "ods":
        raise DataError(f"{file}: a fixed copy of an .ods cannot be written; save it as .xlsx or .csv")
    content = _fixed_columnar(file, form, options, edits) if form.name in COLUMNAR else None
    if content is None:
        lines = [line for block in text_blocks(file, form, options.encoding) for line in block.lines]
        is_array = rows[0].file.endswith("row")
        text = _fixed_array(lines, options, edits) if is_array else _fixed_lines(lines, form, rows, options, edits)
        content = text.encode(options.encoding, "backslashreplace")  # lone surrogates, as JSON escapes them
    return _compressed(content, form.compression)


def _fixed_lines(
    lines: list[str], form: Format, rows: Sequence[LabelledRow], options: ReadOptions, edits: Edits
) -> str:
    starts = [row.number - 1 for row in rows]
    kept, edit = lines[: starts[0]], _EDITORS[form.name](lines, form, options)
    for number, (begin, end) in enumerate(pairwise([*starts, len(lines)]), start=1):
        text = edits.get(number, "")
        if text:
            kept.append(edit(lines[begin:end], text))
        elif text is not None:
            kept += lines[begin:end]
    return "".join(kept)


def _txt_editor(lines: list[str], form: Format, options: ReadOptions) -> Edit:
    return lambda row, text: "".join([f"{text};{row[0].rpartition(';')[2]}", *row[1:]])


def _jsonl_editor(lines: list[str], form: Format, options: ReadOptions) -> Edit:
    def edit(row: list[str], text: str) -> str:
        fixed = json_text(json.loads(row[0]) | {options.columns[0]: text})
        return "".join([fixed, _end(row[0]), *row[1:]])

    return edit


def _csv_editor(lines: list[str], form: Format, options: ReadOptions) -> Edit:
    delimiter, column = options.delimiter or form.delimiter or ",", options.columns[0]
    header = next(csv_records(lines, delimiter, longest=0, final=True))
    at = header.fields.index(column) if options.has_header else int(column)

    def edit(row: list[str], text: str) -> str:
        record = next(csv_records(row, delimiter, longest=0, final=True))
        fixed = csv_line([*record.fields[:at], text, *record.fields[at + 1 :]], delimiter)
        return "".join([fixed, _end(row[record.end - 1]), *row[record.end :]])

    return edit


_EDITORS: Mapping[str, Callable[[list[str], Format, ReadOptions], Edit]] = {
    "txt": _txt_editor,
    "csv": _csv_editor,
    "tsv": _csv_editor,
    "jsonl": _jsonl_editor,
    "json": _jsonl_editor,
}


def _end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _fixed_array(lines: list[str], options: ReadOptions, edits: Edits) -> str:
    """A JSON array with one object a line."""
    kept = []
    for number, row in enumerate(json.loads("".join(lines)), start=1):
        text = edits.get(number, row[options.columns[0]])
        if text is not None:
            kept.append(json_text(row | {options.columns[0]: text}))
    return "[\n" + ",\n".join(kept) + "\n]\n"


def _fixed_columnar(file: Path, form: Format, options: ReadOptions, edits: Edits) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from emoscope.columnar import COLUMNAR as READERS
    from emoscope.columnar import XlsxWriter

    def ignore(reason: str, **place: Any) -> None:
        """The rows have been read before: none is rejected."""

    with open_stored(file, form.compression) as content:
        reader = READERS[form.name](content, str(file), file.stat().st_size, ignore, options.columns[:1])
        table = pa.concat_tables(reader.tables()).cast(reader.schema)
    at = table.schema.get_field_index(options.columns[0])
    field = table.schema.field(at)
    texts = [edits.get(number, text) for number, text in enumerate(table.column(at).to_pylist(), start=1)]
    kept = table.filter(pa.array([text is not None for text in texts]))
    kept = kept.set_column(at, field, pa.array([text for text in texts if text is not None], field.type))
    sink = pa.BufferOutputStream()
    if form.name == "parquet":
        pq.write_table(kept, sink)
    elif form.name == "xlsx":
        writer = XlsxWriter(sink, kept.schema, lambda column: column.cast(pa.string()))
        writer.write_table(kept)
        writer.close()
    else:
        with pa.ipc.new_file(sink, kept.schema) as writer:
            writer.write_table(kept)
    return bytes(sink.getvalue())


def _compressed(content: bytes, compression: str | None) -> bytes:
    if compression != "zstd":
        return gzip.compress(content, mtime=0) if compression else content
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, compression) as stream:
        stream.write(content)
    return bytes(sink.getvalue())
