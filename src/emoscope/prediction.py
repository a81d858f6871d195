"""`Prediction`: the scores of one text, and the decisions that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emoscope.deprecation import warn_renamed
from emoscope.errors import ModelError
from emoscope.html_page import escaped, label_colour, label_colours

if TYPE_CHECKING:
    from emoscope.prediction_sets import PredictionSets

MIN_NEUTRAL = 0.5
"""Probability of neutral from which a text counts as neutral."""
MAX_SHOWN = 50
"""Maximum number of predictions of a list that a notebook shows."""
NO_NEUTRAL = (
    "the model has no output for neutral texts; use the bundled model, or train one with rows labelled neutral: "
    "extra_data in the recipe"
)
NO_PREDICTION_SETS = "the model has no prediction sets; emoscope calibrate fits them on held-out labelled rows"
"""Errors about a model without the capability."""


@dataclass(frozen=True)
class Prediction:
    """The scores of one text, as plain data: a list of predictions makes a data frame of pandas or Polars.

    Attributes:
        label: name of the label with the highest score.
        score: that score, a probability in [0, 1].
        scores: probability of every label, in index order.
        neutral: probability that the text expresses no emotion; None for a model without an output for neutral texts.
        familiar: whether the text is like those that the model learnt from; False for other languages, program code and
            texts of mostly unknown words, whose scores mean little. None for a model that does not record its words.
    """

    label: str
    score: float
    scores: dict[str, float]
    neutral: float | None = None
    familiar: bool | None = None

    @classmethod
    def from_scores(
        cls,
        scores: dict[str, float],
        thresholds: Sequence[float] | None = None,
        *,
        neutral: float | None = None,
        familiar: bool | None = None,
        prediction_sets: PredictionSets | None = None,
    ) -> Prediction:
        """The prediction that follows from the probability of every label, and from thresholds, both in index order."""
        label = max(scores, key=scores.__getitem__)
        prediction = cls(label, scores[label], scores, neutral, familiar)
        own = None if thresholds is None else tuple(thresholds)
        prediction.__dict__.update(_thresholds=own, _prediction_sets=prediction_sets)  # no fields: they are the model's
        return prediction

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """For a multi-label model, the probability from which each label applies, in index order; else None."""
        return self.__dict__.get("_thresholds")

    @property
    def prediction_sets(self) -> PredictionSets | None:
        """Thresholds for `prediction_set`; None if the model was not calibrated."""
        return self.__dict__.get("_prediction_sets")

    def to_dict(self) -> dict[str, Any]:
        """The prediction for `json.dumps`: label, score, scores; labels of a multi-label model; what else is known."""
        row: dict[str, Any] = {"label": self.label, "score": self.score, "scores": self.scores}
        if self.thresholds is not None:
            row["labels"] = list(self.labels)
        known = {"neutral": self.neutral, "familiar": self.familiar}
        return row | {key: value for key, value in known.items() if value is not None}

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels at or above their thresholds, possibly none; for a single-label model, `label` alone."""
        if self.thresholds is None:
            return (self.label,)
        pairs = zip(self.scores.items(), self.thresholds, strict=True)
        return tuple(name for (name, score), threshold in pairs if score >= threshold)

    def prediction_set(self, coverage: float) -> tuple[str, ...]:
        """Labels that contain the true one in this share of cases, whichever it is: a conformal prediction set.

        There may be several labels, or none. `prediction_set(0.9) or (label,)` is never empty, and contains the true
        label at least as often.

        Args:
            coverage: from 0.5 to 0.99; a fraction of a percent is rounded up.

        Raises:
            ModelError: the model has no prediction sets.
            ValueError: the coverage is out of range.
        """
        if self.prediction_sets is None:
            raise ModelError(NO_PREDICTION_SETS)
        pairs = zip(self.scores.items(), self.prediction_sets.at(coverage), strict=True)
        return tuple(name for (name, score), threshold in pairs if score >= threshold)

    @property
    def is_neutral(self) -> bool:
        """Whether the text more likely expresses no emotion than any; False where `neutral` is None."""
        return self.neutral is not None and self.neutral >= MIN_NEUTRAL

    @property
    def clear(self) -> bool | None:
        """The negation of `is_neutral`; deprecated."""
        warn_renamed("Prediction.clear", "not Prediction.is_neutral")
        return None if self.neutral is None else not self.is_neutral

    def labels_at(self, coverage: float) -> tuple[str, ...]:
        """`prediction_set`; deprecated."""
        warn_renamed("Prediction.labels_at", "Prediction.prediction_set")
        return self.prediction_set(coverage)

    def _repr_html_(self) -> str:
        """Bars for notebooks."""
        colours = label_colours(list(self.scores))
        rows = "".join(
            _html_bar(colour, name, score, name == self.label)
            for colour, (name, score) in zip(colours, self.scores.items(), strict=True)
        )
        note = '<tr><td colspan="3" style="text-align:left">no emotion</td></tr>' if self.is_neutral else ""
        return f'<table style="border-collapse:collapse">{rows}{note}</table>'


def _html_bar(colour: int, name: str, score: float, top: bool) -> str:
    weight = "bold" if top else "normal"
    bar = f'<div style="background:{label_colour(colour)};height:0.8em;width:{12 * score:.2f}em"></div>'
    cells = (escaped(name), f'<div style="width:12em;background:#8883">{bar}</div>', f"{score:.4f}")
    return (
        f'<tr style="font-weight:{weight}">' + "".join(f'<td style="text-align:left">{c}</td>' for c in cells) + "</tr>"
    )


class Predictions(list[Prediction]):
    """A list of predictions, which notebooks show as a table with a bar for each."""

    def _repr_html_(self) -> str:
        """The first MAX_SHOWN predictions: the label, its score, and a bar of the shares of all labels."""
        rows = "".join(_html_row(number, prediction) for number, prediction in enumerate(self[:MAX_SHOWN]))
        others = f'<p class="note">and {len(self) - MAX_SHOWN:,} more</p>' if len(self) > MAX_SHOWN else ""
        return f'<table style="border-collapse:collapse">{rows}</table>{others}'


def _html_row(number: int, prediction: Prediction) -> str:
    scores = prediction.scores
    total = sum(scores.values()) or 1.0
    parts = "".join(
        f'<div title="{escaped(name)} {score:.4f}" style="background:{label_colour(colour)};'
        f'height:0.8em;width:{20 * score / total:.2f}em"></div>'
        for colour, (name, score) in zip(label_colours(list(scores)), scores.items(), strict=True)
    )
    answer = "no emotion" if prediction.is_neutral else ", ".join(prediction.labels) or prediction.label
    score = prediction.neutral if prediction.is_neutral else prediction.score
    cells = (str(number), escaped(answer), f"{score:.4f}", f'<div style="display:flex">{parts}</div>')
    return "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>"
