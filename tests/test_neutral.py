"""Neutral texts, by their distance from the centre."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emoscope import EmotionClassifier
from emoscope.neutral import Neutral, centred_logs
from emoscope.probabilities import probabilities, temperature_scaled

LOGITS = hnp.arrays(np.float32, (4, 5), elements=st.floats(-8, 8, width=32))


def softmax(logits):
    return probabilities(np.asarray(logits, np.float32))


@given(LOGITS)
def test_centred_logarithms_are_the_centred_logits(logits):
    expected = logits - logits.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(centred_logs(softmax(logits)), expected, atol=2e-5)


@given(LOGITS)
def test_the_distance_is_euclidean_between_centred_logits(logits):
    centre = (1.0, 0.0, -0.5, -0.5, 0.0)
    expected = [np.linalg.norm(row - row.mean() - centre) for row in logits.astype(np.float64)]
    shifted = softmax(logits + np.float32(3))
    np.testing.assert_allclose(Neutral(centre, 0.0).distances(shifted), expected, atol=1e-4)


@given(LOGITS, st.floats(0.5, 2))
def test_neutral_texts_stay_neutral_at_another_temperature(logits, ratio):
    rows = softmax(logits)
    before = Neutral((0.5, 0.0, 0.0, 0.0, -0.5), 3.0)
    after = before.at_temperature(ratio)
    distances = after.distances(temperature_scaled(rows, ratio)) * ratio
    np.testing.assert_allclose(distances, before.distances(rows), rtol=1e-3, atol=1e-3)
    assert after.threshold * ratio == pytest.approx(before.threshold)


def test_the_distance_of_zero_probabilities_is_finite():
    assert np.isfinite(Neutral((0.0, 0.0), 1.0).distances(np.array([[1.0, 0.0]], np.float32))).all()


@pytest.fixture(scope="module")
def bundled():
    return EmotionClassifier.from_pretrained()


def test_the_bundled_model_separates_facts_from_feelings(bundled):
    facts = [
        "The meeting starts at ten in room four.",
        "Please find the invoice attached.",
        "He put the book on the table.",
    ]
    feelings = ["i feel so happy today", "I'm furious with them!", "i am scared of the dark", "i miss her so much"]
    predictions = bundled.predict([*facts, *feelings])
    assert [prediction.neutral for prediction in predictions] == [True] * 3 + [False] * 4


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0\u2003"])
def test_a_blank_text_is_neutral_whatever_its_probabilities(bundled, blank):
    (prediction,) = bundled.predict([blank])
    assert prediction.neutral is True
    certain = np.array([[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]], np.float32)
    assert bundled.neutral([blank], certain).tolist() == [True]
    assert bundled.neutral(["joy"], certain).tolist() == [False]


def test_arrays_equal_predictions(bundled):
    texts = ["i feel so happy today", "i feel passionate", "the bus leaves at nine", "i feel weird", ""]
    rows, predictions = bundled.predict_proba(texts), bundled.predict(texts)
    assert bundled.neutral(texts, rows).tolist() == [prediction.neutral for prediction in predictions]
    for coverage in (0.5, 0.9, 0.945, 0.99):
        sets = bundled.prediction_sets(rows, coverage)
        names = [tuple(np.array(bundled.labels)[row].tolist()) for row in sets]
        assert names == [prediction.prediction_set(coverage) for prediction in predictions]
    assert {len(prediction.prediction_set(0.97)) for prediction in predictions} >= {1, 2}


def test_no_texts(bundled):
    rows = bundled.predict_proba([])
    assert bundled.neutral([], rows).shape == (0,)
    assert bundled.prediction_sets(rows).shape == (0, 6)
