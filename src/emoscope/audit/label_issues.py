"""Rows whose label is likely wrong, found by confident learning over out-of-fold probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cleanlab.filter import find_label_issues as rank_label_issues
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from emoscope.audit.unique_texts import RowRef
from emoscope.data import Examples
from emoscope.errors import LabelError
from emoscope.folds import assign_folds
from emoscope.protocols import Classifier
from emoscope.text import normalize

FOLDS = 5
"""Folds of the cross-validation; rows of a label with fewer distinct texts are not checked."""

MIN_ACCURACY, MIN_GAIN = 0.7, 0.25
"""A model is weak below this accuracy, or if it avoids a smaller share of the errors of always predicting the most
frequent label."""

INVERSE_REGULARIZATION = 10.0
"""`C` of the logistic regression."""


@dataclass(frozen=True)
class LabelIssue:
    """A row whose label is likely wrong.

    Attributes:
        text: its text.
        row: its place and its label.
        probability: probability of its label.
        suggested: the most probable label.
        suggested_probability: probability of the suggested label.
        ambiguous: whether an ambiguous keyword decides the text, so that no reader could tell its label.
    """

    text: str
    row: RowRef
    probability: float
    suggested: str
    suggested_probability: float
    ambiguous: bool


@dataclass(frozen=True)
class LabelIssues:
    """The likely label errors of a data set, and the model that they come from.

    Attributes:
        model: "cross-validation", or the name of a classifier.
        rows: number of rows checked.
        accuracy: accuracy of the model on them.
        majority: share of the most frequent label among them.
        issues: the likely errors, the least probable label first.
    """

    model: str
    rows: int
    accuracy: float
    majority: float
    issues: tuple[LabelIssue, ...]

    @property
    def model_is_weak(self) -> bool:
        """Whether the model is wrong so often that what it suspects means little."""
        return self.accuracy < max(MIN_ACCURACY, self.majority + MIN_GAIN * (1 - self.majority))


def find_label_issues(
    pooled: Examples,
    rows: Sequence[RowRef],
    ambiguous: NDArray[np.bool_],
    classifier: Classifier | None = None,
    classifier_name: str = "the model",
) -> LabelIssues | None:
    """Confident learning with cleanlab (Northcutt, Jiang, Chuang, "Confident Learning", JAIR 2021).

    Args:
        pooled: all rows.
        rows: their places.
        ambiguous: bool (rows,), whether an ambiguous keyword decides the text.
        classifier: gives the probabilities. It must not have been trained on the rows, because labels that it has
            memorized look right. None: logistic regression over TF-IDF of words, cross-validated in five folds.
        classifier_name: what to call it.

    Returns:
        None if fewer than two labels have five distinct texts.

    Raises:
        LabelError: the classifier's labels are not the data's.
    """
    checked, label_ids = _checkable(pooled)
    if len(label_ids) < 2:
        return None
    kept = pooled.subset(checked)
    given = np.searchsorted(label_ids, kept.label_ids)
    if classifier is None:
        probabilities = _out_of_fold(kept.texts, given)
    else:
        probabilities = _predicted(classifier, kept)[:, label_ids]
        probabilities /= probabilities.sum(1, keepdims=True)
    ranked = rank_label_issues(given, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    names = [pooled.labels.names[label_id] for label_id in label_ids]
    top = probabilities.argmax(1)
    issues = (
        LabelIssue(
            kept.texts[i],
            rows[checked[i]],
            float(probabilities[i, given[i]]),
            names[top[i]],
            float(probabilities[i, top[i]]),
            bool(ambiguous[checked[i]]),
        )
        for i in ranked.tolist()
    )
    model = "cross-validation" if classifier is None else classifier_name
    majority = float(np.bincount(given).max() / len(given))
    return LabelIssues(model, len(kept), float((top == given).mean()), majority, tuple(issues))


def _checkable(pooled: Examples) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the rows that can be checked, and the ids of their labels."""
    plain = [normalize(text) for text in pooled.texts]
    distinct = {(text, label_id) for text, label_id in zip(plain, pooled.label_ids.tolist(), strict=True) if text}
    counts = np.bincount([label_id for _, label_id in distinct], minlength=len(pooled.labels))
    has_words = np.array([bool(text) for text in plain])
    return np.flatnonzero((counts >= FOLDS)[pooled.label_ids] & has_words), np.flatnonzero(counts >= FOLDS)


def _out_of_fold(texts: list[str], given: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities of each row by a model that saw neither it nor an equal text, float64 (rows, labels)."""
    words = TfidfVectorizer(preprocessor=normalize, token_pattern=r"\S+", sublinear_tf=True, dtype=np.float32)
    features = words.fit_transform(texts)
    folds = assign_folds(texts, FOLDS, label_ids=given)
    probabilities = np.zeros((len(texts), given.max() + 1))
    for fold in range(FOLDS):
        inside = folds == fold
        model = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=1000).fit(features[~inside], given[~inside])
        probabilities[np.ix_(inside, model.classes_)] = model.predict_proba(features[inside])
    return probabilities


def _predicted(classifier: Classifier, rows: Examples) -> NDArray[np.float64]:
    """Probabilities by a classifier, with its labels in the order of the data's, float64 (rows, labels)."""
    names = rows.labels.names
    if set(classifier.labels) != set(names):
        raise LabelError(
            f"the model's labels are {', '.join(classifier.labels)}, but the data's are {', '.join(names)}; "
            "give a model that has the data's labels, or no model"
        )
    columns = [classifier.labels.index(name) for name in names]
    return classifier.predict_proba(rows.texts)[:, columns].astype(np.float64)
