"""Predictions as a data frame. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emoscope.errors import require_extra
from emoscope.labels import NEUTRAL
from emoscope.prediction import Prediction
from emoscope.rows.columns import EMOTION, SCORE


def frame(predictions: Sequence[Prediction], texts: Any = None) -> Any:
    """Predictions as a `pandas.DataFrame` with the columns that `emoscope score` writes.

    Args:
        predictions: what `EmotionClassifier.predict` returned.
        texts: their texts, for a first column "text"; a series also gives its index.

    Returns:
        A frame (len(predictions), columns): "emotion", "emotion_score", a column for each label, and "neutral" if the
        model gives it.

    Raises:
        ValueError: there are not as many texts as predictions.
        MissingExtraError: the extra "pandas" is not installed.
    """
    require_extra("pandas")
    import pandas as pd

    rows = [
        {EMOTION: p.label, SCORE: p.score, **p.scores, **({} if p.neutral is None else {NEUTRAL: p.neutral})}
        for p in predictions
    ]
    index = texts.index if isinstance(texts, pd.Series) else None
    result = pd.DataFrame(rows, index)
    if texts is not None:
        result.insert(0, "text", texts if index is not None else list(texts))
    return result
