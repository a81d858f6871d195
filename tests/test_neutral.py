"""The probability of neutral: from logits, refitted, and as one distribution with the labels."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, softmax

from emoscope import EmotionClassifier
from emoscope.errors import ModelError
from emoscope.manifest import read_manifest, write_manifest
from emoscope.neutral import Neutral, NeutralDistance, joint, log_odds, log_odds_of
from emoscope.probabilities import probabilities, temperature_scaled

EDITION_0_1 = Path(__file__).parent / "data" / "edition_0_1" / "model"
LOGITS = hnp.arrays(np.float32, (4, 5), elements=st.floats(-30, 30, width=32))


@given(LOGITS)
def test_unfitted_probabilities_are_those_of_one_softmax(logits):
    expected = softmax(logits.astype(np.float64), axis=1)[:, -1]
    np.testing.assert_allclose(Neutral().probability(log_odds(logits)), expected, atol=1e-6)


@given(hnp.arrays(np.float64, 4, elements=st.floats(-30, 30)), st.floats(0.1, 3), st.floats(-3, 3))
def test_scale_and_bias_apply_to_the_log_odds(odds, scale, bias):
    np.testing.assert_allclose(Neutral(scale, bias).probability(odds), expit(scale * odds + bias), atol=1e-6)


@given(LOGITS, st.floats(0.5, 2), st.floats(-2, 2))
def test_a_second_fit_is_composed_with_the_first(logits, scale, bias):
    first, second = Neutral(0.7, 0.3), Neutral(scale, bias)
    odds = np.clip(log_odds(logits), -12, 12)
    expected = second.probability(log_odds_of(first.probability(odds)))
    np.testing.assert_allclose(first.then(second).probability(odds), expected, atol=1e-4)


def test_log_odds_of_certain_probabilities_are_finite():
    assert np.isfinite(log_odds_of(np.array([0.0, 0.5, 1.0], np.float32))).all()


@given(LOGITS)
def test_the_joint_distribution_is_one_softmax(logits):
    labels = softmax(logits[:, :-1], axis=1)
    rows = np.column_stack([labels, Neutral().probability(log_odds(logits))])
    expected = softmax(logits.astype(np.float64), axis=1)
    np.testing.assert_allclose(joint(rows), expected, atol=1e-5)
    assert joint(rows).dtype == np.float32


@given(LOGITS)
def test_a_distance_is_half_at_its_threshold_and_does_not_depend_on_the_temperature(logits):
    rows = probabilities(np.clip(logits, -8, 8))
    distance = NeutralDistance((1.0, 0.0, -0.5, -0.5, 0.0), 3.0)
    centred = np.log(rows.astype(np.float64))
    centred -= centred.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred - distance.centre, axis=1)
    np.testing.assert_allclose(distance.probability(rows), expit(3.0 - lengths), atol=1e-4)
    after = distance.at_temperature(1.5).probability(temperature_scaled(rows, 1.5))
    inside = np.abs(lengths - 3.0) > 1e-3
    assert ((after >= 0.5) == (lengths <= 3.0))[inside].all()


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
    assert [prediction.is_neutral for prediction in predictions] == [True] * 3 + [False] * 4


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0\u2003"])
def test_a_blank_text_is_neutral(bundled, blank):
    (prediction,) = bundled.predict([blank])
    assert prediction.neutral == 1.0 and prediction.is_neutral
    assert bundled.neutral_proba([blank, "i feel happy"])[0] == 1.0


def test_arrays_equal_predictions(bundled):
    texts = ["i feel so happy today", "i feel passionate", "The bus leaves at nine.", "i feel weird", "", "so " * 900]
    rows, neutral, predictions = bundled.predict_proba(texts), bundled.neutral_proba(texts), bundled.predict(texts)
    assert neutral.dtype == np.float32 and neutral.shape == (6,)
    assert neutral.tolist() == [prediction.neutral for prediction in predictions]
    np.testing.assert_array_equal(bundled.predict_with_neutral(texts), np.column_stack([rows, neutral]))
    for coverage in (0.5, 0.9, 0.945, 0.99):
        sets = bundled.prediction_sets(rows, coverage, texts=texts)
        names = [tuple(np.array(bundled.labels)[row].tolist()) for row in sets]
        assert names == [prediction.prediction_set(coverage) for prediction in predictions]


def test_no_texts(bundled):
    rows = bundled.predict_proba([])
    assert bundled.neutral_proba([]).shape == (0,)
    assert bundled.predict_with_neutral([]).shape == (0, 7)
    assert bundled.prediction_sets(rows).shape == (0, 6)


def test_a_model_without_the_output_has_no_probability(without_neutral):
    assert without_neutral.predict(["i feel happy"])[0].neutral is None
    assert without_neutral.predict_with_neutral(["i feel happy"]).shape == (1, 6)
    with pytest.raises(ModelError, match="no output for neutral texts"):
        without_neutral.neutral_proba(["i feel happy"])


@pytest.fixture
def without_neutral(tmp_path):
    """A model that does not tell neutral texts."""
    folder = shutil.copytree(EDITION_0_1, tmp_path / "model")
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, calibration=replace(manifest.calibration, neutral=None)))
    return EmotionClassifier.from_pretrained(folder)
