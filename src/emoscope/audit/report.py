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

ERRORS = {
    "blank": "rows of {0} without text: {count:,}",
    "broken text": "rows of {0} whose text cannot be read: {count:,}",
    "no label": "rows of {0} without a label: {count:,}",
    "unknown label": "rows of {0} with an unknown label: {count:,}",
    "duplicates": "texts in more than one row of {0}: {count:,}",
    "contradictions": "texts with more than one label in {0}: {count:,}",
    "missing label": "{0} has no rows of {labels}, but other splits have",
    "overlap": "texts in both {0} and {1}: {count:,}",
    "contradicting overlap": "texts with different labels in {0} and {1}: {count:,}",
}
"""Messages by the kind of error; {0} and {1} are splits."""

HINTS = {
    "near-duplicates": "texts nearly equal to another text: {count:,}",
    "near-overlap": "texts nearly equal to a text of another split: {count:,}",
    "label errors": "labels that are likely wrong: {count:,}, {ambiguous:,} of them decided by an ambiguous keyword "
    "(the model is right on {found.accuracy:.1%} of the rows)",
    "shortcut": "a single word predicts {found.accuracy:.1%} of {found.rows:,} labels (with rare words "
    "{found.accuracy_with_rare:.1%}, the most frequent label {found.majority:.1%})",
    "ambiguous keywords": "ambiguous keywords: {count:,}; they limit the accuracy of any model to about "
    "{found.ceiling:.3f}",
    "rare label": "labels with very few rows: {labels}",
    "imbalance": "{frequent} has {ratio:.1f} times as many rows as {rarest} in {0}",
    "form": "rows of {0} with {check}: {count:,}",
}
"""Messages by the kind of hint."""

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
        kind: a key of ERRORS or HINTS.
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


def _issues(splits: tuple[str, ...], counts: Mapping[str, int], **values: Any) -> Iterator[Issue]:
    """An issue of each kind with a count; the values complete its message."""
    for kind, count in counts.items():
        if count:
            message = (ERRORS | HINTS)[kind].format(*splits, count=count, **values)
            yield Issue(kind, kind in ERRORS, splits, count, message)


def _errors(audit: Audit) -> Iterator[Issue]:
    for split, summary in audit.splits.items():
        rejected = Counter(row.kind for row in audit.rejected if row.split == split)
        rejected["blank"] += summary.form["blank"]
        missing = [label for label, rows in summary.labels.items() if not rows and _is_used(audit, label)]
        counts = {kind: rejected[kind] for kind in ERRORS} | {
            "duplicates": len(audit.duplicates(split)),
            "contradictions": len(audit.contradictions(split)),
            "missing label": len(missing) if split == "train" else 0,
        }
        yield from _issues((split,), counts, labels=", ".join(missing))
    for a, b in combinations(audit.splits, 2):
        shared = {"overlap": audit.overlap(a, b), "contradicting overlap": audit.contradicting_overlap(a, b)}
        yield from _issues((a, b), {kind: len(texts) for kind, texts in shared.items()})


def _is_used(audit: Audit, label: str) -> bool:
    return any(summary.labels[label] for summary in audit.splits.values())


def _hints(audit: Audit) -> Iterator[Issue]:
    splits, found, shortcut = tuple(audit.splits), audit.label_issues, audit.shortcut
    across = sum(map(_is_across, audit.near_duplicates))
    yield from _issues(splits, {"near-duplicates": len(audit.near_duplicates), "near-overlap": across})
    if found and not found.model_is_weak:
        ambiguous = sum(issue.ambiguous for issue in found.issues)
        yield from _issues(splits, {"label errors": len(found.issues)}, found=found, ambiguous=ambiguous)
    if shortcut:
        best = max(shortcut.accuracy, shortcut.accuracy_with_rare)
        is_strong = best - shortcut.majority > SHORTCUT * (1 - shortcut.majority)
        counts = {"shortcut": is_strong * round(best * shortcut.rows), "ambiguous keywords": len(shortcut.ambiguous)}
        yield from _issues(splits, counts, found=shortcut)
    rows = {label: sum(summary.labels[label] for summary in audit.splits.values()) for label in audit.labels}
    rare = [f"{label} {count}" for label, count in rows.items() if 0 < count < RARE_LABEL_ROWS]
    if max(rows.values()) >= FREQUENT_LABEL_ROWS:
        yield from _issues(splits, {"rare label": len(rare)}, labels=", ".join(rare[:10]))
    for split, summary in audit.splits.items():
        yield from _split_hints(split, summary)


def _is_across(pair: NearDuplicate) -> bool:
    return {row.split for row in pair.first.rows}.isdisjoint(row.split for row in pair.second.rows)


def _split_hints(split: str, summary: SplitSummary) -> Iterator[Issue]:
    counts = {label: rows for label, rows in summary.labels.items() if rows}
    frequent, rarest = (extreme(counts, key=counts.__getitem__, default="") for extreme in (max, min))
    if counts and (ratio := counts[frequent] / counts[rarest]) >= IMBALANCE:
        imbalance = {"imbalance": counts[rarest]}
        yield from _issues((split,), imbalance, frequent=frequent, rarest=rarest, ratio=ratio)
    for check in EXPORT_DAMAGE:
        yield from _issues((split,), {"form": summary.form[check]}, check=check)
