"""What the classifier says of one text."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Prediction:
    """The scores of one text.

    Attributes:
        label: name of the label with the highest score.
        score: that score, a probability in [0, 1].
        scores: probability of every label, in index order.
    """

    label: str
    score: float
    scores: dict[str, float]

    @classmethod
    def from_scores(cls, scores: dict[str, float]) -> Prediction:
        """Build from the probability of every label, in index order."""
        label = max(scores, key=scores.__getitem__)
        return cls(label, scores[label], scores)

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
