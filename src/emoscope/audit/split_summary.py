"""Text lengths, text checks and label counts of a split."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emoscope.data import Examples
from emoscope.text_damage import ENTITY, decode_escapes, decode_mojibake

TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>")

CHECKS: dict[str, Callable[[str], Any]] = {
    "blank": lambda text: not text.strip(),
    "no letter or digit": lambda text: not any(map(str.isalnum, text)),
    "URL or part of one": re.compile(r"https?://|\b(?:www|https?|href)\b", re.IGNORECASE).search,
    "HTML or part of it": re.compile(rf"{TAG.pattern}|{ENTITY.pattern}|\b(?:amp|nbsp|quot)\b").search,
    "broken encoding": lambda text: "�" in text or decode_mojibake(text) != text,
    "escaped character": lambda text: decode_escapes(text) != text,
    "control character": re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]").search,
    "extra white space": lambda text: text != " ".join(text.split()),
    "not ASCII": lambda text: not text.isascii(),
    "capital letter": lambda text: text != text.lower(),
    "punctuation": re.compile(r"[^\w\s]").search,
}
"""Functions by the name of the check; each is true for the texts to count."""

EXPORT_DAMAGE = (
    "URL or part of one",
    "HTML or part of it",
    "broken encoding",
    "escaped character",
    "control character",
)
"""The checks that point to a faulty export. The others describe a style of writing, except "blank"."""


@dataclass(frozen=True)
class SplitSummary:
    """Counts over the rows of a split.

    Attributes:
        rows: number of rows.
        fingerprint: `Examples.fingerprint`.
        labels: number of rows with each label.
        words: mean, median and maximum number of words in a text, separated by white space.
        form: number of rows for which each of CHECKS is true.
        skipped: number of rows with each label that is not among the labels, which nothing else counts.
    """

    rows: int
    fingerprint: str
    labels: dict[str, int]
    words: dict[str, float]
    form: dict[str, int]
    skipped: dict[str, int] = field(default_factory=dict)


def summarize(examples: Examples) -> SplitSummary:
    """Summarize a split with at least one row."""
    words = np.array([len(text.split()) for text in examples.texts])
    return SplitSummary(
        len(examples),
        examples.fingerprint,
        _label_counts(examples),
        {"mean": float(words.mean()), "median": float(np.median(words)), "max": int(words.max())},
        {name: sum(1 for text in examples.texts if check(text)) for name, check in CHECKS.items()},
        examples.skipped_labels,
    )


def _label_counts(examples: Examples) -> dict[str, int]:
    names, ids = examples.labels.names, examples.label_ids
    counts = ids.sum(0) if examples.multi_label else np.bincount(ids, minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))
