"""The distinct texts of a data set and the rows that have them. Knows no issue.

Duplicates, contradictions and overlap between splits are read from these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from emoscope.data import Examples, RejectedRow


@dataclass(frozen=True)
class RowRef:
    """The place of a row, and its label.

    Attributes:
        split: name of its split.
        number: number of the row in its split, from 1; a header is not counted.
        label: name of its label; all of them, separated by commas, if the data is multi-label.
    """

    split: str
    number: int
    label: str


@dataclass(frozen=True)
class UniqueText:
    """A text and every row that has it, in the order of the splits."""

    text: str
    rows: tuple[RowRef, ...]

    def rows_in(self, *splits: str) -> tuple[RowRef, ...]:
        """Its rows in these splits."""
        return tuple(row for row in self.rows if row.split in splits)

    def labels_in(self, split: str) -> frozenset[str]:
        """The labels that it has in a split."""
        return frozenset(row.label for row in self.rows_in(split))


def usable_rows(splits: Mapping[str, Examples], rejected: Sequence[RejectedRow] = ()) -> Iterator[tuple[str, RowRef]]:
    """Text and place of every usable row of every split; rejected and skipped rows count in the row numbers."""
    skipped = (row for examples in splits.values() for row in examples.skipped)
    left_out = {(row.split, row.number) for row in (*rejected, *skipped)}
    for split, examples in splits.items():
        numbers = (number for number in count(1) if (split, number) not in left_out)
        for number, text, label in zip(numbers, examples.texts, _label_names(examples), strict=False):
            yield text, RowRef(split, number, label)


def group_by_text(rows: Iterable[tuple[str, RowRef]]) -> list[UniqueText]:
    """One `UniqueText` for each distinct text, in the order in which they first appear."""
    rows_of_text: dict[str, list[RowRef]] = {}
    for text, row in rows:
        rows_of_text.setdefault(text, []).append(row)
    return [UniqueText(text, tuple(rows)) for text, rows in rows_of_text.items()]


def _label_names(examples: Examples) -> list[str]:
    names = examples.labels.names
    if examples.multi_label:
        return [",".join(names[i] for i in np.flatnonzero(row)) for row in examples.label_ids]
    return [names[label_id] for label_id in examples.label_ids.tolist()]
