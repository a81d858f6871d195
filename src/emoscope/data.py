"""Labelled examples from a file, a folder of splits, or a data set of the Hugging Face Hub.

Rows keep their order and none is dropped: a row that cannot be used is a DataError that names file, line,
what was found and what is allowed. `tables` has the formats and yields rows; `_examples` alone checks them.

A label is a name ("joy") or an id (1, "1"), without the white space around it. Read as multi-label, a row has any
number of them: "joy,love" or "1,2" in a text file, a list elsewhere; an empty cell or list is a row with none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError, LabelError
from emoscope.labelled_data import Columns, Table, choose_split, find_tables, short
from emoscope.labels import EMOTIONS, Labels

SIX_EMOTIONS = Labels()

_SURROGATE = re.compile("[\ud800-\udfff]")
_ID = re.compile("-?[0-9]{1,9}")


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled texts.

    Attributes:
        texts: the texts as they stand in the source.
        label_ids: int64, shape (rows,): index of each text's label in `labels`. Of multi-label rows: bool,
            shape (rows, labels), true where a text has a label.
        labels: the label names.
        name: name of the data set: stem of the file, name of the folder, or Hub id.
        split: "train", "validation", "test", another name that the Hub has, or None for a single file.
    """

    texts: list[str]
    label_ids: NDArray[Any]
    labels: Labels
    name: str
    split: str | None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def multi_label(self) -> bool:
        """Whether a text may have any number of labels."""
        return self.label_ids.ndim == 2

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the rows in order, in hex: equal for equal texts and label names, whatever the format.

        Each row counts as text and label name, both in UTF-8 after their length in bytes (8 bytes,
        little-endian). In the place of the name a multi-label row has all its names, sorted, each after its
        length, and the whole after its length.
        """
        digest = hashlib.sha256()
        for text, labels in zip(self.texts, self._framed_labels(), strict=True):
            digest.update(_framed(text.encode("utf-8", "surrogatepass")) + labels)
        return digest.hexdigest()

    def _framed_labels(self) -> Iterator[bytes]:
        names = [_framed(name.encode("utf-8", "surrogatepass")) for name in self.labels.names]
        if not self.multi_label:
            return (names[label_id] for label_id in self.label_ids.tolist())
        order = sorted(range(len(names)), key=self.labels.names.__getitem__)
        in_order = [names[label_id] for label_id in order]
        return (_framed(b"".join(compress(in_order, row))) for row in self.label_ids[:, order].tolist())

    def subset(self, rows: Sequence[int] | NDArray[Any]) -> Examples:
        """The given rows, in the order given: row numbers from 0, or one boolean a row."""
        chosen = np.arange(len(self))[list(rows)]
        return replace(self, texts=[self.texts[row] for row in chosen], label_ids=self.label_ids[chosen])


def load_examples(
    source: str | Path,
    split: str | None = None,
    *,
    labels: Labels | None = SIX_EMOTIONS,
    multi_label: bool = False,
    text_column: str | int = "text",
    label_column: str | int = "label",
) -> Examples:
    """Read one split; the other splits are read only to find the labels.

    Args:
        source: a file, a folder of splits, or a Hub id such as "dair-ai/emotion".
        split: which split; may be left out where there is only one.
        labels: the labels allowed; a row may give a name ("joy") or an id (1, "1"). None finds them in all the
            splits: the six emotions where every row fits them; else the names that the Hub knows, in its order;
            else the names in the rows, sorted; else, where rows have ids alone, "0", "1" and so on.
        multi_label: a row has any number of labels, not one.
        text_column: column of the texts, in every format but `.txt`. Two numbers (or digits) for the columns mean
            that a `.csv` or `.tsv` has no header, and count its columns from 0.
        label_column: column of the labels, likewise.

    Raises:
        DataError: a source, split, column or row that cannot be read.
        MissingExtraError: `.parquet` without the extra "score", a Hub id without the extra "train".
    """
    tables = find_tables(source, (str(text_column), str(label_column)))
    chosen = choose_split(source, split, tables)
    if labels is None:
        tables, labels = _with_labels(source, tables, multi_label)
    return _examples(tables[chosen], labels, multi_label)


def load_column(source: str | Path, split: str | None, column: str | int) -> list[Any]:
    """The cells of any other column, in the order of the rows that `load_examples` gives of the split.

    Raises:
        DataError: a source, split or column that cannot be read; `.txt` files have no columns.
    """
    tables = find_tables(source, (str(column), str(column)))
    table = tables[choose_split(source, split, tables)]
    if table.place.endswith(".txt, line"):
        raise DataError(f"{source} has no column {str(column)!r}: .txt files have text and label alone")
    return [cell for _, _, cell in table.rows]


@dataclass(frozen=True)
class RejectedRow:
    """A row that cannot be used.

    Attributes:
        split: its split, as `load_splits` names it.
        number: of the row in its split, from 1; a header is not counted.
        text: as found, as `repr` shows it where it is no string.
        label: likewise.
        kind: "blank", "broken text", "no label" or "unknown label".
        reason: what was found and what is allowed.
    """

    split: str
    number: int
    text: str
    label: str
    kind: str
    reason: str


class _RefusedError(DataError):
    """Why a row cannot be used."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def load_splits(
    source: str | Path,
    *,
    labels: Labels | None = SIX_EMOTIONS,
    multi_label: bool = False,
    text_column: str | int = "text",
    label_column: str | int = "label",
) -> dict[str, Examples]:
    """Read every split there is, with one label set for all; arguments and errors as for `load_examples`.

    Returns:
        "train", "validation", "test" (those that are there, in this order) of a folder; the Hub's own names
        for a Hub id; "all" for a single file, whose `Examples.split` is None.
    """
    tables, labels = _find(source, labels, multi_label, (str(text_column), str(label_column)))
    return {split: _examples(table, labels, multi_label) for split, table in tables.items()}


def load_valid_splits(
    source: str | Path,
    *,
    labels: Labels | None = SIX_EMOTIONS,
    multi_label: bool = False,
    text_column: str | int = "text",
    label_column: str | int = "label",
) -> tuple[dict[str, Examples], list[RejectedRow]]:
    """What `load_splits` reads, but for the rows that it refuses, and those; for looking at data, not for training.

    Raises:
        DataError: as `load_splits` for anything but a text or a label; or a split has no row that can be used.
    """
    tables, labels = _find(source, labels, multi_label, (str(text_column), str(label_column)))
    refused: list[RejectedRow] = []
    return {split: _examples(table, labels, multi_label, refused) for split, table in tables.items()}, refused


def _find(
    source: str | Path, labels: Labels | None, multi_label: bool, columns: Columns
) -> tuple[dict[str, Table], Labels]:
    tables = find_tables(source, columns)
    return (tables, labels) if labels is not None else _with_labels(source, tables, multi_label)


def _with_labels(source: str | Path, tables: dict[str, Table], multi_label: bool) -> tuple[dict[str, Table], Labels]:
    """The tables, read, and the labels that they have in common."""
    tables = {split: replace(table, rows=list(table.rows)) for split, table in tables.items()}
    known = next((tuple(map(_stripped, table.label_names)) for table in tables.values() if table.label_names), ())
    cells = (cell for table in tables.values() for _, _, cell in table.rows)
    labels = (_stripped(label) for cell in cells for label in (_several(cell) if multi_label else [cell]))
    names = set(known) or {str(label) for label in labels if _may_be_label(label)}
    ids = [str(index) for index in SIX_EMOTIONS.id2label]
    fewer_of_another_set = any(names == {*ids[:count]} for count in range(1, len(ids)))
    if names <= {*EMOTIONS, *ids} and not fewer_of_another_set:
        return tables, SIX_EMOTIONS
    return tables, Labels(known or _in_order(source, names))


def _in_order(source: str | Path, names: set[str]) -> tuple[str, ...]:
    """Label names found in rows, sorted; ids by number."""
    if several := next((name for name in sorted(names) if "," in name), None):
        raise DataError(f"{source}: the label {short(several)} looks like several; read the data as multi-label")
    if not all(map(_ID.fullmatch, names)):
        return tuple(sorted(names))
    ids = sorted(map(int, names))
    if ids != list(range(len(ids))):
        raise DataError(f"{source}: the label ids are {short(ids)}, not 0, 1, 2 without a gap; name the labels")
    return tuple(map(str, ids))


def _examples(table: Table, labels: Labels, multi_label: bool, refused: list[RejectedRow] | None = None) -> Examples:
    """Check the rows of a table; the one place that decides what a good row is.

    Args:
        table: not read yet.
        labels: allowed.
        multi_label: whether a row has any number of them.
        refused: takes the bad rows; None raises the first.
    """
    texts: list[str] = []
    label_ids: list[Any] = []
    read_labels = _checked_label_ids if multi_label else _checked_label_id
    for row, (number, text, cell) in enumerate(table.rows, start=1):
        try:
            checked = _checked_text(text), read_labels(cell, labels)
        except _RefusedError as error:
            if refused is None:
                raise DataError(f"{table.place} {number}: {error}") from None
            refused.append(RejectedRow(table.split or "all", row, _shown(text), _shown(cell), error.kind, str(error)))
            continue
        texts.append(checked[0])
        label_ids.append(checked[1])
    if not texts:
        reason = (
            f"all rows are bad; the first: {refused[0].reason}" if refused else "no rows; there must be one at least"
        )
        raise DataError(f"{table.place} 1: {reason}")
    array = _indicators(label_ids, len(labels)) if multi_label else np.array(label_ids, dtype=np.int64)
    return Examples(texts, array, labels, table.name, table.split)


def _indicators(label_ids: list[list[int]], labels: int) -> NDArray[np.bool_]:
    indicators = np.zeros((len(label_ids), labels), np.bool_)
    for row, ids in zip(indicators, label_ids, strict=True):
        row[ids] = True
    return indicators


def _checked_text(text: Any) -> str:
    if not isinstance(text, str):
        raise _RefusedError("broken text", f"the text is {short(text)}; allowed: a string")
    if not text.strip():
        raise _RefusedError("blank", f"no text, found {short(text)}; allowed: a string that is not blank")
    if surrogate := _SURROGATE.search(text):
        reason = f"the text holds the lone surrogate {surrogate[0]!a}; allowed: what UTF-8 can encode"
        raise _RefusedError("broken text", reason)
    return text


def _shown(cell: Any) -> str:
    return cell if isinstance(cell, str) else short(cell)


def _several(cell: Any) -> list[Any]:
    """The labels in a cell of multi-label data."""
    if isinstance(cell, str):
        return cell.split(",") if cell.strip() else []
    return list(cell) if isinstance(cell, list | tuple) else [cell]


def _stripped(label: Any) -> Any:
    """A label without the white space around it, which nobody sees."""
    return label.strip() if isinstance(label, str) else label


def _may_be_label(label: Any) -> bool:
    return isinstance(label, str | int) and not isinstance(label, bool) and label != ""


def _checked_label_ids(cell: Any, labels: Labels) -> list[int]:
    return [_checked_label_id(label, labels) for label in _several(cell)]


def _checked_label_id(cell: Any, labels: Labels) -> int:
    label = _stripped(cell)
    if _may_be_label(label):
        try:
            return labels.index(label)
        except LabelError:
            pass
    kind = "no label" if label is None or label == "" else "unknown label"
    found = f"{kind}, found" if kind == "no label" else kind
    raise _RefusedError(kind, f"{found} {short(label)}; allowed: {', '.join(labels.names)}, or 0 to {len(labels) - 1}")


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content
