"""Whether a text shows an emotion clearly: its distance from texts that show none.

A classifier of six emotions gives one to every text. What it says of texts without emotion lies about one point in the
space of its probabilities; how far a text is from there tells the two kinds apart better than the highest probability.
The distance is Aitchison's: Euclidean between centred logarithms of probabilities ("The Statistical Analysis of
Compositional Data", Journal of the Royal Statistical Society B 44, 1982). No text and no second pass is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.probabilities import LEAST


@dataclass(frozen=True)
class Neutral:
    """The point that neutral texts lie about, and how far from it clear texts begin.

    Attributes:
        centre: mean of the centred logarithms of their probabilities, one number for each label, in index order.
        threshold: a text as far as this, or farther, is clear.
    """

    centre: tuple[float, ...]
    threshold: float

    def distances(self, probabilities: NDArray[Any]) -> NDArray[np.float64]:
        """Distance of each row from the centre, float64 (rows,).

        Args:
            probabilities: (rows, labels), rows sum to 1.
        """
        distances: NDArray[np.float64] = np.linalg.norm(centred_logs(probabilities) - self.centre, axis=1)
        return distances

    def is_neutral(self, probabilities: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each row is nearer to the centre than the threshold, bool (rows,); arguments as of `distances`."""
        neutral: NDArray[np.bool_] = self.distances(probabilities) < self.threshold
        return neutral

    def at_temperature(self, ratio: float) -> Neutral:
        """The same of logits that are divided by `ratio` besides: distances shrink alike."""
        return Neutral(tuple(value / ratio for value in self.centre), self.threshold / ratio)


def centred_logs(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Logarithms of each row less their mean: the logits over the temperature, but for a constant of the row."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), LEAST))
    centred: NDArray[np.float64] = logs - logs.mean(axis=1, keepdims=True)
    return centred
