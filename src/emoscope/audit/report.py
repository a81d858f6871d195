"""The audit report: what is wrong or suspicious in labelled rows, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from emoscope.audit.label_issues import LabelIssues, find_label_issues
from emoscope.audit.near_duplicates import NearDuplicate, find_near_duplicates
from emoscope.audit.shortcut import Shortcut, find_shortcut
from emoscope.audit.split_summary import EXPORT_DAMAGE, SplitSummary, summarize
from emoscope.audit.unique_texts import UniqueText, group_by_text, usable_rows
from emoscope.data import Examples, RejectedRow
from emoscope.errors import DataError
from emoscope.evaluation.keywords import fit_keywords
from emoscope.protocols import Classifier

IMBALANCE = 5.0
"""Ratio of the rows of the most frequent and the rarest label from which there is a hint."""

RARE_LABEL_ROWS, FREQUENT_LABEL_ROWS = 5, 100
"""A label with fewer rows than the first may be misspelt, if another label has at least as many as the second."""

SHORTCUT = 0.5
"""There is a hint if single words avoid more than this share of the errors of predicting the most frequent label."""

REJECTED = {
    "blank": "rows of {} without text",
    "broken text": "rows of {} whose text cannot be read",
    "no label": "rows of {} without a label",
    "unknown label": "rows of {} with an unknown label",
}
"""Messages by the kind of rows that training rejects."""

OLD_CHECKS = {
    "URL or part of one": "URL or its remains",
    "HTML or part of it": "HTML or its remains",
    "extra white space": "surplus white space",
}
"""Names of checks in the JSON of version 0.1."""


@dataclass(frozen=True)
class Issue:
    """Something that is wrong with the data, or may be.

    Attributes:
        kind: "blank", "broken text", "no label", "unknown label", "duplicates", "contradictions", "overlap",
            "contradicting overlap" or "missing label" (errors); "rare label", "near-duplicates", "near-overlap",
            "label errors", "shortcut", "ambiguous keywords", "imbalance" or "form" (hints).
        certain: whether it is an error, which `--strict` fails on. A hint is an estimate, or a matter of taste.
        splits: the splits that have it.
        count: number of texts, rows, words or labels, as the message says; of a "shortcut", of rows predicted right.
        message: one line for people.
    """

    kind: str
    certain: bool
    splits: tuple[str, ...]
    count: int
    message: str


@dataclass(frozen=True)
class Audit:
    """What `audit` found in a data set, as plain data.

    Attributes:
        name: name of the data set.
        labels: label names in index order.
        splits: summary of each split.
        rejected: rows that training rejects; nothing else counts them.
        repeats: texts in more than one row, within a split or in several.
        near_duplicates: pairs of different texts that are nearly equal.
        shortcut: how well single words predict the labels; None for multi-label rows, and for too few rows.
        label_issues: likely label errors; None for multi-label rows, and for too few rows.
    """

    name: str
    labels: tuple[str, ...]
    splits: dict[str, SplitSummary]
    rejected: tuple[RejectedRow, ...]
    repeats: tuple[UniqueText, ...]
    near_duplicates: tuple[NearDuplicate, ...]
    shortcut: Shortcut | None
    label_issues: LabelIssues | None

    def duplicates(self, split: str) -> list[UniqueText]:
        """Texts in more than one row of a split."""
        return [text for text in self.repeats if len(text.rows_in(split)) > 1]

    def contradictions(self, split: str) -> list[UniqueText]:
        """Texts with more than one label in a split."""
        return [text for text in self.repeats if len(text.labels_in(split)) > 1]

    def overlap(self, a: str, b: str) -> list[UniqueText]:
        """Texts in both splits."""
        return [text for text in self.repeats if text.rows_in(a) and text.rows_in(b)]

    def contradicting_overlap(self, a: str, b: str) -> list[UniqueText]:
        """Texts in both splits, with different labels."""
        return [text for text in self.overlap(a, b) if text.labels_in(a) != text.labels_in(b)]

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What is wrong or may be, errors first."""
        return (*_errors(self), *_hints(self))

    def to_json(self) -> dict[str, Any]:
        """The audit for `json.dumps`, `issues` first; at the end, under the keys of version 0.1, what was renamed."""
        report = {"issues": [asdict(issue) for issue in self.issues], **asdict(self)}
        return report | _old_keys(report)


def _old_keys(report: dict[str, Any]) -> dict[str, Any]:
    """The renamed parts of a report under the keys of version 0.1; those within `splits` and `shortcut` are added."""
    for summary in report["splits"].values():
        summary["words"]["most"] = summary["words"]["max"]
        summary["form"] |= {old: summary["form"][new] for new, old in OLD_CHECKS.items()}
    if report["shortcut"]:
        report["shortcut"]["held_out"] = report["shortcut"]["evaluated_on"]
    label_errors = report["label_issues"] and {
        **{key: report["label_issues"][key] for key in ("rows", "accuracy", "majority")},
        "judge": report["label_issues"]["model"],
        "suspects": [{**issue, "coin_flip": issue["ambiguous"]} for issue in report["label_issues"]["issues"]],
    }
    return {"problems": report["issues"], "refused": report["rejected"], "label_errors": label_errors}


def audit(
    splits: Mapping[str, Examples],
    *,
    rejected: Sequence[RejectedRow] = (),
    classifier: Classifier | None = None,
    classifier_name: str = "the model",
) -> Audit:
    """Audit labelled rows.

    Args:
        splits: from `load_splits` or `load_valid_splits`, with the same labels in all. Multi-label rows are compared by
            all their labels; they are not searched for keywords and label errors.
        rejected: rows that could not be read, from `load_valid_splits`.
        classifier: finds likely label errors in place of cross-validation; see `find_label_issues`.
        classifier_name: what the audit calls it.

    Raises:
        DataError: a split has no rows, or there is no split.
        LabelError: the classifier's labels are not the data's.
    """
    if not splits or not all(map(len, splits.values())):
        raise DataError("a split has no rows, or there is no split; audit data with at least one row in each split")
    pooled = _pooled(splits)
    rows = list(usable_rows(splits, rejected))
    texts = group_by_text(rows)
    near_duplicates = find_near_duplicates(texts)
    shortcut, label_issues = None, None
    if not pooled.multi_label:
        shortcut = find_shortcut(splits, pooled)
        ambiguous = fit_keywords(splits.get("train", pooled)).decides(pooled.texts)
        label_issues = find_label_issues(pooled, [row for _, row in rows], ambiguous, classifier, classifier_name)
    return Audit(
        name=pooled.name,
        labels=pooled.labels.names,
        splits={split: summarize(examples) for split, examples in splits.items()},
        rejected=tuple(rejected),
        repeats=tuple(text for text in texts if len(text.rows) > 1),
        near_duplicates=tuple(near_duplicates),
        shortcut=shortcut,
        label_issues=label_issues,
    )


def _pooled(splits: Mapping[str, Examples]) -> Examples:
    """The rows of all splits, in the order of the splits."""
    parts = list(splits.values())
    texts = [text for part in parts for text in part.texts]
    return Examples(texts, np.concatenate([part.label_ids for part in parts]), parts[0].labels, parts[0].name, None)


def _errors(audit: Audit) -> Iterator[Issue]:
    for split, summary in audit.splits.items():
        rejected = Counter(row.kind for row in audit.rejected if row.split == split)
        counts = {message: (kind, rejected[kind] + summary.form.get(kind, 0)) for kind, message in REJECTED.items()}
        counts["texts in more than one row of {}"] = "duplicates", len(audit.duplicates(split))
        counts["texts with more than one label in {}"] = "contradictions", len(audit.contradictions(split))
        for message, (kind, count) in counts.items():
            if count:
                yield Issue(kind, True, (split,), count, f"{message.format(split)}: {count:,}")
        missing = [label for label, rows in summary.labels.items() if not rows and _is_used(audit, label)]
        if split == "train" and missing:
            message = f"train has no rows of {', '.join(missing)}, but other splits have"
            yield Issue("missing label", True, (split,), len(missing), message)
    for a, b in combinations(audit.splits, 2):
        if count := len(audit.overlap(a, b)):
            yield Issue("overlap", True, (a, b), count, f"texts in both {a} and {b}: {count:,}")
        if count := len(audit.contradicting_overlap(a, b)):
            message = f"texts with different labels in {a} and {b}: {count:,}"
            yield Issue("contradicting overlap", True, (a, b), count, message)


def _is_used(audit: Audit, label: str) -> bool:
    return any(summary.labels[label] for summary in audit.splits.values())


def _hints(audit: Audit) -> Iterator[Issue]:
    splits = tuple(audit.splits)
    if count := len(audit.near_duplicates):
        yield Issue("near-duplicates", False, splits, count, f"texts nearly equal to another text: {count:,}")
    if count := sum(map(_is_across, audit.near_duplicates)):
        message = f"texts nearly equal to a text of another split: {count:,}"
        yield Issue("near-overlap", False, splits, count, message)
    if audit.label_issues and audit.label_issues.issues and not audit.label_issues.model_is_weak:
        yield _label_issues_hint(audit.label_issues, splits)
    if audit.shortcut:
        yield from _shortcut_hints(audit.shortcut, splits)
    yield from _rare_labels(audit)
    for split, summary in audit.splits.items():
        yield from _split_hints(split, summary)


def _is_across(pair: NearDuplicate) -> bool:
    return {row.split for row in pair.first.rows}.isdisjoint(row.split for row in pair.second.rows)


def _label_issues_hint(found: LabelIssues, splits: tuple[str, ...]) -> Issue:
    count, ambiguous = len(found.issues), sum(issue.ambiguous for issue in found.issues)
    message = (
        f"labels that are likely wrong: {count:,}, {ambiguous:,} of them decided by an ambiguous keyword "
        f"(the model is right on {found.accuracy:.1%} of the rows)"
    )
    return Issue("label errors", False, splits, count, message)


def _shortcut_hints(shortcut: Shortcut, splits: tuple[str, ...]) -> Iterator[Issue]:
    best = max(shortcut.accuracy, shortcut.accuracy_with_rare)
    if best - shortcut.majority > SHORTCUT * (1 - shortcut.majority):
        message = (
            f"a single word predicts {shortcut.accuracy:.1%} of {shortcut.rows:,} labels (with rare words "
            f"{shortcut.accuracy_with_rare:.1%}, the most frequent label {shortcut.majority:.1%})"
        )
        yield Issue("shortcut", False, splits, round(best * shortcut.rows), message)
    if count := len(shortcut.ambiguous):
        message = f"ambiguous keywords: {count:,}; they limit the accuracy of any model to about {shortcut.ceiling:.3f}"
        yield Issue("ambiguous keywords", False, splits, count, message)


def _rare_labels(audit: Audit) -> Iterator[Issue]:
    """Labels with so few rows that they may be misspelt."""
    rows = {label: sum(summary.labels[label] for summary in audit.splits.values()) for label in audit.labels}
    rare = [label for label, count in rows.items() if 0 < count < RARE_LABEL_ROWS]
    if rare and max(rows.values()) >= FREQUENT_LABEL_ROWS:
        names = ", ".join(f"{label} {rows[label]}" for label in rare[:10])
        yield Issue("rare label", False, tuple(audit.splits), len(rare), f"labels with very few rows: {names}")


def _split_hints(split: str, summary: SplitSummary) -> Iterator[Issue]:
    counts = {label: rows for label, rows in summary.labels.items() if rows}
    frequent, rarest = (extreme(counts, key=counts.__getitem__, default="") for extreme in (max, min))
    if counts and counts[frequent] >= IMBALANCE * counts[rarest]:
        message = f"{frequent} has {counts[frequent] / counts[rarest]:.1f} times as many rows as {rarest} in {split}"
        yield Issue("imbalance", False, (split,), counts[rarest], message)
    for check in EXPORT_DAMAGE:
        if count := summary.form[check]:
            yield Issue("form", False, (split,), count, f"rows of {split} with {check}: {count:,}")
