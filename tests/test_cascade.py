"""Two models used as one: which texts go on, which threshold gives which agreement, and the names of cascades."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.calibrated import Calibration
from emoscope.cascade import PASS_ALL, Cascade, answers, confidences, fit_threshold, threshold_for
from emoscope.errors import ModelError
from emoscope.model_folder import cascade_agreement
from emoscope.neutral import Neutral

CALIBRATION = Calibration(temperature=2.0, neutral=Neutral())


@dataclass
class Fixed:
    """A model with fixed rows by text, which counts its texts."""

    by_text: dict[str, list[float]]
    calibration: Calibration = CALIBRATION
    parameters: int | None = 7
    preprocessor: object = None
    tokens_read: tuple[int, int] = (3, 1)
    texts: int = 0

    def rows(self, texts: list[str], output: str) -> NDArray[np.float32]:
        assert output == "with_neutral"
        self.texts += len(texts)
        return np.array([self.by_text[text] for text in texts], np.float32).reshape(len(texts), 3)


FAST = {"sure": [0.95, 0.05, 0.01], "unsure": [0.6, 0.4, 0.1], "neutral": [0.5, 0.5, 0.97]}
ACCURATE = {"sure": [0.5, 0.5, 0.0], "unsure": [0.1, 0.9, 0.2], "neutral": [0.9, 0.1, 0.0]}


def test_texts_below_the_threshold_go_on() -> None:
    fast, accurate = Fixed(FAST), Fixed(ACCURATE)
    cascade = Cascade(fast, accurate, 0.9)  # type: ignore[arg-type]
    rows = cascade.rows(["unsure", "sure", "neutral", "unsure"], "with_neutral")
    expected = [ACCURATE["unsure"], FAST["sure"], FAST["neutral"], ACCURATE["unsure"]]
    assert rows == pytest.approx(np.array(expected, np.float32))
    assert (fast.texts, accurate.texts, cascade.passed_on) == (4, 2, (2, 4))
    assert (cascade.parameters, cascade.tokens_read) == (14, (6, 2))


def test_logits_give_the_probabilities_at_its_temperature() -> None:
    cascade = Cascade(Fixed(FAST), Fixed(ACCURATE), 0.9)  # type: ignore[arg-type]
    texts = ["unsure", "sure"]
    logits, rows = cascade.rows(texts, "logits"), cascade.rows(texts, "probabilities")
    assert cascade.calibration.prediction_sets is None
    scores = np.exp(logits / cascade.calibration.temperature)
    assert scores / scores.sum(axis=1, keepdims=True) == pytest.approx(rows)
    assert cascade.rows([], "probabilities").shape == (0, 2)


def test_the_answer_is_a_label_or_neutral() -> None:
    rows = np.array([*FAST.values()], np.float32)
    assert answers(rows).tolist() == [0, 0, 2]
    assert confidences(rows) == pytest.approx([0.95 * 0.99, 0.6 * 0.9, 0.97])


@pytest.mark.parametrize("agreement", [0.5, 0.9, 0.99, 1.0])
def test_the_lowest_threshold_with_the_agreement_is_found(agreement: float) -> None:
    random = np.random.default_rng(0)
    first = random.dirichlet([0.3] * 4, 2_000).round(2).astype(np.float32)
    second = np.where(random.random((2_000, 1)) < confidences(_rows(first))[:, None], first, first[:, ::-1])
    fast, accurate = _rows(first), _rows(second)
    threshold = fit_threshold(fast, accurate, agreement)

    def agreeing(threshold: float) -> float:
        same = (answers(fast) == answers(accurate)) | (confidences(fast) < threshold)
        return float(same.mean())

    assert agreeing(threshold) >= agreement
    lower = np.unique(confidences(fast)[confidences(fast) < threshold])
    assert all(agreeing(float(each)) < agreement for each in lower)


def _rows(joint: NDArray[np.float32]) -> NDArray[np.float32]:
    labels = joint[:, :-1] + 1e-6
    return np.column_stack([labels / labels.sum(axis=1, keepdims=True), joint[:, -1]]).astype(np.float32)


def test_models_that_never_agree_pass_all_texts_on() -> None:
    fast = np.array([[1.0, 0.0, 0.0]], np.float32)
    assert fit_threshold(fast, fast[:, [1, 0, 2]], 0.99) == PASS_ALL


def test_names() -> None:
    names = ("cascade", "cascade:0.95", "cascade:.5", "bundled", None, "cascade:", "cascade:x", "org/cascade")
    assert [cascade_agreement(name) for name in names] == [0.99, 0.95, 0.5, None, None, None, None, None]


def test_a_share_between_two_takes_the_higher() -> None:
    table = {"90": 0.5, "99": 0.8, "99.5": 0.9}
    assert [threshold_for(table, share) for share in (0.9, 0.91, 0.99, 0.992)] == [0.5, 0.8, 0.8, 0.9]
    for share in (0.8, 0.999, 2.0):
        with pytest.raises(ModelError, match=r"allowed: 0\.9 to 0\.995"):
            threshold_for(table, share)
