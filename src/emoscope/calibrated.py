"""`Calibration`: what is fitted to the outputs of a trained model, as one value that is read from and written as JSON.

Knows no model folder and no fitting.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.neutral import Neutral, NeutralDistance, log_odds
from emoscope.prediction_sets import PredictionSets
from emoscope.probabilities import probabilities

MAX_TEMPERATURE = 1e6
"""Largest divisor of logits, and the inverse of the smallest: beyond, logits overflow or vanish in float32."""


@dataclass(frozen=True)
class WrittenText:
    """What differs for written texts: those with capitals, punctuation or emoji, unlike the bare words of `emotion`.

    A model is right less often on them, since they come from anywhere.

    Attributes:
        temperature_factor: the temperature of written texts divided by that of others.
        prediction_sets: thresholds of their conformal prediction sets; None for those of all other texts.
    """

    temperature_factor: float = 1.0
    prediction_sets: PredictionSets | None = None


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities, and probabilities become decisions.

    Attributes:
        temperature: divisor of the logits.
        thresholds: for a multi-label model, the probability from which each label applies, in index order; else None.
        prediction_sets: thresholds of conformal prediction sets; None if they were not fitted.
        neutral: how the log-odds of the neutral output, the last of a model that has it, become a probability; a
            distance for a model of emoscope 0.1; None for a model that cannot tell neutral texts.
        written: what differs for written texts, of a model that is not multi-label.
    """

    temperature: float = 1.0
    thresholds: tuple[float, ...] | None = None
    prediction_sets: PredictionSets | None = None
    neutral: Neutral | NeutralDistance | None = None
    written: WrittenText = WrittenText()

    @property
    def multi_label(self) -> bool:
        """Whether each label has a probability of its own (sigmoid) rather than one distribution (softmax)."""
        return self.thresholds is not None

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of the labels, float32 (rows, labels), from logits of all outputs, float32 (rows, outputs)."""
        return probabilities(self.label_logits(logits), self.temperature, multi_label=self.multi_label)

    def probabilities_and_neutral(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """What `probabilities` returns and, as a last column, the probability of neutral where there is the output."""
        rows = self.probabilities(logits)
        if self.neutral is None:
            return rows
        has_output = isinstance(self.neutral, Neutral)
        return np.column_stack([rows, self.neutral.probability(log_odds(logits) if has_output else rows)])

    def sets_for(self, written: bool) -> PredictionSets | None:
        """Thresholds of the prediction sets of a written text, or of any other."""
        return (written and self.written.prediction_sets) or self.prediction_sets

    def label_sets(
        self, probabilities: NDArray[Any], coverage: float, written: NDArray[np.bool_]
    ) -> NDArray[np.bool_] | None:
        """Labels in the prediction set of each text, bool (texts, labels); None if no sets were fitted.

        Args:
            probabilities: (texts, labels).
            coverage: share of texts whose set contains the true label.
            written: bool (texts,), whether each is a written text.

        Raises:
            ValueError: the coverage is out of range.
        """
        if self.prediction_sets is None:
            return None
        result = self.prediction_sets.sets(probabilities, coverage)
        if self.written.prediction_sets is not None:
            result[written] = self.written.prediction_sets.sets(probabilities[written], coverage)
        return result

    @property
    def neutral_output(self) -> bool:
        """Whether the last output of the model is the one for neutral texts, rather than a label."""
        return isinstance(self.neutral, Neutral)

    def label_logits(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The columns of the labels."""
        return logits[:, :-1] if self.neutral_output else logits

    @classmethod
    def from_json(cls, values: Mapping[str, Any], outputs: int) -> Calibration:
        """Read what `to_json` writes; a missing key has its default, and other keys are ignored.

        Args:
            values: a JSON object.
            outputs: number of outputs of the model: its labels and, if `values` has it, the neutral output.

        Raises:
            ValueError: a value is of the wrong kind; the message begins with its key and says what is allowed.
        """
        thresholds = values.get("thresholds")
        neutral = _neutral(values.get("neutral"), outputs)
        labels = outputs - isinstance(neutral, Neutral)
        return cls(
            _temperature("temperature", values.get("temperature", 1.0)),
            None if thresholds is None else _vector("thresholds", thresholds, labels),
            _prediction_sets("prediction_sets", values.get("prediction_sets"), labels),
            neutral,
            _written(values.get("written"), labels),
        )

    def to_json(self) -> dict[str, Any]:
        """The values as `json.dumps` takes them; None for what was not fitted."""
        written = {
            "temperature_factor": self.written.temperature_factor,
            "prediction_sets": _sets_to_json(self.written.prediction_sets),
        }
        return {
            "temperature": self.temperature,
            "thresholds": self.thresholds,
            "prediction_sets": _sets_to_json(self.prediction_sets),
            "neutral": self.neutral and asdict(self.neutral),
            "written": None if self.written == WrittenText() else written,
        }


UNCALIBRATED = Calibration()
"""Temperature 1, and nothing else fitted."""


def _temperature(key: str, value: Any) -> float:
    if not _is_number(value) or not 1 / MAX_TEMPERATURE <= value <= MAX_TEMPERATURE:
        allowed = f"{1 / MAX_TEMPERATURE:g} to {MAX_TEMPERATURE:g}"
        raise ValueError(f"{key} must be a positive number, from {allowed}, got {value!r:.80}")
    return float(value)


def _prediction_sets(key: str, values: Any, labels: int) -> PredictionSets | None:
    if values is None:
        return None
    if not isinstance(values, Mapping) or not values or not all(map(str.isdecimal, values)):
        raise ValueError(f"{key} must map coverages in percent to thresholds, got {values!r:.80}")
    return PredictionSets({int(percent): _vector(f"{key}.{percent}", row, labels) for percent, row in values.items()})


def _sets_to_json(sets: PredictionSets | None) -> dict[str, Any] | None:
    return None if sets is None else {str(percent): row for percent, row in sets.thresholds.items()}


def _written(values: Any, labels: int) -> WrittenText:
    if values is None:
        return WrittenText()
    if not isinstance(values, Mapping):
        raise ValueError(f"written must have temperature_factor and prediction_sets, got {values!r:.80}")
    return WrittenText(
        _temperature("written.temperature_factor", values.get("temperature_factor", 1.0)),
        _prediction_sets("written.prediction_sets", values.get("prediction_sets"), labels),
    )


def _neutral(values: Any, labels: int) -> Neutral | NeutralDistance | None:
    if values is None:
        return None
    if isinstance(values, Mapping) and _is_number(values.get("threshold")):
        return NeutralDistance(_vector("neutral.centre", values.get("centre"), labels), float(values["threshold"]))
    if not isinstance(values, Mapping) or not all(_is_number(values.get(key)) for key in ("scale", "bias")):
        raise ValueError(f"neutral must have the numbers scale and bias, got {values!r:.80}")
    return Neutral(float(values["scale"]), float(values["bias"]))


def _vector(key: str, values: Any, labels: int) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or len(values) != labels or not all(map(_is_number, values)):
        raise ValueError(f"{key} must be a list of {labels} numbers, one for each label, got {values!r:.80}")
    return tuple(map(float, values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
