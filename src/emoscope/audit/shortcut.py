"""How well a single word predicts the label, and which words predict two labels about equally."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.data import Examples
from emoscope.evaluation.keywords import AmbiguousKeyword, fit_keywords
from emoscope.folds import assign_folds

FOLDS = 5


@dataclass(frozen=True)
class Shortcut:
    """What single words reveal about the labels, measured on rows that the words were not counted on.

    Attributes:
        accuracy: share of right labels if a text gets the label of most training rows with its strongest word, among
            words with at least MIN_ROWS rows (`Keywords.predict_label_ids`).
        accuracy_with_rare: the same with all words, over the rows that a word decides (`Keywords.predict_proba`).
        majority: share of right labels if every text gets the most frequent label.
        rows: number of rows that these were measured on.
        evaluated_on: which rows those are, in words.
        ambiguous: the ambiguous keywords of the train split, or of all rows without one: words whose rows are spread
            over labels.
        decided: share of the evaluated rows that an ambiguous keyword decides.
        ceiling: estimated highest accuracy of any classifier on the evaluated rows (`Keywords.ceiling`).
    """

    accuracy: float
    accuracy_with_rare: float
    majority: float
    rows: int
    evaluated_on: str
    ambiguous: dict[str, AmbiguousKeyword]
    decided: float
    ceiling: float


def find_shortcut(splits: Mapping[str, Examples], pooled: Examples) -> Shortcut | None:
    """Fit the keyword rule of `evaluation.keywords` and apply it to other rows than it was fitted on.

    Args:
        splits: the rule is fitted on "train" and applied to the other splits, if there are both.
        pooled: all rows; cross-validated in five folds if there are not.

    Returns:
        None if there are fewer than five rows, too few for folds.
    """
    others = [split for split in splits if split != "train"]
    if "train" in splits and others:
        train, evaluated, where = splits["train"], pooled.subset(range(len(splits["train"]), len(pooled))), others
        right = _right(train, evaluated)
    elif len(pooled) >= FOLDS:
        train, evaluated, where = pooled, pooled, ["all rows, in five folds"]
        right = _cross_validated(pooled)
    else:
        return None
    keywords = fit_keywords(train)
    return Shortcut(
        accuracy=float(right[:, 0].mean()),
        accuracy_with_rare=float(right[:, 1].mean()),
        majority=float(np.mean(evaluated.label_ids == np.bincount(train.label_ids).argmax())),
        rows=len(evaluated),
        evaluated_on=" and ".join(where),
        ambiguous=keywords.ambiguous,
        decided=float(keywords.decides(evaluated.texts).mean()),
        ceiling=keywords.ceiling(evaluated.texts),
    )


def _cross_validated(rows: Examples) -> NDArray[np.bool_]:
    folds = assign_folds(rows.texts, FOLDS, label_ids=rows.label_ids)
    right = np.zeros((len(rows), 2), np.bool_)
    for fold in np.unique(folds):
        inside = folds == fold
        if not inside.all():
            right[inside] = _right(rows.subset(~inside), rows.subset(inside))
    return right


def _right(train: Examples, evaluated: Examples) -> NDArray[np.bool_]:
    """Whether the word of each text predicts its label, without and with rare words, (rows, 2)."""
    keywords = fit_keywords(train)
    predicted = keywords.predict_label_ids(evaluated.texts), keywords.predict_proba(evaluated.texts).argmax(1)
    right: NDArray[np.bool_] = np.stack(predicted, axis=1) == evaluated.label_ids[:, None]
    return right
