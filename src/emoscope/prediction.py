"""What the classifier says of one text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emoscope.errors import ModelError
from emoscope.html_page import escaped, label_colour

if TYPE_CHECKING:
    from emoscope.prediction_sets import PredictionSets


@dataclass(frozen=True)
class Prediction:
    """The scores of one text.

    Attributes:
        label: name of the label with the highest score.
        score: that score, a probability in [0, 1].
        scores: probability of every label, in index order.
        thresholds: of a multi-label model, the probability from which each label applies, in index order; else None.
        clear: whether the text shows an emotion clearly; None where the model does not know.
        prediction_sets: of a calibrated model, what `prediction_set` reads; else None.
    """

    label: str
    score: float
    scores: dict[str, float]
    thresholds: tuple[float, ...] | None = None
    clear: bool | None = None
    prediction_sets: PredictionSets | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_scores(
        cls,
        scores: dict[str, float],
        thresholds: Sequence[float] | None = None,
        *,
        clear: bool | None = None,
        prediction_sets: PredictionSets | None = None,
    ) -> Prediction:
        """Build from the probability of every label, and a multi-label model's thresholds, both in index order."""
        label = max(scores, key=scores.__getitem__)
        own = None if thresholds is None else tuple(thresholds)
        return cls(label, scores[label], scores, own, clear, prediction_sets)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels at or above their thresholds, perhaps none; of a single-label model `label` alone."""
        if self.thresholds is None:
            return (self.label,)
        pairs = zip(self.scores.items(), self.thresholds, strict=True)
        return tuple(name for (name, score), threshold in pairs if score >= threshold)

    def prediction_set(self, coverage: float) -> tuple[str, ...]:
        """The labels that hold the truth in this share of cases, whatever the truth is: a conformal set.

        There may be several, or none: `prediction_set(0.9) or (label,)` is never empty, and right more often than
        asked.

        Args:
            coverage: from 0.5 to 0.99, in whole percent; between two of them the higher counts.

        Raises:
            ModelError: the model has no label sets.
            ValueError: the coverage is out of range.
        """
        if self.prediction_sets is None:
            raise ModelError("the model has no label sets; emoscope calibrate fits them on held-out labelled rows")
        pairs = zip(self.scores.items(), self.prediction_sets.at(coverage), strict=True)
        return tuple(name for (name, score), least in pairs if score >= least)

    def _repr_html_(self) -> str:
        """Bars, for notebooks."""
        rows = "".join(
            _html_bar(index, name, score, name == self.label) for index, (name, score) in enumerate(self.scores.items())
        )
        unclear = (
            '<tr><td colspan="3" style="text-align:left">no clear emotion</td></tr>' if self.clear is False else ""
        )
        return f'<table style="border-collapse:collapse">{rows}{unclear}</table>'


def _html_bar(index: int, name: str, score: float, top: bool) -> str:
    weight = "bold" if top else "normal"
    bar = f'<div style="background:{label_colour(index)};height:0.8em;width:{12 * score:.2f}em"></div>'
    cells = (escaped(name), f'<div style="width:12em;background:#8883">{bar}</div>', f"{score:.4f}")
    return (
        f'<tr style="font-weight:{weight}">' + "".join(f'<td style="text-align:left">{c}</td>' for c in cells) + "</tr>"
    )
