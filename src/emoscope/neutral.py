"""The probability that a text expresses no emotion, from a model's output for neutral texts. Knows no text.

A model that was trained on neutral texts too has one output more than labels, the last. Trained with one softmax over
all outputs, its log-odds of "neutral" are that logit minus the logarithm of the sum of the other exponentials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.probabilities import log_probabilities


@dataclass(frozen=True)
class Neutral:
    """How the log-odds of a model's neutral output become a probability.

    Attributes:
        scale: factor of the log-odds (Platt, "Probabilistic Outputs for Support Vector Machines", 1999).
        bias: summand after it.
    """

    scale: float = 1.0
    bias: float = 0.0

    def probability(self, odds: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities of `log_odds`, float32 (rows,)."""
        scaled = self.scale * odds.astype(np.float64) + self.bias
        probabilities: NDArray[np.float32] = (0.5 * (1.0 + np.tanh(0.5 * scaled))).astype(np.float32)
        return probabilities

    def then(self, fitted: Neutral) -> Neutral:
        """This one followed by another, which was fitted on `log_odds_of` this one's probabilities."""
        return Neutral(fitted.scale * self.scale, fitted.scale * self.bias + fitted.bias)


@dataclass(frozen=True)
class NeutralDistance:
    """How models of emoscope 0.1 tell neutral texts: by Aitchison's distance of their probabilities from a point.

    Aitchison, "The Statistical Analysis of Compositional Data", Journal of the Royal Statistical Society B 44, 1982.

    Attributes:
        centre: mean of the centred logarithms of the probabilities of neutral texts, one number for each label.
        threshold: distance from the centre at which a text is no longer neutral.
    """

    centre: tuple[float, ...]
    threshold: float

    def probability(self, probabilities: NDArray[Any]) -> NDArray[np.float32]:
        """0.5 at the threshold and more below it, float32 (rows,); not calibrated.

        Args:
            probabilities: (rows, labels); rows sum to 1.
        """
        logs = log_probabilities(probabilities.astype(np.float64))
        distances = np.linalg.norm(logs - logs.mean(axis=1, keepdims=True) - self.centre, axis=1)
        return Neutral().probability(self.threshold - distances)

    def at_temperature(self, ratio: float) -> NeutralDistance:
        """The same after the temperature is multiplied by `ratio`, which divides all distances by it."""
        return NeutralDistance(tuple(value / ratio for value in self.centre), self.threshold / ratio)


def joint(rows: NDArray[Any]) -> NDArray[np.float32]:
    """One distribution over the labels and neutral, float32 (rows, labels + 1).

    Args:
        rows: (rows, labels + 1): probabilities of the labels, which sum to 1, and last the probability of neutral.
    """
    neutral = rows[:, -1:]
    return np.concatenate([rows[:, :-1] * (1 - neutral), neutral], axis=1, dtype=np.float32)


def log_odds(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Log-odds of the last output under one softmax over all, float64 (rows,).

    Args:
        logits: (rows, labels + 1), the neutral output last.
    """
    wide = logits.astype(np.float64)
    others = wide[:, :-1]
    peak = others.max(axis=1)
    odds: NDArray[np.float64] = wide[:, -1] - peak - np.log(np.exp(others - peak[:, None]).sum(axis=1))
    return odds


def log_odds_of(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Log-odds of probabilities, float64 (rows,); finite, as 0 and 1 count as float32's nearest numbers inside."""
    inside = np.clip(probabilities.astype(np.float64), np.finfo(np.float32).tiny, 1 - np.finfo(np.float32).epsneg)
    odds: NDArray[np.float64] = np.log(inside / (1 - inside))
    return odds
