"""Labelled examples from a file, a folder of splits, or a data set of the Hugging Face Hub, with every row checked.

Rows keep their order and none is dropped: a row that cannot be used is a DataError with its file and line, what was
found and what is allowed. `labelled_data` reads the formats; this module decides which rows are good, and which labels
the data have.

A label is a name ("joy") or an id (1, "1"); white space around it does not count. In multi-label data, a row has any
number of labels: "joy,love" or "1,2" in a text file, a list elsewhere; an empty cell or list means no label.
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
from emoscope.labelled_data import Columns, LabelledTable, choose_split, find_tables, short
from emoscope.labels import EMOTIONS, Labels

SIX_EMOTIONS = Labels()

_SURROGATE = re.compile("[\ud800-\udfff]")
_ID = re.compile("-?[0-9]{1,9}")


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled texts.

    Attributes:
        texts: the texts as they are in the source.
        label_ids: index of each text's label, int64 (rows,); in multi-label data its labels, bool (rows, labels).
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

        Each row contributes its text and its label name, both in UTF-8 after their length in bytes (8 bytes,
        little-endian). Instead of one name, a multi-label row contributes all its names, sorted, each after its
        length, and together after their length.
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
        """The given rows, in the order given: row numbers from 0, or a boolean for each row."""
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
        split: name of the split; may be omitted if there is only one.
        labels: the allowed labels; a row may give a name ("joy") or an id (1, "1"). None finds them in all splits: the
            six emotions if every row fits them; else the names that the Hub has, in its order; else the names in the
            rows, sorted; or, if the rows only have ids, "0", "1" and so on.
        multi_label: whether a row has any number of labels, instead of one.
        text_column: column of the texts, in every format but `.txt`. If both columns are numbers (or digits), counted
            from 0, a `.csv` or `.tsv` has no header.
        label_column: column of the labels, likewise.

    Raises:
        DataError: a source, split, column or row that cannot be read.
        MissingExtraError: `.parquet` without the extra "score", a Hub id without the extra "train".
    """
    tables, labels = _find(source, labels, multi_label, (str(text_column), str(label_column)))
    return _examples(tables[choose_split(source, split, tables)], labels, multi_label)


def load_column(source: str | Path, split: str | None, column: str | int) -> list[Any]:
    """The cells of any other column of a split, in the order of the rows of `load_examples`.

    Raises:
        DataError: a source, split or column that cannot be read; `.txt` files have no columns.
    """
    tables = find_tables(source, (str(column), str(column)))
    table = tables[choose_split(source, split, tables)]
    if table.place.endswith(".txt, line"):
        raise DataError(f"{source} has no column {str(column)!r}: .txt files have only text and label")
    return [cell for _, _, cell in table.rows]


@dataclass(frozen=True)
class RejectedRow:
    """A row that cannot be used.

    Attributes:
        split: name of its split, as in `load_splits`.
        number: number of the row in its split, from 1; a header is not counted.
        text: its text as found; in the form of `repr` if it is not a string.
        label: its label, likewise.
        kind: "blank", "broken text", "no label" or "unknown label".
        reason: what was found and what is allowed.
    """

    split: str
    number: int
    text: str
    label: str
    kind: str
    reason: str


class _RejectedError(DataError):
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
    """Read all splits, with the same labels for all; arguments and errors are those of `load_examples`.

    Returns:
        For a folder, those of "train", "validation" and "test" that exist, in this order; for a Hub id, the Hub's own
        names; for a single file "all", with None as its `Examples.split`.
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
    """Read all splits without the rows that `load_splits` would reject, to examine data; also return these rows.

    Raises:
        DataError: as for `load_splits`, but not for a text or a label; or a split has no row that can be used.
    """
    tables, labels = _find(source, labels, multi_label, (str(text_column), str(label_column)))
    rejected: list[RejectedRow] = []
    return {split: _examples(table, labels, multi_label, rejected) for split, table in tables.items()}, rejected


def _find(
    source: str | Path, labels: Labels | None, multi_label: bool, columns: Columns
) -> tuple[dict[str, LabelledTable], Labels]:
    """The table of each split, and the given labels or those that all tables have in common."""
    tables = find_tables(source, columns)
    if labels is not None:
        return tables, labels
    tables = {split: replace(table, rows=list(table.rows)) for split, table in tables.items()}
    known = next((tuple(map(_stripped, table.label_names)) for table in tables.values() if table.label_names), ())
    cells = (cell for table in tables.values() for _, _, cell in table.rows)
    found = (_stripped(label) for cell in cells for label in (_several(cell) if multi_label else [cell]))
    names = set(known) or {str(label) for label in found if _may_be_label(label)}
    ids = [str(index) for index in SIX_EMOTIONS.id2label]
    fewer_of_another_set = any(names == {*ids[:count]} for count in range(1, len(ids)))
    if names <= {*EMOTIONS, *ids} and not fewer_of_another_set:
        return tables, SIX_EMOTIONS
    return tables, Labels(known or _in_order(source, names))


def _in_order(source: str | Path, names: set[str]) -> tuple[str, ...]:
    """Label names found in rows, sorted; ids in the order of their numbers."""
    if several := next((name for name in sorted(names) if "," in name), None):
        raise DataError(f"{source}: the label {short(several)} looks like several; read the data as multi-label")
    if not all(map(_ID.fullmatch, names)):
        return tuple(sorted(names))
    ids = sorted(map(int, names))
    if ids != list(range(len(ids))):
        raise DataError(
            f"{source}: the label ids are {short(ids)}, but must be 0, 1, 2 ... without a gap; name the labels"
        )
    return tuple(map(str, ids))


def _examples(
    table: LabelledTable, labels: Labels, multi_label: bool, rejected: list[RejectedRow] | None = None
) -> Examples:
    """The examples of a table; the one place that decides what a good row is.

    Args:
        table: the rows.
        labels: the allowed labels.
        multi_label: whether a row has any number of them.
        rejected: receives the bad rows; if None, the first bad row is an error.
    """
    texts: list[str] = []
    label_ids: list[Any] = []
    read_labels = _checked_label_ids if multi_label else _checked_label_id
    for row, (number, text, cell) in enumerate(table.rows, start=1):
        try:
            checked = _checked_text(text), read_labels(cell, labels)
        except _RejectedError as error:
            if rejected is None:
                raise DataError(f"{table.place} {number}: {error}") from None
            rejected.append(RejectedRow(table.split or "all", row, _shown(text), _shown(cell), error.kind, str(error)))
            continue
        texts.append(checked[0])
        label_ids.append(checked[1])
    if not texts:
        first = f"all rows are bad; the first: {rejected[0].reason}" if rejected else None
        raise DataError(f"{table.place} 1: {first or 'no rows; there must be at least one'}")
    array = _indicators(label_ids, len(labels)) if multi_label else np.array(label_ids, dtype=np.int64)
    return Examples(texts, array, labels, table.name, table.split)


def _indicators(label_ids: list[list[int]], labels: int) -> NDArray[np.bool_]:
    indicators = np.zeros((len(label_ids), labels), np.bool_)
    for row, ids in zip(indicators, label_ids, strict=True):
        row[ids] = True
    return indicators


def _checked_text(text: Any) -> str:
    if not isinstance(text, str):
        raise _RejectedError("broken text", f"the text is {short(text)}; allowed: a string")
    if not text.strip():
        raise _RejectedError("blank", f"no text, found {short(text)}; allowed: a string that is not blank")
    if surrogate := _SURROGATE.search(text):
        reason = f"the text holds the lone surrogate {surrogate[0]!a}; allowed: what UTF-8 can encode"
        raise _RejectedError("broken text", reason)
    return text


def _shown(cell: Any) -> str:
    return cell if isinstance(cell, str) else short(cell)


def _several(cell: Any) -> list[Any]:
    """The labels in a cell of multi-label data."""
    if isinstance(cell, str):
        return cell.split(",") if cell.strip() else []
    return list(cell) if isinstance(cell, list | tuple) else [cell]


def _stripped(label: Any) -> Any:
    """A label without white space around it."""
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
    raise _RejectedError(kind, f"{found} {short(label)}; allowed: {', '.join(labels.names)}, or 0 to {len(labels) - 1}")


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content
