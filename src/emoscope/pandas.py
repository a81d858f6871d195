"""pandas: `df["text"].emotion.label()` and `.scores()`.

Importing this module registers the accessor `emotion` of series. Needs the extra `pandas`.
"""

from __future__ import annotations

from typing import Any

from emoscope.errors import require_extra

require_extra("pandas")

import pandas as pd
import pyarrow as pa

from emoscope.scoring.column import Model, column_scorer


@pd.api.extensions.register_series_accessor("emotion")
class EmotionAccessor:
    """The emotions of a series of texts; missing, empty and blank texts are missing in the result."""

    def __init__(self, series: Any) -> None:
        """The library calls this for `series.emotion`."""
        self._series = series

    def label(self, model: Model = None, *, neutral: str = "column") -> Any:
        """The label with the highest probability, a series of strings with the same index and name.

        Args:
            model: a classifier, or what `EmotionClassifier.from_pretrained` takes; None for the bundled model.
            neutral: with "label", the result is "neutral" where its probability is 0.5 or more.

        Raises:
            DataError: the series is not one of texts, or there is no such value of `neutral`.
            ModelError: the model cannot be loaded, or lacks an output for neutral texts.
        """
        labels = column_scorer(model, neutral).emotion(self._texts())
        return pd.Series(labels.to_pandas().array, self._series.index, name=self._series.name)

    def scores(self, model: Model = None) -> Any:
        """The probability of each label and, for a model that gives it, of neutral, float32, with the same index.

        Same arguments and errors as `label`.
        """
        scores = column_scorer(model, "column").scores(self._texts())
        return pa.Table.from_struct_array(scores).to_pandas().set_axis(self._series.index)

    def _texts(self) -> Any:
        return pa.array(self._series, from_pandas=True)
