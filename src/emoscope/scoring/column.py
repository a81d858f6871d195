"""A column of texts in, a column of emotions out, for libraries that call a function with a column. Knows no table."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from emoscope.classifier import EmotionClassifier
from emoscope.protocols import Classifier
from emoscope.rows.columns import EMOTION, SCORE
from emoscope.scoring.core import Scorer, Scoring

Model = str | Path | Classifier | None
"""A classifier, or what `EmotionClassifier.from_pretrained` takes."""
TEXT = "text"


class ColumnScorer:
    """Scores columns of texts by the rules of `Scorer`: null, empty and blank texts are null in the result.

    Attributes:
        names: names of the probabilities that `scores` returns: the labels and, for a model that gives it, "neutral".
    """

    def __init__(self, classifier: Classifier, *, neutral: str = "column") -> None:
        """Nothing is scored yet.

        Args:
            classifier: any classifier.
            neutral: as for `Scoring`.

        Raises:
            DataError: there is no such value of `neutral`.
            ModelError: the model lacks an output for neutral texts.
        """
        self._emotion = Scorer(classifier, Scoring(TEXT, (EMOTION,), prefix="_", neutral=neutral))
        every = Scorer(classifier, Scoring(TEXT, prefix="_"))
        self.names = tuple(name for field in every.added if (name := field.name[1:]) not in (EMOTION, SCORE))
        self._scores = Scorer(classifier, Scoring(TEXT, self.names, prefix="_"))

    def emotion(self, texts: pa.Array | pa.ChunkedArray) -> pa.Array:
        """The label of each text, strings (rows,).

        Raises:
            DataError: the column is not of texts.
            ModelError: the classifier does not return a row of probabilities for each text.
        """
        (column,) = self._columns(self._emotion, texts)
        return column

    def scores(self, texts: pa.Array | pa.ChunkedArray) -> pa.StructArray:
        """The probability of each of `names` for each text, structs of float32 (rows,); raises as `emotion` does."""
        columns = self._columns(self._scores, texts)
        return pa.StructArray.from_arrays(columns, self.names, mask=columns[0].is_null())

    def _columns(self, scorer: Scorer, texts: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
        table = scorer(pa.table({TEXT: texts}))
        return [column.combine_chunks() for column in table.columns[1:]]


def column_scorer(model: Model, neutral: str) -> ColumnScorer:
    """The scorer of a model; those of one name share a classifier.

    Raises:
        DataError: there is no such value of `neutral`.
        ModelError: the model cannot be loaded, or lacks an output for neutral texts.
    """
    classifier = _loaded(model) if model is None or isinstance(model, str | Path) else model
    return ColumnScorer(classifier, neutral=neutral)


@lru_cache(maxsize=4)
def _loaded(model: str | Path | None) -> EmotionClassifier:
    return EmotionClassifier.from_pretrained(model)
