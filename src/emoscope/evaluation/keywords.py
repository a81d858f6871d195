"""Ambiguous keywords: words that decide the label of a text, but decide it like a coin.

Labels that were made from keywords leave a trace: one word of a text tells nearly all of it, and where that
word was used for two labels nothing in the text can tell which was meant. Such rows bound the accuracy that
is left to any classifier.

Words are those of the plain form of a text: "WEIRD." is "weird".

A word's label distribution is p = (counts + PRIOR * base) / (rows + PRIOR), with `counts` the rows
with the word by label and `base` the label shares of the data; its strength is KL(p || base), in nats. The
keyword of a text is its strongest word. A keyword that decides at least MIN_ROWS rows, with less than
MAJORITY of them under one label, is ambiguous.
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
"""Rows that the label shares of the data count for in a word's label distribution."""

MIN_ROWS = 15
"""Rows that a keyword must decide before it can be called ambiguous; rows that a word must stand in not to be rare."""

MAJORITY = 0.7
"""A keyword whose majority label has at least this share is not ambiguous."""


@dataclass(frozen=True)
class AmbiguousKeyword:
    """A word that decides `rows` rows of the data, a `share` of them under the majority `label`."""

    rows: int
    label: str
    share: float


@dataclass(frozen=True)
class Keywords:
    """Keywords of a data set, from `fit_keywords`; as a classifier, the baseline that reads one word a text.

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
        """The strongest word of a text, the first of several; "" where the data has none of its words."""
        return _strongest(text, self._strength)

    def contains(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Which texts contain an ambiguous keyword, whatever decides them: (texts,)."""
        return np.array([not self.ambiguous.keys().isdisjoint(_words(text)) for text in texts], np.bool_)

    def decides(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Which texts have an ambiguous keyword as their strongest word: (texts,)."""
        return np.array([self.keyword(text) in self.ambiguous for text in texts], np.bool_)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Label shares of the rows that each text's keyword decides, float32 (texts, labels).

        A keyword that decides no row of the data gives the shares of the whole data.
        """
        base = self._shares[""]
        rows = [self._shares.get(self.keyword(text), base) for text in texts]
        return np.array(rows, np.float32).reshape(len(rows), len(self.labels))

    def name_labels(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Label ids by one word a text, int64 (texts,): the plainest of shortcuts.

        The strongest word of those that stand in at least MIN_ROWS rows of the data names the label that most of
        these rows have. A text without such a word gets the most frequent label.
        """
        strength = {word: self._strength[word] for word in self._majority if word}
        return np.array([self._majority[_strongest(text, strength)] for text in texts], np.int64)

    def ceiling(self, texts: Sequence[str]) -> float:
        """Accuracy to expect of a classifier that errs on nothing but the toss of an ambiguous keyword.

        It decides every text right except those decided by an ambiguous keyword, where it names the majority
        label and is right as often as that label's share. An estimate: a text may hold more than the keyword.

        Args:
            texts: at least one; their labels play no part.
        """
        found = (self.ambiguous.get(self.keyword(text)) for text in texts)
        return float(np.mean([keyword.share if keyword else 1.0 for keyword in found]))


def fit_keywords(examples: Examples) -> Keywords:
    """Find the keywords of labelled rows, and which of them are ambiguous.

    Args:
        examples: rows to learn from: a train split, so that it can be held against other rows.

    Raises:
        DataError: there are no rows, or they may have several labels.
    """
    if examples.multi_label:
        raise DataError(f"{examples.name} has any number of labels a row; keywords need rows with one label each")
    if not len(examples):
        raise DataError(f"{examples.name} has no rows; keywords need labelled rows to be found in")
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
    """The words, and their rows by label, float64 (words, labels)."""
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
    found: dict[str, AmbiguousKeyword] = {}
    for word, counts in sorted(decided.items(), key=lambda item: (-item[1].sum(), item[0])):
        rows, share = int(counts.sum()), float(counts.max() / counts.sum())
        if word and rows >= MIN_ROWS and share < MAJORITY:
            found[word] = AmbiguousKeyword(rows, labels[int(counts.argmax())], share)
    return found
