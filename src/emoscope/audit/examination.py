"""The whole audit: every finding of labelled rows, and what of it is wrong or suspicious, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from emoscope.audit.entries import Entry, all_rows, group
from emoscope.audit.form import REMAINS, SplitSummary, summarize
from emoscope.audit.label_errors import LabelErrors, find_label_errors
from emoscope.audit.near_duplicates import NearDuplicate, find_near_duplicates
from emoscope.audit.shortcut import Shortcut, find_shortcut
from emoscope.data import Examples, RejectedRow
from emoscope.errors import DataError
from emoscope.evaluation.keywords import fit_keywords
from emoscope.protocols import Classifier

IMBALANCE = 5.0
"""A most frequent label with this many times the rows of the rarest is worth a hint."""

MIN_ROWS_OF_A_LABEL, MANY_ROWS_OF_A_LABEL = 5, 100
"""A label with fewer rows than the first, beside one with as many as the second, may be misspelt."""

SHORTCUT = 0.5
"""Share of the errors of naming the most frequent label that single words may mend before it is worth a hint."""


REFUSED = {
    "blank": "rows without a text in {}",
    "broken text": "rows whose text is none that can be read in {}",
    "no label": "rows without a label in {}",
    "unknown label": "rows with a label that is not allowed in {}",
}
"""Kinds of rows that training refuses, to what is said of them."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with the data.

    Attributes:
        kind: "blank", "broken text", "no label", "unknown label", "duplicates", "contradictions", "overlap",
            "contradicting overlap" or "missing label", which are certain; "rare label", "near-duplicates",
            "near-overlap", "label errors", "shortcut", "ambiguous keywords", "imbalance" or "form", which are hints.
        certain: whether it is a fact: `--strict` fails on those alone. A hint is an estimate or a matter of taste.
        splits: where.
        count: texts, rows, words or labels, as the message says; of a "shortcut", rows that it gets right.
        message: a line for people.
    """

    kind: str
    certain: bool
    splits: tuple[str, ...]
    count: int
    message: str


@dataclass(frozen=True)
class Audit:
    """What was found in a data set; plain data, from `audit`.

    Attributes:
        name: of the data set.
        labels: label names in index order.
        splits: summary of each split.
        refused: rows that training refuses; they count in nothing else.
        repeats: texts that stand in more than one row, within a split or in several.
        near_duplicates: different texts that are nearly equal.
        shortcut: how far one word gets; None of multi-label rows, and of too few.
        label_errors: likely ones; None of multi-label rows, and of too few.
    """

    name: str
    labels: tuple[str, ...]
    splits: dict[str, SplitSummary]
    refused: tuple[RejectedRow, ...]
    repeats: tuple[Entry, ...]
    near_duplicates: tuple[NearDuplicate, ...]
    shortcut: Shortcut | None
    label_errors: LabelErrors | None

    def duplicates(self, split: str) -> list[Entry]:
        """Texts that stand more than once in a split."""
        return [entry for entry in self.repeats if len(entry.within(split)) > 1]

    def contradictions(self, split: str) -> list[Entry]:
        """Texts that have more than one label in a split."""
        return [entry for entry in self.repeats if len(entry.labels(split)) > 1]

    def overlap(self, a: str, b: str) -> list[Entry]:
        """Texts that stand in both splits."""
        return [entry for entry in self.repeats if entry.within(a) and entry.within(b)]

    def contradicting_overlap(self, a: str, b: str) -> list[Entry]:
        """Texts that stand in both splits, but not with the same labels."""
        return [entry for entry in self.overlap(a, b) if entry.labels(a) != entry.labels(b)]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, the certain first."""
        return tuple(_certain(self)) + tuple(_hints(self))

    def to_json(self) -> dict[str, Any]:
        """The audit as `json.dumps` takes it, `problems` first."""
        return {"problems": [asdict(problem) for problem in self.problems], **asdict(self)}


def audit(
    splits: Mapping[str, Examples],
    *,
    refused: Sequence[RejectedRow] = (),
    classifier: Classifier | None = None,
    classifier_name: str = "the model",
) -> Audit:
    """Examine labelled rows.

    Args:
        splits: as `load_splits` gives them: one label set for all. Multi-label rows are held against each other by
            all their labels; keywords and label errors are not sought in them.
        refused: rows that could not be read into them, from `load_valid_splits`.
        classifier: judges the labels in the place of cross-validation; see `find_label_errors`.
        classifier_name: what the audit calls it.

    Raises:
        DataError: there is a split without rows, or no split.
        LabelError: the classifier's labels are not the data's.
    """
    if not splits or not all(map(len, splits.values())):
        raise DataError("a split has no rows, or there is no split; audit data with at least one row a split")
    pooled = _pooled(splits)
    rows = list(all_rows(splits, refused))
    entries = group(rows)
    near_duplicates = find_near_duplicates(entries)
    shortcut, label_errors = None, None
    if not pooled.multi_label:
        shortcut = find_shortcut(splits, pooled)
        coin_flips = fit_keywords(splits.get("train", pooled)).decides(pooled.texts)
        places = [row for _, row in rows]
        label_errors = find_label_errors(pooled, places, coin_flips, classifier, classifier_name)
    return Audit(
        name=pooled.name,
        labels=pooled.labels.names,
        splits={split: summarize(examples) for split, examples in splits.items()},
        refused=tuple(refused),
        repeats=tuple(entry for entry in entries if len(entry.rows) > 1),
        near_duplicates=tuple(near_duplicates),
        shortcut=shortcut,
        label_errors=label_errors,
    )


def _pooled(splits: Mapping[str, Examples]) -> Examples:
    """The rows of all splits as one, train first where it is the first split."""
    parts = list(splits.values())
    texts = [text for part in parts for text in part.texts]
    return Examples(texts, np.concatenate([part.label_ids for part in parts]), parts[0].labels, parts[0].name, None)


def _certain(found: Audit) -> Iterator[Problem]:
    for split, summary in found.splits.items():
        bad = Counter(row.kind for row in found.refused if row.split == split)
        for kind, message in REFUSED.items():
            yield from _counted(kind, split, bad[kind] + summary.form.get(kind, 0), message)
        yield from _counted("duplicates", split, len(found.duplicates(split)), "texts that stand more than once in {}")
        contradictions = len(found.contradictions(split))
        yield from _counted("contradictions", split, contradictions, "texts with more than one label in {}")
        missing = [label for label, rows in summary.labels.items() if not rows and _is_used(found, label)]
        if split == "train" and missing:
            message = f"train has no row of {', '.join(missing)}, other splits do"
            yield Problem("missing label", True, (split,), len(missing), message)
    for a, b in combinations(found.splits, 2):
        if overlap := len(found.overlap(a, b)):
            yield Problem("overlap", True, (a, b), overlap, f"texts that stand in {a} and in {b}: {overlap:,}")
        if worse := len(found.contradicting_overlap(a, b)):
            message = f"texts with other labels in {a} than in {b}: {worse:,}"
            yield Problem("contradicting overlap", True, (a, b), worse, message)


def _counted(kind: str, split: str, count: int, message: str) -> Iterator[Problem]:
    if count:
        yield Problem(kind, True, (split,), count, f"{message.format(split)}: {count:,}")


def _is_used(found: Audit, label: str) -> bool:
    return any(summary.labels[label] for summary in found.splits.values())


def _hints(found: Audit) -> Iterator[Problem]:
    splits = tuple(found.splits)
    if near := len(found.near_duplicates):
        yield Problem("near-duplicates", False, splits, near, f"texts that are nearly equal to another: {near:,}")
    if across := sum(map(_is_across, found.near_duplicates)):
        message = f"texts that are nearly equal to one of another split: {across:,}"
        yield Problem("near-overlap", False, splits, across, message)
    if found.label_errors and found.label_errors.suspects and not found.label_errors.judge_is_weak:
        yield _label_error_hint(found.label_errors, splits)
    if found.shortcut:
        yield from _shortcut_hints(found.shortcut, splits)
    yield from _rare_labels(found)
    for split, summary in found.splits.items():
        yield from _split_hints(split, summary)


def _is_across(pair: NearDuplicate) -> bool:
    return {row.split for row in pair.first.rows}.isdisjoint(row.split for row in pair.second.rows)


def _label_error_hint(errors: LabelErrors, splits: tuple[str, ...]) -> Problem:
    count, coin_flips = len(errors.suspects), sum(suspect.coin_flip for suspect in errors.suspects)
    message = (
        f"labels that are likely wrong: {count:,}, of which {coin_flips:,} hang on an ambiguous keyword "
        f"(the judge is right on {errors.accuracy:.1%} of the rows)"
    )
    return Problem("label errors", False, splits, count, message)


def _shortcut_hints(shortcut: Shortcut, splits: tuple[str, ...]) -> Iterator[Problem]:
    best = max(shortcut.accuracy, shortcut.accuracy_with_rare)
    if best - shortcut.majority > SHORTCUT * (1 - shortcut.majority):
        message = (
            f"one word a text is right on {shortcut.accuracy:.1%} of {shortcut.rows:,} held-out rows (rare words too: "
            f"{shortcut.accuracy_with_rare:.1%}; no word: {shortcut.majority:.1%})"
        )
        yield Problem("shortcut", False, splits, round(best * shortcut.rows), message)
    if count := len(shortcut.ambiguous):
        message = (
            f"words that decide labels like a coin: {count:,}; they leave an accuracy of about {shortcut.ceiling:.3f}"
        )
        yield Problem("ambiguous keywords", False, splits, count, message)


def _rare_labels(found: Audit) -> Iterator[Problem]:
    """Labels of so few rows that they may be misspelt."""
    rows = {label: sum(summary.labels[label] for summary in found.splits.values()) for label in found.labels}
    rare = [label for label, count in rows.items() if 0 < count < MIN_ROWS_OF_A_LABEL]
    if rare and max(rows.values()) >= MANY_ROWS_OF_A_LABEL:
        names = ", ".join(f"{label} {rows[label]}" for label in rare[:10])
        yield Problem("rare label", False, tuple(found.splits), len(rare), f"labels with hardly a row: {names}")


def _split_hints(split: str, summary: SplitSummary) -> Iterator[Problem]:
    counts = {label: rows for label, rows in summary.labels.items() if rows}
    if counts and max(counts.values()) >= IMBALANCE * min(counts.values()):
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        message = f"{most} has {counts[most] / counts[least]:.1f} times the rows of {least} in {split}"
        yield Problem("imbalance", False, (split,), counts[least], message)
    for check in REMAINS:
        if count := summary.form[check]:
            yield Problem("form", False, (split,), count, f"rows of {split} with {check}: {count:,}")
