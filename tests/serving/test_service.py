"""What the handlers share: what the server does with models that misbehave, are slow, or can do little."""

from __future__ import annotations

import time

import numpy as np
from serving_fakes import HashClassifier

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
