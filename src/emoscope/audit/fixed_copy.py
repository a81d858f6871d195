"""The fixed copy of a data set: the same files in the same formats, with their other columns, and a log of changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from emoscope.audit.fix import Change
from emoscope.errors import DataError, require_extra
from emoscope.files import require_free, staged_folder
from emoscope.labelled_data import HUB_IDS, SPLIT_OF_STEM, Columns, hub_labels, hub_splits
from emoscope.rows.csv_records import csv_line, csv_records
from emoscope.rows.json_rows import json_text

LOG_FILE = "changes.jsonl"

Edits = Mapping[int, "str | None"]
"""New texts by the number of their row, from 1; None drops the row."""

Writer = Callable[[Path, Edits], None]
"""Writes the fixed copy of a split into a folder."""

Rewriter = Callable[[Path, Path, Columns, Edits], None]
"""Writes the rows of the first file to the second; takes the columns of texts and labels, and the edits."""


def write_fixed_copy(
    source: str | Path,
    out: str | Path,
    changes: Sequence[Change],
    *,
    text_column: str | int = "text",
    label_column: str | int = "label",
) -> None:
    """Write a folder with a changed copy of each data file, under its name, and `changes.jsonl`, one change a line.

    Rows without a change stay as they are: byte for byte in text files, in every column of `.parquet`. Each split of a
    data set of the Hub becomes `SPLIT.jsonl`, with the names of the labels.

    Args:
        source: the file, folder of splits, or Hub id that the changes were planned for.
        out: the folder to write; it must not exist, or be empty.
        changes: from `plan_fix`.
        text_column: column of the texts, as for `load_splits`.
        label_column: column of the labels, as for `load_splits`; if both are numbers, a `.csv` or `.tsv` has no header.

    Raises:
        DataError: `out` is in use, `source` is not data, or a row of the Hub cannot be written as JSON.
        OSError: the copy cannot be written; nothing is left behind.
    """
    out = Path(out).resolve()
    require_free(out, DataError)
    columns = (str(text_column), str(label_column))
    writers = _file_writers(Path(source), columns) if Path(source).exists() else _hub_writers(str(source), columns)
    with staged_folder(out) as folder:
        folder.mkdir()
        for split, write in writers.items():
            write(folder, {change.row.number: change.new_text for change in changes if change.row.split == split})
        _write_lines(folder / LOG_FILE, map(_log_line, changes))


def _file_writers(source: Path, columns: Columns) -> dict[str, Writer]:
    """The writer of each split, under the names that `load_splits` gives them."""
    files = {"all": source} if source.is_file() else _split_files(source)
    return {split: partial(_write_file, file, columns) for split, file in files.items()}


def _split_files(folder: Path) -> dict[str, Path]:
    splits = {file: SPLIT_OF_STEM.get(file.stem.lower()) for file in sorted(folder.iterdir())}
    return {split: file for file, split in splits.items() if split and file.suffix.lower() in _REWRITERS}


def _write_file(file: Path, columns: Columns, folder: Path, edits: Edits) -> None:
    _REWRITERS[file.suffix.lower()](file, folder / file.name, columns, edits)


def _hub_writers(hub_id: str, columns: Columns) -> dict[str, Writer]:
    tables = hub_splits(HUB_IDS.get(hub_id, hub_id))
    return {split: partial(_write_hub_split, split, table, columns) for split, table in tables.items()}


def _write_hub_split(split: str, table: Any, columns: Columns, folder: Path, edits: Edits) -> None:
    _write_lines(folder / f"{split}.jsonl", _hub_lines(table, columns, edits))


def _hub_lines(table: Any, columns: Columns, edits: Edits) -> Iterator[str]:
    text_column, label_column = columns
    for number, (row, label) in enumerate(zip(table, hub_labels(table, label_column), strict=True), start=1):
        text = edits.get(number, row[text_column])
        if text is not None:
            try:
                yield json_text(row | {text_column: text, label_column: label})
            except TypeError as error:
                raise DataError(f"row {number} cannot be written as JSON ({error}); drop that column first") from None


def _log_line(change: Change) -> str:
    action = "drop" if change.new_text is None else "edit"
    line = {**asdict(change.row), "action": action, "reason": change.reason, "text": change.text}
    return json.dumps(line | ({} if change.new_text is None else {"new_text": change.new_text}), ensure_ascii=False)


def _rewrite_txt(file: Path, out: Path, columns: Columns, edits: Edits) -> None:
    _write_lines(out, _edited_lines(file, edits, lambda line, text: f"{text};{line.rpartition(';')[2]}"))


def _rewrite_jsonl(file: Path, out: Path, columns: Columns, edits: Edits) -> None:
    def edit(line: str, text: str) -> str:
        return json_text(json.loads(line) | {columns[0]: text})

    _write_lines(out, _edited_lines(file, edits, edit))


def _edited_lines(file: Path, edits: Edits, edit: Callable[[str, str], str]) -> Iterator[str]:
    for number, line in enumerate(_content(file).split("\n"), start=1):
        text = edits.get(number, "")
        if text is not None:
            yield edit(line, text) if text else line


def _content(file: Path) -> str:
    return file.read_bytes().decode("utf-8-sig").rstrip("\r\n")


def _write_lines(out: Path, lines: Iterable[str]) -> None:
    r"""Write lines in UTF-8; lone surrogates, which only JSON can hold, are escaped as JSON does it: `\ud800`."""
    out.write_bytes("".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))


def _rewrite_csv(file: Path, out: Path, columns: Columns, edits: Edits) -> None:
    lines = [f"{line}\n" for line in _content(file).split("\n")]
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    records = csv_records(lines, delimiter, longest=0, final=True)
    numbered = all(column.isdecimal() for column in columns)
    header = None if numbered else next(records)
    at = header.fields.index(columns[0]) if header else int(columns[0])
    kept = lines[: header.end] if header else []
    for number, record in enumerate(records, start=1):
        record_lines, text = lines[record.begin : record.end], edits.get(number, "")
        if text is None:
            continue
        if text:
            end = "\r\n" if record_lines[-1].endswith("\r\n") else "\n"
            record_lines = [csv_line([*record.fields[:at], text, *record.fields[at + 1 :]], delimiter) + end]
        kept += record_lines
    out.write_bytes("".join(kept).encode())


def _rewrite_parquet(file: Path, out: Path, columns: Columns, edits: Edits) -> None:
    require_extra("score")
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    at = table.schema.get_field_index(columns[0])
    texts = [edits.get(number, text) for number, text in enumerate(table.column(at).to_pylist(), start=1)]
    kept = table.filter(pa.array([text is not None for text in texts]))
    field = table.schema.field(at)
    pq.write_table(kept.set_column(at, field, pa.array([text for text in texts if text is not None], field.type)), out)


_REWRITERS: dict[str, Rewriter] = {
    ".txt": _rewrite_txt,
    ".csv": _rewrite_csv,
    ".tsv": _rewrite_csv,
    ".jsonl": _rewrite_jsonl,
    ".parquet": _rewrite_parquet,
}
