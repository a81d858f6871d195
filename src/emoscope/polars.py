"""Polars: `pl.col("text").emotion.label()` and `.scores()`, in lazy and streaming queries too.

Importing this module registers the namespace `emotion` of expressions and of series. Needs the extra `polars`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emoscope.errors import require_extra

require_extra("polars")

import polars as pl

from emoscope.scoring.column import Model, column_scorer


@pl.api.register_expr_namespace("emotion")
class EmotionExpression:
    """The emotions of a column of texts; null, empty and blank texts are null in the result."""

    def __init__(self, expression: pl.Expr) -> None:
        """Polars calls this for `expression.emotion`."""
        self._expression = expression

    def label(self, model: Model = None, *, neutral: str = "column") -> pl.Expr:
        """The label with the highest probability, as strings.

        Args:
            model: a classifier, or what `EmotionClassifier.from_pretrained` takes; None for the bundled model.
            neutral: with "label", the result is "neutral" where its probability is 0.5 or more.

        Raises:
            DataError: there is no such value of `neutral`.
            ModelError: the model cannot be loaded, or lacks an output for neutral texts.
        """
        return self._mapped(column_scorer(model, neutral).emotion, pl.String())

    def scores(self, model: Model = None) -> pl.Expr:
        """The probability of each label and, for a model that gives it, of neutral, as structs of float32.

        Same arguments and errors as `label`. `.struct.unnest()` makes a column of each.
        """
        scorer = column_scorer(model, "column")
        return self._mapped(scorer.scores, pl.Struct(dict.fromkeys(scorer.names, pl.Float32)))

    def _mapped(self, function: Callable[[Any], Any], dtype: Any) -> pl.Expr:
        def call(texts: pl.Series) -> pl.Series:
            return pl.Series(texts.name, function(texts.to_arrow()), dtype)

        return self._expression.map_batches(call, return_dtype=dtype, is_elementwise=True)


@pl.api.register_series_namespace("emotion")
class EmotionSeries:
    """The emotions of a series of texts: the methods of `EmotionExpression`."""

    def __init__(self, series: pl.Series) -> None:
        """Polars calls this for `series.emotion`."""
        self._series = series

    def label(self, model: Model = None, *, neutral: str = "column") -> pl.Series:
        """See `EmotionExpression.label`."""
        return self._evaluated(lambda texts: texts.label(model, neutral=neutral))

    def scores(self, model: Model = None) -> pl.Series:
        """See `EmotionExpression.scores`."""
        return self._evaluated(lambda texts: texts.scores(model))

    def _evaluated(self, expression: Callable[[EmotionExpression], pl.Expr]) -> pl.Series:
        return self._series.to_frame().select(expression(EmotionExpression(pl.all()))).to_series()
