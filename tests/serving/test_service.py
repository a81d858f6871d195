"""What the handlers share: what the server does with models that misbehave, are slow, or can do little."""

from __future__ import annotations

import threading
import time

import numpy as np
from serving_fakes import CalibratedClassifier, HashClassifier

from emoscope import EMOTIONS


def test_score_that_is_not_a_number_is_an_error(serve):
    class Undefined(HashClassifier):
        def predict_proba(self, texts):
            rows = super().predict_proba(texts)
            rows[["nan" in text for text in texts]] = np.nan
            return rows

    client = serve(Undefined())
    bad, good = client.many(*(("POST", "/v1/predict", {"json": {"texts": [text]}}) for text in ("nan", "fine")))
    assert (bad.status_code, good.status_code) == (500, 200)


def test_explanation_that_takes_too_long_fails(serve):
    class Slow(HashClassifier):
        def predict_proba(self, texts):
            if any("slow" in text for text in texts):
                time.sleep(0.3)
            return super().predict_proba(texts)

    answer = serve(Slow(), timeout=0.1).post("/v1/explain", {"texts": ["slow words"]})
    assert answer.status_code == 504


def test_any_object_with_labels_and_probabilities_can_be_served(serve):
    class Bare:
        labels = EMOTIONS

        def predict_proba(self, texts):
            return np.full((len(texts), 6), 1 / 6, np.float32)

    client = serve(Bare())
    assert client.post("/v1/predict", {"texts": ["a"]}).json()["prediction_sets"] is None
    assert client.post("/classify", {"input": ["a b c"]}).json()["usage"]["total_tokens"] > 0


def test_long_text_is_scored_in_steps_with_the_same_result(serve):
    class Stepping(CalibratedClassifier):
        limits = ()

        def predict_in_steps(self, text, max_tokens, *, logits=False):
            self.limits += (max_tokens,)
            yield from [None] * 5
            yield self.predict_logits([text]) if logits else self.predict_with_neutral([text])

    long = "i feel happy " * 6000
    stepping, whole = Stepping(), CalibratedClassifier()
    for path, body in [
        ("/v1/predict", {"texts": ["one", long, "two"]}),
        ("/predict", {"inputs": long, "raw_scores": True}),
        ("/v1/sentences", {"text": long}),
    ]:
        expected = serve(whole).post(path, body)
        assert expected.status_code == 200
        assert serve(stepping).post(path, body).json() == expected.json()
    assert len(stepping.limits) == 3
    assert 0 < max(stepping.limits) <= 4096


def test_tokens_of_many_texts_are_counted_while_others_have_a_turn(serve):
    threads = []

    class Counting(CalibratedClassifier):
        def token_counts(self, texts):
            threads.append(threading.current_thread() is threading.main_thread())
            return super().token_counts(texts)

    client = serve(Counting())
    assert client.post("/classify", {"input": ["one two"]}).json()["usage"]["total_tokens"] == 4
    assert client.post("/classify", {"input": ["one two " * 1000] * 3}).json()["usage"]["total_tokens"] == 6006
    assert threads == [True, False]
