"""Which rows to drop or edit so that nothing certain is wrong any more, and why."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emoscope.audit.entries import Entry, Row, all_rows, group
from emoscope.audit.form import ENTITY
from emoscope.data import Examples, RejectedRow
from emoscope.errors import DataError

ROUNDS = 10
"""Most times that a text is decoded: `&amp;amp;` was escaped twice."""


@dataclass(frozen=True)
class Change:
    """What to do with one row.

    Attributes:
        row: where it stands, with its label.
        text: as it stands.
        new_text: in its place; None drops the row.
        reason: why.
    """

    row: Row
    text: str
    new_text: str | None
    reason: str


def plan_fix(splits: Mapping[str, Examples], refused: Sequence[RejectedRow] = ()) -> list[Change]:
    """Every row to change, in the order of the rows; the others stay as they are. Labels are never changed.

    HTML entities are decoded and surplus white space goes; a text that is blank then is dropped. A text that stands
    in several splits stays in the last of them alone, so that what models are tested on stays the same. Within that
    split one row stays: the first with the label that more of its rows have than any other; where no label leads, none.
    What is merely likely (near-duplicates, label errors) is left to people.

    Args:
        splits: the rows that can be used.
        refused: those that cannot, from `load_valid_splits`; they are dropped.

    Raises:
        DataError: a split would have no row left, which no command could read.
    """
    rows = [(mend(text), row) for text, row in all_rows(splits, refused)]
    dropped = dict(_dropped(group(rows)))
    changes = [Change(Row(row.split, row.number, row.label), row.text, None, row.reason) for row in refused]
    for (text, row), (new_text, _) in zip(all_rows(splits, refused), rows, strict=True):
        if row in dropped:
            changes.append(Change(row, text, None, dropped[row]))
        elif new_text != text:
            changes.append(Change(row, text, new_text, "HTML entity" if ENTITY.search(text) else "surplus white space"))
    for split, examples in splits.items():
        _require_a_row_left(split, len(examples) + sum(row.split == split for row in refused), changes)
    order = list(splits)
    return sorted(changes, key=lambda change: (order.index(change.row.split), change.row.number))


def mend(text: str) -> str:
    """The text with HTML entities decoded, those that come to light by it too, and one space between words."""
    for _ in range(ROUNDS):
        if not ENTITY.search(text):
            break
        text = ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return " ".join(text.split())


def _require_a_row_left(split: str, rows: int, changes: list[Change]) -> None:
    reasons = Counter(change.reason for change in changes if change.row.split == split and change.new_text is None)
    if reasons and reasons.total() == rows:
        reason, count = reasons.most_common(1)[0]
        raise DataError(
            f"the mended copy would have no row of {split}: all {rows:,} would be dropped, {count:,} of them because "
            f"of '{reason}'; see what the audit lists, and split the rows anew or take that split out"
        )


def _dropped(entries: list[Entry]) -> Iterator[tuple[Row, str]]:
    for entry in entries:
        if not entry.text:
            yield from ((row, "no text") for row in entry.rows)
        elif len(entry.rows) > 1:
            yield from _repeated(entry)


def _repeated(entry: Entry) -> Iterator[tuple[Row, str]]:
    last = entry.rows[-1].split
    kept = _kept(entry.within(last))
    labels = ", ".join(sorted(entry.labels(last)))
    for row in entry.rows:
        if row.split != last:
            yield row, f"stands in {last} too" + ("" if row.label in entry.labels(last) else f", as {labels}")
        elif kept is None:
            yield row, f"the same text has the labels {labels}, none of them most often"
        elif row != kept:
            same = "repeats" if row.label == kept.label else f"contradicts {kept.label} in"
            yield row, f"{same} row {kept.number}"


def _kept(rows: tuple[Row, ...]) -> Row | None:
    leaders = Counter(row.label for row in rows).most_common(2)
    if len(leaders) == 2 and leaders[0][1] == leaders[1][1]:
        return None
    return next(row for row in rows if row.label == leaders[0][0])
