"""Predict, explain and sentences: our own shapes."""

from __future__ import annotations

import numpy as np
from serving_fakes import probabilities

from emoscope import EMOTIONS
from emoscope.explanation import explain
from emoscope.sentences import sentences


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
    assert body["sets"] is body["clear"] is None


def test_an_explanation_is_that_of_the_library(client, classifier):
    texts = ["i feel so happy", ""]
    for method in ("loo", "shapley"):
        body = client.post("/v1/explain", {"texts": texts, "method": method}).json()
        for got, expected in zip(body["explanations"], explain(classifier, texts, method=method), strict=True):
            assert (got["text"], got["label"], got["method"]) == (expected.text, expected.label, method)
            assert [tuple(word.values())[:3] for word in got["words"]] == [
                (w.word, w.start, w.end) for w in expected.words
            ]
            assert np.allclose([word["weight"] for word in got["words"]], [word.weight for word in expected.words])


def test_sentences_have_their_places_and_the_text_its_scores(client):
    text = "I was sad. Now i am happy!\nReally."
    body = client.post("/v1/sentences", {"text": text}).json()
    assert [(s["text"], s["start"], s["end"]) for s in body["sentences"]] == sentences(text)
    for sentence in body["sentences"]:
        assert np.array_equal(np.float32(sentence["scores"]), probabilities(sentence["text"]))
    assert np.array_equal(np.float32(body["scores"]), probabilities(text))
