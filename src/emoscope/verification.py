"""Verify that a model folder returns the same probabilities on this machine as torch did when it was exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.classifier import EmotionClassifier
from emoscope.errors import ModelError
from emoscope.manifest import MANIFEST
from emoscope.model_folder import GRAPHS, open_folder, resolve


@dataclass(frozen=True)
class VerificationRecord:
    """Reference texts and their probabilities, recorded in `emoscope.json` by the export.

    Attributes:
        texts: sentences, none of them close to a decision between two labels.
        probabilities: torch's probabilities, (texts, labels).
        tolerance: largest allowed difference of a probability: that of the parity gate for a graph in float32; for one
            in integers, the largest difference on the machine of the export plus a margin.
    """

    texts: list[str]
    probabilities: list[list[float]]
    tolerance: float


@dataclass(frozen=True)
class VerificationResult:
    """Differences between this machine's probabilities and the recorded ones.

    Attributes:
        texts: number of reference texts.
        equal_labels: share of the decisions on a text and a label that are equal.
        largest_difference: largest absolute difference of a probability.
        tolerance: largest allowed difference.
    """

    texts: int
    equal_labels: float
    largest_difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether every label is equal and every probability within the tolerance."""
        return self.equal_labels == 1 and self.largest_difference <= self.tolerance


def verify(name_or_path: str | Path | None = None) -> VerificationResult:
    """Score the reference texts of a model folder on this CPU and compare with the recorded probabilities.

    Args:
        name_or_path: None or "bundled", an exported model folder, or a Hub id.

    Raises:
        ModelError: no such model, or one without reference texts.
    """
    folder = open_folder(resolve(name_or_path, one_of=(GRAPHS,)))
    if not folder.graph or folder.manifest.verification is None:
        raise ModelError(f"{folder.path} has no reference texts; export its checkpoint again: emoscope export")
    classifier = EmotionClassifier.from_pretrained(folder.path)
    try:
        record = VerificationRecord(**folder.manifest.verification)
        tolerance = float(record.tolerance)
        expected = np.array(record.probabilities, np.float32).reshape(len(record.texts), len(classifier.labels))
        rows = classifier.predict_proba(record.texts)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{folder.path / MANIFEST}: verification cannot be read ({error}); export again") from error
    equal = decisions(rows, classifier.thresholds) == decisions(expected, classifier.thresholds)
    return VerificationResult(len(rows), float(equal.mean()), float(np.abs(rows - expected).max()), tolerance)


def decisions(probabilities: NDArray[np.float32], thresholds: tuple[float, ...] | None) -> NDArray[np.bool_]:
    """Labels that each text is given: those at or above their threshold, or the most probable one without thresholds.

    Args:
        probabilities: (texts, labels).
        thresholds: for a multi-label model, one for each label; else None.

    Returns:
        bool (texts, labels).
    """
    likeliest = np.arange(probabilities.shape[1]) == probabilities.argmax(axis=1)[:, None]
    given: NDArray[np.bool_] = likeliest if thresholds is None else probabilities >= np.array(thresholds)
    return given


def margins(probabilities: NDArray[np.float32], thresholds: tuple[float, ...] | None) -> NDArray[np.float32]:
    """Change of a probability that would change a text's labels, float32 (texts,); takes what `decisions` takes.

    It is the distance to the nearest threshold, or the difference of the two highest probabilities without thresholds.
    """
    if thresholds is None:
        distances = np.diff(np.sort(probabilities, axis=1)[:, -2:])
    else:
        distances = np.abs(probabilities - np.array(thresholds))
    margin: NDArray[np.float32] = distances.min(axis=1)
    return margin
