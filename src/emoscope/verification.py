"""Whether a model folder says on this machine what torch said when the folder was exported."""

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
class SelfTest:
    """The record in `emoscope.json`.

    Attributes:
        texts: sentences, none of which stands between two labels for torch.
        probabilities: what torch gave for each, (texts, labels).
        tolerance: by how much a probability may differ: that of the parity gate, or for integers, by how much the
            graph differed on the machine that exported it and a little more.
    """

    texts: list[str]
    probabilities: list[list[float]]
    tolerance: float


@dataclass(frozen=True)
class SelfTestResult:
    """How far this machine is from the record.

    Attributes:
        texts: how many.
        equal_labels: share of the labels that are equal.
        largest_difference: of any probability.
        tolerance: what is allowed.
    """

    texts: int
    equal_labels: float
    largest_difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether every label is equal and every probability near enough."""
        return self.equal_labels == 1 and self.largest_difference <= self.tolerance


def verification(name_or_path: str | Path | None = None) -> SelfTestResult:
    """Score the reference texts of a model folder on this CPU.

    Args:
        name_or_path: None or "bundled", an exported model folder, or a Hub id.

    Raises:
        ModelError: no such model, or one without reference texts.
    """
    folder = open_folder(resolve(name_or_path, one_of=(GRAPHS,)))
    if not folder.graph or folder.manifest.verification is None:
        raise ModelError(
            f"{folder.path} has no reference texts to test itself with; export its checkpoint again: emoscope export"
        )
    classifier = EmotionClassifier.from_pretrained(folder.path)
    try:
        record = SelfTest(**folder.manifest.verification)
        tolerance = float(record.tolerance)
        expected = np.array(record.probabilities, np.float32).reshape(len(record.texts), len(classifier.labels))
        rows = classifier.predict_proba(record.texts)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{folder.path / MANIFEST}: verification cannot be read ({error}); export again") from error
    equal = decided(rows, classifier.thresholds) == decided(expected, classifier.thresholds)
    return SelfTestResult(len(rows), float(equal.mean()), float(np.abs(rows - expected).max()), tolerance)


def decided(probabilities: NDArray[np.float32], thresholds: tuple[float, ...] | None) -> NDArray[np.bool_]:
    """Which labels each text is given: those that reach their threshold; of a single-label model the likeliest.

    Args:
        probabilities: (texts, labels).
        thresholds: of a multi-label model, one for each label; else None.

    Returns:
        bool (texts, labels).
    """
    labels = np.arange(probabilities.shape[1])
    given: NDArray[np.bool_]
    if thresholds is None:
        given = labels == probabilities.argmax(axis=1)[:, None]
    else:
        given = probabilities >= np.array(thresholds)
    return given


def margins(probabilities: NDArray[np.float32], thresholds: tuple[float, ...] | None) -> NDArray[np.float32]:
    """How far the labels of each text are from others: to the nearest threshold, or from the second likeliest label.

    *Shape:* as `decided`, float32 (texts,).
    """
    margin: NDArray[np.float32]
    if thresholds is None:
        second, first = np.sort(probabilities, axis=1)[:, -2:].T
        margin = first - second
    else:
        margin = np.abs(probabilities - np.array(thresholds)).min(axis=1)
    return margin
