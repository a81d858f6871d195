"""Which rows to drop or edit so that nothing certain is wrong any more, and why."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emoscope.audit.entries import Entry, Row, all_rows, group
from emoscope.audit.form import ENTITY
from emoscope.data import Examples, RefusedRow


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


def plan_repair(splits: Mapping[str, Examples], refused: Sequence[RefusedRow] = ()) -> list[Change]:
    """Every row to change, in the order of the rows; the others stay as they are. Labels are never changed.

    HTML entities are decoded and surplus white space goes; a text that is blank then is dropped. A text that stands
    in several splits stays in the last of them alone, so that what models are tested on stays the same. Within that
    split one row stays: the first with the label that more of its rows have than any other; where no label leads, none.
    What is merely likely (near-duplicates, label errors) is left to people.

    Args:
        splits: the rows that can be used.
        refused: those that cannot, from `sift_splits`; they are dropped.
    """
    rows = [(mend(text), row) for text, row in all_rows(splits, refused)]
    dropped = dict(_dropped(group(rows)))
    changes = [Change(Row(row.split, row.number, row.label), row.text, None, row.reason) for row in refused]
    for (text, row), (new_text, _) in zip(all_rows(splits, refused), rows, strict=True):
        if row in dropped:
            changes.append(Change(row, text, None, dropped[row]))
        elif new_text != text:
            changes.append(Change(row, text, new_text, "HTML entity" if ENTITY.search(text) else "surplus white space"))
    order = list(splits)
    return sorted(changes, key=lambda change: (order.index(change.row.split), change.row.number))


def mend(text: str) -> str:
    """The text with HTML entities decoded and one space between words."""
    return " ".join(ENTITY.sub(lambda entity: html.unescape(entity[0]), text).split())


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
