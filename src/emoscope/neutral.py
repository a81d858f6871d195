"""Detection of neutral texts, which show no emotion clearly, by a distance between probabilities.

A classifier of emotions assigns one to every text. Its probabilities for texts without emotion lie around one point;
the distance of a text from that point separates neutral texts from emotional ones better than the highest probability
does. It is Aitchison's distance, which is Euclidean between centred logarithms of probabilities ("The Statistical
Analysis of Compositional Data", Journal of the Royal Statistical Society B 44, 1982). Works on probabilities alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.probabilities import log_probabilities


@dataclass(frozen=True)
class Neutral:
    """The region of neutral texts in the space of probabilities.

    Attributes:
        centre: mean of the centred logarithms of the probabilities of neutral texts, one number for each label, in
            index order.
        threshold: distance from the centre at which a text is no longer neutral.
    """

    centre: tuple[float, ...]
    threshold: float

    def distances(self, probabilities: NDArray[Any]) -> NDArray[np.float64]:
        """Distance of each row from the centre, float64 (rows,).

        Args:
            probabilities: (rows, labels); rows sum to 1.
        """
        distances: NDArray[np.float64] = np.linalg.norm(centred_logs(probabilities) - self.centre, axis=1)
        return distances

    def is_neutral(self, probabilities: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each row is closer to the centre than the threshold, bool (rows,); takes what `distances` takes."""
        neutral: NDArray[np.bool_] = self.distances(probabilities) < self.threshold
        return neutral

    def at_temperature(self, ratio: float) -> Neutral:
        """The region after the temperature is multiplied by `ratio`, which divides all distances by it."""
        return Neutral(tuple(value / ratio for value in self.centre), self.threshold / ratio)


def centred_logs(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Logarithms minus their mean over each row, float64 (rows, labels): the scaled logits up to a constant a row."""
    logs = log_probabilities(probabilities.astype(np.float64))
    centred: NDArray[np.float64] = logs - logs.mean(axis=1, keepdims=True)
    return centred
