"""`Cascade`: a fast model answers the texts that it is sure of, an accurate one the others. Knows no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emoscope.calibrated import Calibration
from emoscope.errors import ModelError
from emoscope.neutral import joint
from emoscope.prediction import MIN_NEUTRAL
from emoscope.preprocessing import Preprocessor
from emoscope.protocols import Steps
from emoscope.text_model import Output, TextModel

PASS_ALL = 1.01
"""A threshold above all probabilities."""


class Cascade:
    """Two models with the same labels and a neutral output, used as one.

    A text goes on to the accurate model if the fast one gives its answer, which is a label or neutral, a probability
    below a threshold.

    Attributes:
        calibration: that of the accurate model, without prediction sets, which hold for one model alone.
        parameters: number of parameters of both models.
        preprocessor: that of the fast model, which counts tokens.
        passed_on: number of texts so far that the accurate model answered, and of all texts.
    """

    def __init__(self, fast: TextModel | Cascade, accurate: TextModel | Cascade, threshold: float) -> None:
        """Combine two models, neither of which has thresholds of labels (multi-label)."""
        self.calibration: Calibration = replace(accurate.calibration, temperature=1.0, prediction_sets=None)
        self.parameters: int | None = (fast.parameters or 0) + (accurate.parameters or 0) or None
        self.preprocessor: Preprocessor = fast.preprocessor
        self.passed_on = (0, 0)
        self._fast, self._accurate, self._threshold = fast, accurate, threshold

    def __repr__(self) -> str:
        return f"Cascade({self._fast!r}, {self._accurate!r}, threshold={self._threshold})"

    @property
    def tokens_read(self) -> tuple[int, int]:
        """Tokens that both models have processed so far, and padding tokens added."""
        (first, padding), (second, more) = self._fast.tokens_read, self._accurate.tokens_read
        return first + second, padding + more

    def hidden(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Hidden vectors of the fast model; errors of `TextModel.hidden`."""
        return self._fast.hidden(texts)

    def rows(self, texts: Sequence[str], output: Output) -> NDArray[np.float32]:
        """A row for each text, float32 (len(texts), columns); logits are logarithms of probabilities."""
        rows = self._fast.rows(texts, "with_neutral")
        unsure = np.flatnonzero(confidences(rows) < self._threshold)
        if unsure.size:
            rows[unsure] = self._accurate.rows([texts[row] for row in unsure.tolist()], "with_neutral")
        passed, seen = self.passed_on
        self.passed_on = (passed + unsure.size, seen + len(texts))
        return _as(output, rows)

    def rows_in_steps(self, text: str, max_tokens: int, output: Output) -> Steps:
        """The row of a long text; see `protocols.SupportsSteps`."""
        for model in (self._fast, self._accurate):
            for rows in model.rows_in_steps(text, max_tokens, "with_neutral"):
                if rows is None:
                    yield None
                elif model is self._accurate or confidences(rows)[0] >= self._threshold:
                    yield _as(output, rows)
                    return


def _as(output: Output, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of labels and neutral as another output."""
    if output == "with_neutral":
        return rows
    labels = rows[:, :-1]
    return labels if output == "probabilities" else np.log(np.maximum(labels, np.finfo(np.float32).tiny))


def confidences(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The highest probability among labels and neutral, float32 (rows,).

    Args:
        rows: (rows, labels + 1): probabilities of the labels, which sum to 1, and last the probability of neutral.
    """
    highest: NDArray[np.float32] = joint(rows).max(axis=1)
    return highest


def answers(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """The answer to each text, int64 (rows,): the index of its label, or of neutral where that is at least 0.5."""
    labels = rows.shape[1] - 1
    chosen: NDArray[np.int64] = np.where(rows[:, -1] >= MIN_NEUTRAL, labels, rows[:, :-1].argmax(axis=1))
    return chosen


def fit_threshold(fast: NDArray[np.float32], accurate: NDArray[np.float32], agreement: float) -> float:
    """The lowest threshold at which the answers of a cascade are those of the accurate model for a share of the texts.

    Args:
        fast: what the fast model returned, float32 (texts, labels + 1).
        accurate: what the accurate model returned for the same texts.
        agreement: the share, in [0, 1].
    """
    confident = confidences(fast)
    order = np.argsort(-confident)
    errors = np.cumsum((answers(fast) != answers(accurate))[order])
    last_of_ties = np.append(np.diff(confident[order]) < 0, True)
    kept = np.flatnonzero((errors <= (1 - agreement) * len(order) + 1e-6) & last_of_ties)
    return float(confident[order[kept[-1]]]) if kept.size else PASS_ALL


def threshold_for(thresholds: Mapping[str, float], agreement: float) -> float:
    """The threshold for a share of texts, from a table by percent; a share between two takes the higher.

    Raises:
        ModelError: the table has no such share.
    """
    percents = sorted(float(percent) for percent in thresholds)
    enough = [percent for percent in percents if percent >= round(100 * agreement, 6)]
    if not enough or agreement < percents[0] / 100:
        raise ModelError(
            f"a cascade cannot agree with the accurate model on {agreement:g} of the texts; allowed: "
            f"{percents[0] / 100:g} to {percents[-1] / 100:g}"
        )
    return thresholds[f"{enough[0]:g}"]
