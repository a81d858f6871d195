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
class Calibration:
    """How logits become probabilities, and probabilities become decisions.

    Attributes:
        temperature: divisor of the logits.
        thresholds: for a multi-label model, the probability from which each label applies, in index order; else None.
        prediction_sets: thresholds of conformal prediction sets; None if they were not fitted.
        neutral: how the log-odds of the neutral output, the last of a model that has it, become a probability; a
            distance for a model of emoscope 0.1; None for a model that cannot tell neutral texts.
    """

    temperature: float = 1.0
    thresholds: tuple[float, ...] | None = None
    prediction_sets: PredictionSets | None = None
    neutral: Neutral | NeutralDistance | None = None

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
        temperature, thresholds = values.get("temperature", 1.0), values.get("thresholds")
        if not _is_number(temperature) or not 1 / MAX_TEMPERATURE <= temperature <= MAX_TEMPERATURE:
            allowed = f"{1 / MAX_TEMPERATURE:g} to {MAX_TEMPERATURE:g}"
            raise ValueError(f"temperature must be a positive number, from {allowed}, got {temperature!r:.80}")
        neutral = _neutral(values.get("neutral"), outputs)
        labels = outputs - isinstance(neutral, Neutral)
        return cls(
            float(temperature),
            None if thresholds is None else _vector("thresholds", thresholds, labels),
            _prediction_sets(values.get("prediction_sets"), labels),
            neutral,
        )

    def to_json(self) -> dict[str, Any]:
        """The values as `json.dumps` takes them; None for what was not fitted."""
        sets = self.prediction_sets
        return {
            "temperature": self.temperature,
            "thresholds": self.thresholds,
            "prediction_sets": sets and {str(percent): row for percent, row in sets.thresholds.items()},
            "neutral": self.neutral and asdict(self.neutral),
        }


UNCALIBRATED = Calibration()
"""Temperature 1, and nothing else fitted."""


def _prediction_sets(values: Any, labels: int) -> PredictionSets | None:
    if values is None:
        return None
    if not isinstance(values, Mapping) or not values or not all(map(str.isdecimal, values)):
        raise ValueError(f"prediction_sets must map coverages in percent to thresholds, got {values!r:.80}")
    rows = {int(percent): _vector(f"prediction_sets.{percent}", row, labels) for percent, row in values.items()}
    return PredictionSets(rows)


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
