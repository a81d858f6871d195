"""Length and form of the texts of a split, and how many rows each label has."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from emoscope.data import Examples

TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>")
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

CHECKS: dict[str, Callable[[str], Any]] = {
    "blank": lambda text: not text.strip(),
    "no letter or digit": lambda text: not any(map(str.isalnum, text)),
    "URL or its remains": re.compile(r"https?://|\b(?:www|https?|href)\b", re.IGNORECASE).search,
    "HTML or its remains": re.compile(rf"{TAG.pattern}|{ENTITY.pattern}|\b(?:amp|nbsp|quot)\b").search,
    "broken encoding": re.compile("�|Ã[\x80-¿]|â[\x80€]").search,
    "control character": re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").search,
    "surplus white space": lambda text: text != " ".join(text.split()),
    "not ASCII": lambda text: not text.isascii(),
    "capital letter": lambda text: text != text.lower(),
    "punctuation": re.compile(r"[^\w\s]").search,
}
"""Name of each check, to a function that is true of the texts to count."""

REMAINS = ("URL or its remains", "HTML or its remains", "broken encoding", "control character")
"""The checks that tell of an export gone wrong; the others but "blank" are habits."""


@dataclass(frozen=True)
class SplitSummary:
    """The rows of a split, counted.

    Attributes:
        rows: how many.
        fingerprint: `Examples.fingerprint`.
        labels: rows with each label.
        words: mean, median and most of the words a text, parted at white space.
        form: rows of which each of CHECKS is true.
    """

    rows: int
    fingerprint: str
    labels: dict[str, int]
    words: dict[str, float]
    form: dict[str, int]


def summarize(examples: Examples) -> SplitSummary:
    """Count the rows of a split that has at least one."""
    words = np.array([len(text.split()) for text in examples.texts])
    return SplitSummary(
        len(examples),
        examples.fingerprint,
        _label_counts(examples),
        {"mean": float(words.mean()), "median": float(np.median(words)), "most": int(words.max())},
        {name: sum(1 for text in examples.texts if check(text)) for name, check in CHECKS.items()},
    )


def _label_counts(examples: Examples) -> dict[str, int]:
    names = examples.labels.names
    ids = examples.label_ids
    counts = ids.sum(0) if examples.multi_label else np.bincount(ids, minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))
