"""Rows whose label is likely wrong, by confident learning over out-of-fold probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from emoscope.audit.entries import Row, deal_folds
from emoscope.data import Examples
from emoscope.errors import LabelError
from emoscope.protocols import Classifier
from emoscope.text import normalize

FOLDS = 5
"""Folds of the cross-validation; a label needs as many different texts to be judged."""

MIN_ACCURACY, MIN_GAIN = 0.7, 0.25
"""A judge that is right on fewer rows, or mends fewer of the errors of naming the most frequent label, is weak."""

INVERSE_REGULARIZATION = 10.0
"""`C` of the logistic regression."""


@dataclass(frozen=True)
class SuspectRow:
    """A row whose label is likely wrong.

    Attributes:
        text: its text.
        row: where it stands, with its label.
        probability: of its label.
        suggested: the most probable label.
        suggested_probability: of that.
        coin_flip: whether an ambiguous keyword decides the text, so that no reader could tell.
    """

    text: str
    row: Row
    probability: float
    suggested: str
    suggested_probability: float
    coin_flip: bool


@dataclass(frozen=True)
class LabelErrors:
    """What was found, and who judged.

    Attributes:
        judge: "cross-validation", or the name of a classifier.
        rows: that were judged.
        accuracy: of the judge on them.
        majority: share of the most frequent label among them.
        suspects: likely errors, the least probable label first.
    """

    judge: str
    rows: int
    accuracy: float
    majority: float
    suspects: tuple[SuspectRow, ...]

    @property
    def judge_is_weak(self) -> bool:
        """Whether the judge is wrong so often that its suspicion says little of a row."""
        return self.accuracy < max(MIN_ACCURACY, self.majority + MIN_GAIN * (1 - self.majority))


def find_label_errors(
    pooled: Examples,
    rows: Sequence[Row],
    coin_flips: NDArray[np.bool_],
    classifier: Classifier | None = None,
    classifier_name: str = "the model",
) -> LabelErrors | None:
    """Confident learning, as cleanlab has it (Northcutt, Jiang, Chuang, "Confident Learning", JAIR 2021).

    Args:
        pooled: all rows.
        rows: where each stands.
        coin_flips: bool (rows,), which ones an ambiguous keyword decides.
        classifier: gives the probabilities. It must not have been trained on the rows: what it has learnt by heart
            looks right. With None, logistic regression over TF-IDF of words, in five folds, each judged by the model
            of the other four.
        classifier_name: what to call it.

    Returns:
        None where fewer than two labels have five different texts.

    Raises:
        LabelError: the classifier's labels are not the data's.
    """
    judged, present = _judged(pooled)
    if len(present) < 2:
        return None
    kept = pooled.subset(judged)
    given = np.searchsorted(present, kept.label_ids)
    if classifier is None:
        probabilities = _out_of_fold(kept.texts, given)
    else:
        probabilities = _classified(classifier, kept)[:, present]
        probabilities /= probabilities.sum(1, keepdims=True)
    ranked = find_label_issues(given, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    names = [pooled.labels.names[label_id] for label_id in present]
    top = probabilities.argmax(1)
    suspects = (
        SuspectRow(
            kept.texts[i],
            rows[judged[i]],
            float(probabilities[i, given[i]]),
            names[top[i]],
            float(probabilities[i, top[i]]),
            bool(coin_flips[judged[i]]),
        )
        for i in ranked.tolist()
    )
    judge = "cross-validation" if classifier is None else classifier_name
    majority = float(np.bincount(given).max() / len(given))
    return LabelErrors(judge, len(kept), float((top == given).mean()), majority, tuple(suspects))


def _judged(pooled: Examples) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the rows that can be judged, and the ids of their labels."""
    plain = [normalize(text) for text in pooled.texts]
    different = {(text, label_id) for text, label_id in zip(plain, pooled.label_ids.tolist(), strict=True) if text}
    counts = np.bincount([label_id for _, label_id in different], minlength=len(pooled.labels))
    has_words = np.array([bool(text) for text in plain])
    judged = np.flatnonzero((counts >= FOLDS)[pooled.label_ids] & has_words)
    return judged, np.flatnonzero(counts >= FOLDS)


def _out_of_fold(texts: list[str], given: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities of each row by a model that saw neither it nor a text equal to it, float64 (rows, labels)."""
    words = TfidfVectorizer(preprocessor=normalize, token_pattern=r"\S+", sublinear_tf=True, dtype=np.float32)
    features = words.fit_transform(texts)
    folds = deal_folds(texts, given, FOLDS)
    probabilities = np.zeros((len(texts), given.max() + 1))
    for fold in range(FOLDS):
        inside = folds == fold
        model = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=1000).fit(features[~inside], given[~inside])
        probabilities[np.ix_(inside, model.classes_)] = model.predict_proba(features[inside])
    return probabilities


def _classified(classifier: Classifier, rows: Examples) -> NDArray[np.float64]:
    names = rows.labels.names
    if set(classifier.labels) != set(names):
        raise LabelError(
            f"the model's labels are {', '.join(classifier.labels)}, but the data's are {', '.join(names)}; "
            "judge the data with a model that has its labels, or leave the model out"
        )
    columns = [classifier.labels.index(name) for name in names]
    return classifier.predict_proba(rows.texts)[:, columns].astype(np.float64)
