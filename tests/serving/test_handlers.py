"""emoscope's own API: predict, explain and sentences."""

from __future__ import annotations

import numpy as np
import pytest
from serving_fakes import probabilities

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.explanation import explain
from emoscope.timeline import timeline


def test_predict_answers_in_columns(client):
    texts = ["one", "two", "one"]
    answer = client.post("/v1/predict", {"texts": texts})
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == "tiny"
    assert body["labels"] == list(EMOTIONS)
    expected = np.array([probabilities(text) for text in texts])
    assert np.array_equal(np.float32(body["scores"]), expected)
    assert body["label"] == [EMOTIONS[i] for i in expected.argmax(axis=1)]
    assert np.array_equal(np.float32(body["score"]), expected.max(axis=1))
    assert body["prediction_sets"] is body["neutral"] is body["sets"] is body["clear"] is None


def test_explanations_are_those_of_the_library(client, classifier):
    texts = ["i feel so happy", ""]
    for method in ("loo", "shapley"):
        body = client.post("/v1/explain", {"texts": texts, "method": method}).json()
        for got, expected in zip(body["explanations"], explain(classifier, texts, method=method), strict=True):
            assert (got["text"], got["label"], got["method"]) == (expected.text, expected.label, method)
            assert [tuple(word.values())[:3] for word in got["words"]] == [
                (w.word, w.start, w.end) for w in expected.words
            ]
            assert np.allclose([word["weight"] for word in got["words"]], [word.weight for word in expected.words])


@pytest.mark.parametrize("text", ["I was sad. Now i am happy!\nReally.", "One.", "", " \n"])
def test_sentences_are_the_timeline_of_the_library(client, classifier, text):
    body = client.post("/v1/sentences", {"text": text}).json()
    expected = timeline(classifier, [text])[0].to_json()
    assert list(body) == list(expected)
    assert [list(each) for each in body["sentences"]] == [list(each) for each in expected["sentences"]]
    assert np.allclose(body["scores"], expected["scores"], atol=1e-6)
    assert (body["label"], body["sentences"]) == (expected["label"], expected["sentences"])


def test_calibrated_model_has_prediction_sets_and_neutral_texts(calibrated):
    texts = ["one", "two", "three", "four"]
    body = calibrated.post("/v1/predict", {"texts": texts}).json()
    rows = [probabilities(text) for text in texts]
    assert body["prediction_sets"] == [
        [label for label, p in zip(EMOTIONS, row, strict=True) if p >= 0.2] for row in rows
    ]
    assert np.allclose(body["neutral"], [1 - max(row) for row in rows], atol=1e-6)
    assert body["sets"] == body["prediction_sets"]
    assert body["clear"] == [neutral < 0.5 for neutral in body["neutral"]]
    again = calibrated.post("/v1/predict", {"texts": texts}).json()
    assert again == body


def test_predictions_of_the_bundled_model_are_those_of_the_library(serve):
    model = EmotionClassifier.from_pretrained()
    texts = [
        "i feel so happy today",
        "It is raining.",
        "why would you do that to me",
        "word " * 1000,
        "",
        " \n",
        "\u3000",
    ]
    body = serve(model).post("/v1/predict", {"texts": texts}).json()
    for i, prediction in enumerate(model.predict(texts)):
        assert body["label"][i] == prediction.label
        assert np.allclose(body["scores"][i], list(prediction.scores.values()), atol=1e-6)
        assert body["neutral"][i] == pytest.approx(prediction.neutral, abs=1e-6)
        assert tuple(body["prediction_sets"][i]) == prediction.prediction_set(0.9)
    assert body["neutral"][-3:] == [1.0] * 3
