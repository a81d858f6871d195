"""What the classifier says of one text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Prediction:
    """The scores of one text.

    Attributes:
        label: name of the label with the highest score.
        score: that score, a probability in [0, 1].
        scores: probability of every label, in index order.
        thresholds: of a multi-label model, the probability from which each label applies, in index order; else None.
    """

    label: str
    score: float
    scores: dict[str, float]
    thresholds: tuple[float, ...] | None = None

    @classmethod
    def from_scores(cls, scores: dict[str, float], thresholds: Sequence[float] | None = None) -> Prediction:
        """Build from the probability of every label, and a multi-label model's thresholds, both in index order."""
        label = max(scores, key=scores.__getitem__)
        return cls(label, scores[label], scores, None if thresholds is None else tuple(thresholds))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels at or above their thresholds, perhaps none; of a single-label model `label` alone."""
        if self.thresholds is None:
            return (self.label,)
        pairs = zip(self.scores.items(), self.thresholds, strict=True)
        return tuple(name for (name, score), threshold in pairs if score >= threshold)

    def _repr_html_(self) -> str:
        """Bars, for notebooks."""
        rows = "".join(_html_bar(name, score, name == self.label) for name, score in self.scores.items())
        return f'<table style="border-collapse:collapse">{rows}</table>'


def _html_bar(name: str, score: float, top: bool) -> str:
    weight = "bold" if top else "normal"
    bar = f'<div style="background:#4878cf;height:0.8em;width:{12 * score:.2f}em"></div>'
    cells = (escape(name), f'<div style="width:12em;background:#8883">{bar}</div>', f"{score:.4f}")
    return (
        f'<tr style="font-weight:{weight}">' + "".join(f'<td style="text-align:left">{c}</td>' for c in cells) + "</tr>"
    )
