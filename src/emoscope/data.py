"""Labelled examples from a file, a folder of splits, or a data set of the Hugging Face Hub, with every row checked.

Rows keep their order and none is dropped: a row that cannot be used is a DataError with its file and line, what was
found and what is allowed. `labelled_data` reads the formats; this module decides which rows are good, and which labels
the data have.

A label is a name ("joy") or an id (1, "1", 1.0); white space around it does not count. In multi-label data, a row has
any number of labels, in the forms of `label_cells`; an empty cell or list means no label.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError
from emoscope.folds import held_out_rows
from emoscope.label_cells import (
    LabelCellError,
    are_indicators,
    indicated,
    label_id,
    may_be_label,
    renamed,
    separator_of,
    several,
)
from emoscope.labelled_data import LabelledTable, choose_split, find_tables
from emoscope.labelled_rows import LabelledRow, ReadOptions, short, whole_number
from emoscope.labels import EMOTIONS, Labels

SIX_EMOTIONS = Labels()

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class RejectedRow:
    """A row that cannot be used, or is left out.

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


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled texts.

    Attributes:
        texts: the texts as they are in the source.
        label_ids: index of each text's label, int64 (rows,); in multi-label data its labels, bool (rows, labels).
        labels: the label names.
        name: name of the data set: stem of the file, name of the folder, or Hub id.
        split: "train", "validation", "test", another name that the Hub has, or None for a single file.
        skipped: rows that were left out because their label is not among the labels (`skip_other_labels`).
    """

    texts: list[str]
    label_ids: NDArray[Any]
    labels: Labels
    name: str
    split: str | None
    skipped: tuple[RejectedRow, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def multi_label(self) -> bool:
        """Whether a text may have any number of labels."""
        return self.label_ids.ndim == 2

    @property
    def skipped_labels(self) -> dict[str, int]:
        """Number of skipped rows with each label, the most frequent first."""
        return dict(Counter(row.label for row in self.skipped).most_common())

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
        return replace(self, texts=[self.texts[row] for row in chosen], label_ids=self.label_ids[chosen], skipped=())


def load_examples(
    source: str | Path, split: str | None = None, *, labels: Labels | None = SIX_EMOTIONS, **options: Any
) -> Examples:
    """Read one split; the other splits are read only to find the labels.

    Args:
        source: a file, a folder of splits, or a Hub id such as "dair-ai/emotion".
        split: name of the split; may be omitted if there is only one.
        labels: the allowed labels; a row may give a name ("joy") or an id (1, "1"). None finds them in all splits: the
            six emotions if every row fits them; else the names that the source has, in its order; else the names in the
            rows, sorted; or, if the rows only have ids, "0", "1" and so on.
        **options: how rows are read: the attributes of `emoscope.labelled_rows.ReadOptions`.

    Raises:
        DataError: a source, split, column or row that cannot be read.
        MissingExtraError: `.parquet` without the extra "score", a Hub id without the extra "train".
    """
    reading = ReadOptions(**options)
    tables, labels = _find(source, labels, reading)
    return _examples(tables[choose_split(source, split, tables)], labels, reading)


def load_column(source: str | Path, split: str | None, column: str | int, **options: Any) -> list[Any]:
    """The cells of any other column of a split, in the order of all its rows; `options` as for `load_examples`.

    Raises:
        DataError: a source, split or column that cannot be read; `.txt` files have no columns.
    """
    reading = replace(ReadOptions(**options), text_column=column, label_column=column)
    tables = find_tables(source, reading)
    table = tables[choose_split(source, split, tables)]
    if table.files and ".txt" in table.files[0].suffixes:
        raise DataError(f"{source} has no column {str(column)!r}: .txt files have only text and label")
    return [row.text for row in table.rows]


class _RejectedError(DataError):
    """Why a row cannot be used."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def load_splits(source: str | Path, *, labels: Labels | None = SIX_EMOTIONS, **options: Any) -> dict[str, Examples]:
    """Read all splits, with the same labels for all; arguments and errors are those of `load_examples`.

    Returns:
        For a folder, those of "train", "validation" and "test" that exist, in this order; for a Hub id, the Hub's own
        names; for a single file "all", with None as its `Examples.split`.
    """
    reading = ReadOptions(**options)
    tables, labels = _find(source, labels, reading)
    return {split: _examples(table, labels, reading) for split, table in tables.items()}


def load_valid_splits(
    source: str | Path, *, labels: Labels | None = SIX_EMOTIONS, **options: Any
) -> tuple[dict[str, Examples], list[RejectedRow]]:
    """Read all splits without the rows that `load_splits` would reject, to examine data; also return these rows.

    Raises:
        DataError: as for `load_splits`, but not for a text or a label; or a split has no row that can be used.
    """
    reading = ReadOptions(**options)
    tables, labels = _find(source, labels, reading)
    rejected: list[RejectedRow] = []
    return {split: _examples(table, labels, reading, rejected) for split, table in tables.items()}, rejected


def hold_out(splits: Mapping[str, Examples], share: float, seed: int = 0) -> dict[str, Examples]:
    """The splits with a validation split, held out of train, or of the only split.

    Each label (in multi-label data each combination of labels) is held out at the same share, and equal texts are on
    one side.

    Args:
        splits: from `load_splits`.
        share: share of the rows to hold out, between 0 and 1.
        seed: of the choice of rows.

    Raises:
        DataError: there is a validation split already, there is nothing to take rows from, or they are too few.
    """
    if "validation" in splits:
        raise DataError("the data has a validation split already; leave out the held-out share, or that split")
    name = next(iter(splits)) if len(splits) == 1 else "train"
    if name not in splits:
        raise DataError(f"no rows can be held out: there is no train split, only {', '.join(splits)}")
    source = splits[name]
    ids = source.label_ids
    if source.multi_label:
        ids = np.unique(ids, axis=0, return_inverse=True)[1].reshape(-1)
    held_out = held_out_rows(source.texts, share, seed=seed, label_ids=ids)
    if held_out.all() or not held_out.any():
        raise DataError(f"of {len(source):,} rows, {share:g} cannot be held out; give more rows, or another share")
    parts = {
        "train": replace(source.subset(~held_out), split="train", skipped=source.skipped),
        "validation": replace(source.subset(held_out), split="validation"),
    }
    return parts | {split: examples for split, examples in splits.items() if split != name}


def _find(source: str | Path, labels: Labels | None, options: ReadOptions) -> tuple[dict[str, LabelledTable], Labels]:
    """The table of each split, and the given labels or those that all tables have in common."""
    tables = find_tables(source, options)
    if labels is not None:
        _check_map(options, labels)
        return tables, labels
    tables = {split: replace(table, rows=list(table.rows)) for split, table in tables.items()}
    named = next(filter(None, (table.label_names() for table in tables.values())), ())
    known = tuple(dict.fromkeys(str(renamed(name, options)) for name in named))
    names = set(known) or _names_in(source, [row.label for table in tables.values() for row in table.rows], options)
    ids = [str(index) for index in SIX_EMOTIONS.id2label]
    fewer_of_another_set = any(names == {*ids[:count]} for count in range(1, len(ids)))
    found = SIX_EMOTIONS
    if fewer_of_another_set or not names <= {*EMOTIONS, *ids}:
        found = Labels(known or _in_order(source, names))
    _check_map(options, found)
    return tables, found


def _names_in(source: str | Path, cells: Sequence[Any], options: ReadOptions) -> set[str]:
    """The names, or ids in digits, of the labels in the cells of all rows."""
    labels: Iterable[Any] = cells
    if options.multi_label:
        lists = list(_readable(cells, options))
        count = len(lists[0]) if lists else 0
        if are_indicators(lists, count):
            if count == len(EMOTIONS):
                return set(EMOTIONS)
            raise DataError(f"{source}: the rows have a 0 or 1 for each of {count} labels; name them with --labels")
        labels = (label for found in lists for label in found)
    names = {str(label) for cell in labels if may_be_label(label := renamed(cell, options))}
    numbers = {whole_number(name) for name in names}
    return names if None in numbers else {str(number) for number in numbers}


def _readable(cells: Iterable[Any], options: ReadOptions) -> Iterator[list[Any]]:
    """The labels of each cell of multi-label data that can be read."""
    for cell in cells:
        try:
            yield several(cell, options.label_separator)
        except LabelCellError:
            continue


def _check_map(options: ReadOptions, labels: Labels) -> None:
    for label, name in options.label_map.items():
        if name not in labels.names:
            raise DataError(f"the label {label!r} is mapped to {name!r}; allowed: {', '.join(labels.names)}")


def _in_order(source: str | Path, names: set[str]) -> tuple[str, ...]:
    """Label names found in rows, sorted; ids in the order of their numbers."""
    for name in sorted(names):
        if "," in name:
            raise DataError(f"{source}: the label {short(name)} looks like several; read the data as multi-label")
        if separator := separator_of(name, names):
            raise DataError(
                f"{source}: the label {short(name)} looks like several; read the data as multi-label, with "
                f"--label-separator {separator!r}"
            )
    if any(whole_number(name) is None or "." in name for name in names):
        return tuple(sorted(names))
    ids = sorted(map(int, names))
    if ids != list(range(len(ids))):
        raise DataError(
            f"{source}: the label ids are {short(ids)}, but must be 0, 1, 2 ... without a gap; name the labels"
        )
    return tuple(map(str, ids))


def _examples(
    table: LabelledTable, labels: Labels, options: ReadOptions, rejected: list[RejectedRow] | None = None
) -> Examples:
    """The examples of a table; the one place that decides what a good row is.

    Args:
        table: the rows.
        labels: the allowed labels.
        options: how they are read.
        rejected: receives the bad rows; if None, the first bad row is an error.
    """
    texts: list[str] = []
    label_ids: list[Any] = []
    skipped: list[RejectedRow] = []
    rows, read_labels = _label_reader(table.rows, labels, options)
    for number, row in enumerate(rows, start=1):
        try:
            checked = _checked_text(row.text), read_labels(row.label)
        except (_RejectedError, LabelCellError) as error:
            bad = RejectedRow(table.split or "all", number, _shown(row.text), _shown(row.label), error.kind, str(error))
            if isinstance(error, LabelCellError) and error.kind == "unknown label" and options.skip_other_labels:
                skipped.append(replace(bad, label=error.label))
            elif rejected is None:
                raise DataError(f"{row.place}: {error}") from None
            else:
                rejected.append(bad)
            continue
        texts.append(checked[0])
        label_ids.append(checked[1])
    if not texts:
        bad_rows = skipped or rejected
        first = f"no row can be used; the first: {bad_rows[0].reason}" if bad_rows else None
        raise DataError(f"{table.place}: {first or 'no rows; there must be at least one'}")
    array = _indicators(label_ids, len(labels)) if options.multi_label else np.array(label_ids, dtype=np.int64)
    return Examples(texts, array, labels, table.name, table.split, tuple(skipped))


LabelReader = Callable[[Any], Any]
"""Returns the id of the label in a cell, or in multi-label data the ids of its labels; raises LabelCellErrors."""


def _label_reader(
    rows: Iterable[LabelledRow], labels: Labels, options: ReadOptions
) -> tuple[Iterable[LabelledRow], LabelReader]:
    """The rows, and what reads their labels: whether lists are indicators follows from all rows."""
    if not options.multi_label:
        return rows, lambda cell: label_id(cell, labels, options)
    rows = list(rows)
    if rows and are_indicators(_readable((row.label for row in rows), options), len(labels)):
        return rows, lambda cell: indicated(several(cell, options.label_separator))
    return rows, lambda cell: [label_id(label, labels, options) for label in several(cell, options.label_separator)]


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


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content
