"""The fixed copy of a data set: the same files in the same formats, with their other columns, and a log of changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from emoscope.audit.fix import Change
from emoscope.audit.fixed_file import Edits, fixed_file
from emoscope.errors import DataError
from emoscope.files import require_free, staged_folder
from emoscope.labelled_data import HUB_IDS, LabelledTable, find_tables, hub_labels, hub_splits
from emoscope.labelled_rows import ReadOptions, read_rows
from emoscope.rows.json_rows import json_text

LOG_FILE = "changes.jsonl"

Writer = Callable[[Path, Edits], None]
"""Writes the fixed copy of a split into a folder."""


def write_fixed_copy(source: str | Path, out: str | Path, changes: Sequence[Change], **options: Any) -> None:
    """Write a folder with a changed copy of each data file, under its name, and `changes.jsonl`, one change a line.

    Rows without a change stay as they are: byte for byte in text files, in every column of `.parquet` and `.arrow`.
    Each split of a data set of the Hub becomes `SPLIT.jsonl`, with the names of the labels.

    Args:
        source: the file, folder of splits, or Hub id that the changes were planned for.
        out: the folder to write; it must not exist, or be empty.
        changes: from `plan_fix`.
        **options: how rows are read, as for `load_splits`.

    Raises:
        DataError: `out` is in use, `source` is not data, or a row of the Hub cannot be written as JSON.
        OSError: the copy cannot be written; nothing is left behind.
    """
    out, reading = Path(out).resolve(), ReadOptions(**options)
    require_free(out, DataError)
    is_here = Path(source).exists()
    writers = _file_writers(Path(source), reading) if is_here else _hub_writers(str(source), reading)
    with staged_folder(out) as folder:
        folder.mkdir()
        for split, write in writers.items():
            write(folder, {change.row.number: change.new_text for change in changes if change.row.split == split})
        _write_lines(folder / LOG_FILE, map(_log_line, changes))


def _file_writers(source: Path, options: ReadOptions) -> dict[str, Writer]:
    """The writer of each split, under the names that `load_splits` gives them."""
    root = source if source.is_dir() else source.parent
    return {split: partial(_write_files, table, root, options) for split, table in find_tables(source, options).items()}


def _write_files(table: LabelledTable, root: Path, options: ReadOptions, folder: Path, edits: Edits) -> None:
    before = 0
    for file in table.files:
        rows = list(read_rows(file, options))
        here = {number - before: text for number, text in edits.items() if before < number <= before + len(rows)}
        out = folder / file.relative_to(root)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(fixed_file(file, rows, options, here) if here else file.read_bytes())
        before += len(rows)


def _hub_writers(hub_id: str, options: ReadOptions) -> dict[str, Writer]:
    tables = hub_splits(HUB_IDS.get(hub_id, hub_id))
    return {split: partial(_write_hub_split, split, table, options) for split, table in tables.items()}


def _write_hub_split(split: str, table: Any, options: ReadOptions, folder: Path, edits: Edits) -> None:
    _write_lines(folder / f"{split}.jsonl", _hub_lines(table, options, edits))


def _hub_lines(table: Any, options: ReadOptions, edits: Edits) -> Iterator[str]:
    text_column, label_column = options.columns
    labels = hub_labels(table, label_column, "the data set")
    for number, (row, label) in enumerate(zip(table, labels, strict=True), start=1):
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


def _write_lines(out: Path, lines: Iterable[str]) -> None:
    r"""Write lines in UTF-8; lone surrogates, which only JSON can hold, are escaped as JSON does it: `\ud800`."""
    out.write_bytes("".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))
