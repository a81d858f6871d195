"""Texts and the rows where they stand: what duplicates, contradictions and overlaps of splits are read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from emoscope.data import Examples, RejectedRow
from emoscope.text import normalize


@dataclass(frozen=True)
class Row:
    """One row of the data.

    Attributes:
        split: its split.
        number: of the row in its split, from 1; a header is not counted.
        label: its label; of multi-label rows all, with commas between.
    """

    split: str
    number: int
    label: str


@dataclass(frozen=True)
class Entry:
    """A text, and every row where it stands, in the order of the splits."""

    text: str
    rows: tuple[Row, ...]

    def within(self, *splits: str) -> tuple[Row, ...]:
        """Its rows in these splits."""
        return tuple(row for row in self.rows if row.split in splits)

    def labels(self, split: str) -> frozenset[str]:
        """The labels that it has in a split."""
        return frozenset(row.label for row in self.within(split))


def all_rows(splits: Mapping[str, Examples], refused: Sequence[RejectedRow] = ()) -> Iterator[tuple[str, Row]]:
    """Text and row, of every row of every split but for the refused ones, which are counted all the same."""
    left_out = {(row.split, row.number) for row in refused}
    for split, examples in splits.items():
        numbers = (number for number in count(1) if (split, number) not in left_out)
        for number, text, label in zip(numbers, examples.texts, _labels(examples), strict=False):
            yield text, Row(split, number, label)


def group(rows: Iterable[tuple[str, Row]]) -> list[Entry]:
    """An entry a different text, in the order in which they first stand."""
    found: dict[str, list[Row]] = {}
    for text, row in rows:
        found.setdefault(text, []).append(row)
    return [Entry(text, tuple(rows)) for text, rows in found.items()]


def deal_folds(texts: list[str], label_ids: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """Fold of each row, from 0, at random with a fixed seed, each label spread evenly.

    Texts that are equal in their plain form are in one fold, so that no row is judged by what was learnt from its
    twin. A label with at least `folds` different texts stands in every fold.

    Returns:
        int64 (rows,).
    """
    _, first, twins = np.unique([normalize(text) for text in texts], return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(0).permutation(len(first))
    by_label = shuffled[np.argsort(label_ids[first][shuffled], kind="stable")]
    fold = np.empty(len(first), np.int64)
    fold[by_label] = np.arange(len(first)) % folds
    return fold[twins]


def _labels(examples: Examples) -> list[str]:
    names = examples.labels.names
    if examples.multi_label:
        return [",".join(names[i] for i in np.flatnonzero(row)) for row in examples.label_ids]
    return [names[label_id] for label_id in examples.label_ids.tolist()]
