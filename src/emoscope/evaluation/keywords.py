"""Ambiguous keywords: words that decide the label of a text, but no better than a coin toss.

Labels that were derived from keywords leave a trace: one word of a text nearly determines its label. If that word was
used for two labels, nothing in the text tells which one was meant. Such rows limit the accuracy of any classifier.

Words are those of the plain form of a text: "WEIRD." is "weird".

A word's label distribution is p = (counts + PRIOR * base) / (rows + PRIOR), with `counts` the rows that contain the
word, by label, and `base` the label shares of the data; its strength is KL(p || base), in nats. The keyword of a text
is its strongest word. A keyword that decides at least MIN_ROWS rows, with less than MAJORITY of them under one label,
is ambiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError
from emoscope.text import normalize

if TYPE_CHECKING:
    from emoscope.data import Examples

PRIOR = 2.0
"""Weight of the label shares of the data in a word's label distribution, in rows."""
MIN_ROWS = 15
"""Rows that a keyword must decide to be called ambiguous, and rows that must contain a word for it not to be rare."""
MAJORITY = 0.7
"""Share of one label from which a keyword is not ambiguous."""


@dataclass(frozen=True)
class AmbiguousKeyword:
    """A word that decides `rows` rows of the data, a `share` of them under its most frequent `label`."""

    rows: int
    label: str
    share: float


@dataclass(frozen=True)
class Keywords:
    """Keywords of a data set, from `fit_keywords`; also a baseline classifier that reads one word of a text.

    Attributes:
        labels: label names in index order.
        ambiguous: the ambiguous keywords, those that decide most rows first.
    """

    labels: tuple[str, ...]
    ambiguous: dict[str, AmbiguousKeyword]
    _strength: dict[str, float] = field(repr=False)
    _shares: dict[str, NDArray[np.float64]] = field(repr=False)
    _majority: dict[str, int] = field(repr=False)

    def keyword(self, text: str) -> str:
        """The strongest word of a text, the first of several equally strong; "" if the data has none of its words."""
        return _strongest(text, self._strength)

    def contains(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each text contains an ambiguous keyword, whichever word decides it; bool (texts,)."""
        return np.array([not self.ambiguous.keys().isdisjoint(_words(text)) for text in texts], np.bool_)

    def decides(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Whether the strongest word of each text is an ambiguous keyword; bool (texts,)."""
        return np.array([self.keyword(text) in self.ambiguous for text in texts], np.bool_)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Label shares of the rows that each text's keyword decides, float32 (texts, labels).

        A text whose keyword decides no row of the data gets the label shares of all data.
        """
        base = self._shares[""]
        rows = [self._shares.get(self.keyword(text), base) for text in texts]
        return np.array(rows, np.float32).reshape(len(rows), len(self.labels))

    def predict_label_ids(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Label ids predicted from one word of each text, int64 (texts,): the simplest shortcut.

        The strongest word among those in at least MIN_ROWS rows of the data predicts the most frequent label of these
        rows. A text without such a word gets the most frequent label of all.
        """
        strength = {word: self._strength[word] for word in self._majority if word}
        return np.array([self._majority[_strongest(text, strength)] for text in texts], np.int64)

    def ceiling(self, texts: Sequence[str]) -> float:
        """Expected accuracy of a classifier whose only errors are those that ambiguous keywords force on it.

        It is right on every text except those decided by an ambiguous keyword. For these it predicts the keyword's most
        frequent label, and is right as often as that label's share. This is an estimate: a text may hold more
        information than its keyword.

        Args:
            texts: at least one; their labels are not needed.
        """
        keywords = (self.ambiguous.get(self.keyword(text)) for text in texts)
        return float(np.mean([keyword.share if keyword else 1.0 for keyword in keywords]))


def fit_keywords(examples: Examples) -> Keywords:
    """Find the keywords of labelled rows, and which of them are ambiguous.

    Args:
        examples: single-label rows to learn from, such as a train split, so that other rows can be compared with them.

    Raises:
        DataError: there are no rows, or they are multi-label.
    """
    if examples.multi_label:
        raise DataError(f"{examples.name} is multi-label; keywords need rows with one label each")
    if not len(examples):
        raise DataError(f"{examples.name} has no rows; keywords need labelled rows")
    labels = examples.labels.names
    base = np.bincount(examples.label_ids, minlength=len(labels)) / len(examples)
    words, counts = _word_counts(examples)
    strength = dict(zip(words, _strengths(counts, base), strict=True))
    majority = {words[i]: int(counts[i].argmax()) for i in np.flatnonzero(counts.sum(1) >= MIN_ROWS)}
    decided: dict[str, NDArray[np.float64]] = {}
    for text, label_id in zip(examples.texts, examples.label_ids.tolist(), strict=True):
        decided.setdefault(_strongest(text, strength), np.zeros(len(labels)))[label_id] += 1
    shares = {word: counts / counts.sum() for word, counts in decided.items()} | {"": base}
    return Keywords(labels, _ambiguous(decided, labels), strength, shares, majority | {"": int(base.argmax())})


def _word_counts(examples: Examples) -> tuple[list[str], NDArray[np.float64]]:
    """The words, and the number of rows with each of them by label, float64 (words, labels)."""
    index: dict[str, int] = {}
    pairs = [
        (index.setdefault(word, len(index)), label_id)
        for text, label_id in zip(examples.texts, examples.label_ids.tolist(), strict=True)
        for word in set(_words(text))
    ]
    counts = np.zeros((len(index), len(examples.labels)))
    np.add.at(counts, tuple(np.array(pairs, np.int64).reshape(-1, 2).T), 1.0)
    return list(index), counts


def _strengths(counts: NDArray[np.float64], base: NDArray[np.float64]) -> list[float]:
    shares = (counts + PRIOR * base) / (counts.sum(1, keepdims=True) + PRIOR)
    ratio = np.divide(shares, base, out=np.ones_like(shares), where=shares > 0)
    strengths: list[float] = (shares * np.log(ratio)).sum(1).tolist()
    return strengths


def _words(text: str) -> list[str]:
    return normalize(text).split()


def _strongest(text: str, strength: dict[str, float]) -> str:
    known = (word for word in _words(text) if word in strength)
    return max(known, key=strength.__getitem__, default="")


def _ambiguous(decided: dict[str, NDArray[np.float64]], labels: tuple[str, ...]) -> dict[str, AmbiguousKeyword]:
    ambiguous: dict[str, AmbiguousKeyword] = {}
    for word, counts in sorted(decided.items(), key=lambda item: (-item[1].sum(), item[0])):
        rows, share = int(counts.sum()), float(counts.max() / counts.sum())
        if word and rows >= MIN_ROWS and share < MAJORITY:
            ambiguous[word] = AmbiguousKeyword(rows, labels[int(counts.argmax())], share)
    return ambiguous
