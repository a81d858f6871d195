"""Which rows to drop or edit, and why, so that a data set has no errors left. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emoscope.audit.unique_texts import RowRef, UniqueText, group_by_text, usable_rows
from emoscope.data import Examples, RejectedRow
from emoscope.errors import DataError
from emoscope.text_damage import MAX_DECODINGS, decode_entities, decode_escapes, decode_mojibake, fix_encoding

_DECODERS = {"HTML entity": decode_entities, "escaped character": decode_escapes, "broken encoding": decode_mojibake}
"""What `fixed_text` does to the characters of a text, by the reason of the change."""


@dataclass(frozen=True)
class Change:
    """What to do with one row.

    Attributes:
        row: its place, and its label.
        text: the text as it is.
        new_text: the text to write; None drops the row.
        reason: why.
    """

    row: RowRef
    text: str
    new_text: str | None
    reason: str


def plan_fix(splits: Mapping[str, Examples], rejected: Sequence[RejectedRow] = ()) -> list[Change]:
    """The rows to change, in the order of the rows; all others stay as they are. Labels never change.

    HTML entities, escapes, mojibake and C1 controls are decoded and extra white space is removed; a text that is blank
    afterwards is dropped. A text in several splits stays in the last of them only, so that the test data stays the
    same. Within that split one row stays: the first one with the most frequent label of the text, or none if no label
    is the most frequent. Near-duplicates and likely label errors are left to people.

    Args:
        splits: the usable rows.
        rejected: the unusable rows, from `load_valid_splits`; they are dropped.

    Raises:
        DataError: a split would have no rows left, so that no command could read it.
    """
    rows = list(usable_rows(splits, rejected))
    fixed = [(fixed_text(text), row) for text, row in rows]
    dropped = dict(_dropped(group_by_text(fixed)))
    changes = [Change(RowRef(row.split, row.number, row.label), row.text, None, row.reason) for row in rejected]
    for (text, row), (new_text, _) in zip(rows, fixed, strict=True):
        if row in dropped:
            changes.append(Change(row, text, None, dropped[row]))
        elif new_text != text:
            changes.append(Change(row, text, new_text, _reason(text)))
    for split, examples in splits.items():
        others = len(examples.skipped) + sum(row.split == split for row in rejected)
        _require_rows_left(split, len(examples) + others, changes)
    order = list(splits)
    return sorted(changes, key=lambda change: (order.index(change.row.split), change.row.number))


def fixed_text(text: str) -> str:
    """The text with wrong encodings decoded, however often they were made, and one space between words."""
    for _ in range(MAX_DECODINGS):
        before, text = text, fix_encoding(text)
        if text == before:
            break
    return " ".join(text.split())


def _reason(text: str) -> str:
    return next((reason for reason, decode in _DECODERS.items() if decode(text) != text), "extra white space")


def _require_rows_left(split: str, rows: int, changes: list[Change]) -> None:
    reasons = Counter(change.reason for change in changes if change.row.split == split and change.new_text is None)
    if reasons and reasons.total() == rows:
        reason, count = reasons.most_common(1)[0]
        raise DataError(
            f"the fixed copy would have no rows in {split}: all {rows:,} would be dropped, {count:,} of them with the "
            f"reason '{reason}'; read the audit, then split the rows again or remove that split"
        )


def _dropped(texts: list[UniqueText]) -> Iterator[tuple[RowRef, str]]:
    """The rows to drop, each with the reason."""
    for unique in texts:
        if not unique.text:
            yield from ((row, "no text") for row in unique.rows)
        elif len(unique.rows) > 1:
            yield from _dropped_repeats(unique)


def _dropped_repeats(unique: UniqueText) -> Iterator[tuple[RowRef, str]]:
    last = unique.rows[-1].split
    kept = _kept_row(unique.rows_in(last))
    labels = ", ".join(sorted(unique.labels_in(last)))
    for row in unique.rows:
        if row.split != last:
            yield row, f"also in {last}" + ("" if row.label in unique.labels_in(last) else f", as {labels}")
        elif kept is None:
            yield row, f"the same text has the labels {labels}, equally often"
        elif row != kept:
            yield row, f"repeats row {kept.number}" + ("" if row.label == kept.label else f", which is {kept.label}")


def _kept_row(rows: tuple[RowRef, ...]) -> RowRef | None:
    """The first row with the most frequent label, None if no label is more frequent than all others."""
    leaders = Counter(row.label for row in rows).most_common(2)
    if len(leaders) == 2 and leaders[0][1] == leaders[1][1]:
        return None
    return next(row for row in rows if row.label == leaders[0][0])
