"""The mended copy of a data set: the same files in the same formats, other columns included, and a log."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emoscope.audit.fix import Change
from emoscope.errors import DataError, require_extra
from emoscope.files import require_free, staged_folder
from emoscope.labelled_data import HUB_IDS, SPLIT_OF_STEM, Columns, hub_labels, hub_splits
from emoscope.line_records import csv_records

LOG_FILE = "changes.jsonl"

Edits = Mapping[int, "str | None"]
"""Number of a row, from 1, to its new text; None drops it."""

Writer = Callable[[Path, Edits], None]
"""Writes the mended copy of a split into a folder."""

Rewriter = Callable[[Path, Path, Columns, Edits], None]
"""Writes the rows of the first file to the second; takes the columns of texts and labels, and the edits."""


def write_repair(
    source: str | Path,
    out: str | Path,
    changes: Sequence[Change],
    *,
    text_column: str | int = "text",
    label_column: str | int = "label",
) -> None:
    """Write a folder with a copy of each data file, changed, under its name, and `changes.jsonl`, a change a line.

    Rows that are not changed stay as they are: byte for byte in text files, in every column of `.parquet`. Of a data
    set of the Hub, each split becomes `SPLIT.jsonl`, with the names of the labels.

    Args:
        source: the file, or the folder of splits, that the changes were planned for.
        out: the folder to write; it may not exist yet, or must be empty.
        changes: from `plan_fix`.
        text_column: column of the texts, as for `load_splits`.
        label_column: column of the labels, likewise; with two numbers a `.csv` or `.tsv` has no header.

    Raises:
        DataError: `out` holds something already, or `source` is no data, or holds what no file here can.
        OSError: the copy cannot be written; nothing is left behind then.
    """
    out = Path(out).resolve()
    require_free(out, DataError)
    columns = (str(text_column), str(label_column))
    writers = _file_writers(Path(source), columns) if Path(source).exists() else _hub_writers(str(source), columns)
    with staged_folder(out) as draft:
        draft.mkdir()
        for split, write in writers.items():
            write(draft, {change.row.number: change.new_text for change in changes if change.row.split == split})
        _write_lines(draft / LOG_FILE, map(_log_line, changes))


def _file_writers(source: Path, columns: Columns) -> dict[str, Writer]:
    """What writes the mended copy of each split, as `load_splits` names them."""

    def writer(file: Path) -> Writer:
        return lambda folder, edits: _REWRITERS[file.suffix.lower()](file, folder / file.name, columns, edits)

    if source.is_file():
        return {"all": writer(source)}
    stems = {file: SPLIT_OF_STEM.get(file.stem.lower()) for file in sorted(source.iterdir())}
    return {split: writer(file) for file, split in stems.items() if split and file.suffix.lower() in _REWRITERS}


def _hub_writers(hub_id: str, columns: Columns) -> dict[str, Writer]:
    def writer(split: str, table: Any) -> Writer:
        return lambda folder, edits: _write_lines(folder / f"{split}.jsonl", _hub_lines(table, columns, edits))

    return {split: writer(split, table) for split, table in hub_splits(HUB_IDS.get(hub_id, hub_id)).items()}


def _hub_lines(table: Any, columns: Columns, edits: Edits) -> Iterator[str]:
    text_column, label_column = columns
    for number, (row, label) in enumerate(zip(table, hub_labels(table, label_column), strict=True), start=1):
        text = edits.get(number, row[text_column])
        if text is not None:
            try:
                yield json.dumps(row | {text_column: text, label_column: label}, ensure_ascii=False)
            except TypeError as error:
                raise DataError(f"row {number} cannot be written as JSON ({error}); drop that column first") from None


def _log_line(change: Change) -> str:
    action = "drop" if change.new_text is None else "edit"
    line = {**asdict(change.row), "action": action, "reason": change.reason, "text": change.text}
    return json.dumps(line | ({} if change.new_text is None else {"new_text": change.new_text}), ensure_ascii=False)


def _rewrite_txt(file: Path, out: Path, columns: Columns, edits: Edits) -> None:
    def edited(line: str, text: str) -> str:
        return f"{text};{line.rpartition(';')[2]}"

    _write_lines(out, _changed_lines(file, edits, edited))


def _rewrite_jsonl(file: Path, out: Path, columns: Columns, edits: Edits) -> None:
    def edited(line: str, text: str) -> str:
        return json.dumps(json.loads(line) | {columns[0]: text}, ensure_ascii=False)

    _write_lines(out, _changed_lines(file, edits, edited))


def _changed_lines(file: Path, edits: Edits, edited: Callable[[str, str], str]) -> Iterable[str]:
    for number, line in enumerate(_content(file).split("\n"), start=1):
        text = edits.get(number, "")
        if text is not None:
            yield edited(line, text) if text else line


def _content(file: Path) -> str:
    return file.read_bytes().decode("utf-8-sig").rstrip("\r\n")


def _write_lines(out: Path, lines: Iterable[str]) -> None:
    r"""Write lines in UTF-8; a lone surrogate, which only JSON can hold, as JSON escapes it: `\ud800`."""
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
        own, text = lines[record.begin : record.end], edits.get(number, "")
        if text is None:
            continue
        if text:
            end = "\r\n" if own[-1].endswith("\r\n") else "\n"
            own = [_csv_line([*record.fields[:at], text, *record.fields[at + 1 :]], delimiter) + end]
        kept += own
    out.write_bytes("".join(kept).encode())


def _csv_line(fields: Sequence[str], delimiter: str) -> str:
    r"""A row without its end; before Python 3.13 a writer quotes a `\r` only if its lines end with one."""
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(fields)
    return line.getvalue().removesuffix("\r\n")


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
