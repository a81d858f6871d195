"""How far one word gets: the accuracy of the keyword rule on held-out rows, and the words that decide like a coin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.audit.entries import deal_folds
from emoscope.data import Examples
from emoscope.evaluation.keywords import AmbiguousKeyword, fit_keywords

FOLDS = 5


@dataclass(frozen=True)
class Shortcut:
    """What single words tell of the labels.

    Attributes:
        accuracy: of naming the label that most training rows with the text's strongest word have, words of fewer than
            MIN_ROWS rows left out, on held-out rows (`Keywords.name_labels`).
        accuracy_with_rare: likewise of all words, and of the rows that a word decides (`Keywords.predict_proba`).
        majority: of always naming the most frequent label, on the same rows.
        rows: how many held-out rows.
        held_out: which rows those are, in words.
        ambiguous: words that decide labels about evenly, in the train split or, without one, in all rows.
        decided: share of the held-out rows that one of them decides.
        ceiling: accuracy that they leave to any classifier on the held-out rows, estimated (`Keywords.ceiling`).
    """

    accuracy: float
    accuracy_with_rare: float
    majority: float
    rows: int
    held_out: str
    ambiguous: dict[str, AmbiguousKeyword]
    decided: float
    ceiling: float


def find_shortcut(splits: Mapping[str, Examples], pooled: Examples) -> Shortcut | None:
    """Fit the keyword rule of `evaluation.keywords` and apply it to rows that it was not fitted on.

    Args:
        splits: with "train" and others, the rule is fitted on train and applied to the others.
        pooled: all rows; without such splits, five folds of them are each judged by the other four.

    Returns:
        None where there are fewer than five rows, too few for folds.
    """
    others = [split for split in splits if split != "train"]
    if "train" in splits and others:
        train, held_out, where = splits["train"], pooled.subset(range(len(splits["train"]), len(pooled))), others
        right = _right(train, held_out)
    elif len(pooled) >= FOLDS:
        train, held_out, where = pooled, pooled, ["all rows, in five folds"]
        right = _cross_validated(pooled)
    else:
        return None
    keywords = fit_keywords(train)
    return Shortcut(
        accuracy=float(right[:, 0].mean()),
        accuracy_with_rare=float(right[:, 1].mean()),
        majority=float(np.mean(held_out.label_ids == np.bincount(train.label_ids).argmax())),
        rows=len(held_out),
        held_out=" and ".join(where),
        ambiguous=keywords.ambiguous,
        decided=float(keywords.decides(held_out.texts).mean()),
        ceiling=keywords.ceiling(held_out.texts),
    )


def _cross_validated(rows: Examples) -> NDArray[np.bool_]:
    folds = deal_folds(rows.texts, rows.label_ids, FOLDS)
    right = np.zeros((len(rows), 2), np.bool_)
    for fold in np.unique(folds):
        inside = folds == fold
        if not inside.all():
            right[inside] = _right(rows.subset(~inside), rows.subset(inside))
    return right


def _right(train: Examples, held_out: Examples) -> NDArray[np.bool_]:
    """Whether the word of each text names its label, without and with rare words, (rows, 2)."""
    keywords = fit_keywords(train)
    named = keywords.name_labels(held_out.texts), keywords.predict_proba(held_out.texts).argmax(1)
    right: NDArray[np.bool_] = np.stack(named, axis=1) == held_out.label_ids[:, None]
    return right
