"""Fake classifiers, and rows for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emoscope.data import Examples
from emoscope.evaluation import compare
from emoscope.labels import EMOTIONS, Labels
from fake_classifier import FakeClassifier


@pytest.fixture
def fake() -> Callable[..., FakeClassifier]:
    """The class, to be called with labels and rows."""
    return FakeClassifier


@pytest.fixture
def examples() -> Examples:
    """300 rows of the six emotions."""
    label_ids = np.random.default_rng(1).integers(6, size=300)
    texts = [f"sentence number {i}" for i in range(300)]
    return Examples(texts, label_ids.astype(np.int64), Labels(), "sentences", "validation")


@pytest.fixture
def classifier(examples: Examples) -> FakeClassifier:
    """Right on most of `examples`, with varying confidence; never predicts surprise."""
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(300, 6)) + 2.5 * np.eye(6)[examples.label_ids]
    logits[:, 5] = -9.0
    rows = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return FakeClassifier(EMOTIONS, dict(zip(examples.texts, rows, strict=True)))


MOODS = ("calm", "tense", "bored", "eager", "numb")


@pytest.fixture
def several_labels() -> Examples:
    """250 rows with none to five of five labels; no row has the last."""
    rng = np.random.default_rng(5)
    indicators = rng.random((250, 5)) < (0.5, 0.3, 0.2, 0.1, 0.0)
    return Examples([f"row number {i}" for i in range(250)], indicators, Labels(MOODS), "moods", "validation")


@pytest.fixture
def multi_label_classifier(several_labels: Examples) -> FakeClassifier:
    """Mostly right on `several_labels`; never predicts "eager"; its labels are in reverse order."""
    rng = np.random.default_rng(6)
    logits = rng.normal(size=(250, 5)) + 2.0 * several_labels.label_ids - 1.0
    logits[:, 3] = -3.0
    rows = (1 / (1 + np.exp(-logits)))[:, ::-1].astype(np.float32)
    return FakeClassifier(MOODS[::-1], dict(zip(several_labels.texts, rows, strict=True)))


@pytest.fixture
def worse(classifier: Any, examples: Examples, fake: Callable[..., Any]) -> Any:
    """As `classifier`, but sure of sadness on the first hundred rows."""
    sadness = np.eye(6)[0] * 0.94 + 0.01
    return fake(EMOTIONS, classifier.rows | dict.fromkeys(examples.texts[:100], sadness))


@pytest.fixture
def comparison(classifier: Any, worse: Any, examples: Examples) -> dict[str, Any]:
    """On rows with the name of the data set of the published models."""
    classifiers = {"good": classifier, "worse": worse, "twin": classifier}
    return compare(classifiers, replace(examples, name="dair-ai/emotion"), rounds=2, speed_texts=40)


@pytest.fixture
def several_comparison(multi_label_classifier: FakeClassifier, several_labels: Examples) -> dict[str, Any]:
    """Of two multi-label classifiers on multi-label rows."""
    nothing = FakeClassifier(MOODS, dict.fromkeys(several_labels.texts, [0.1] * 5))
    return compare({"good": multi_label_classifier, "nothing": nothing}, several_labels, rounds=1)
