"""What the handlers share: how the server learns what it can take, and what it does with a model that misbehaves."""

from __future__ import annotations

import time

import numpy as np
import pytest
from serving_fakes import HashClassifier

from emoscope import EMOTIONS
from emoscope.serving.service import MEASURED_REQUESTS, Service
from emoscope.serving.settings import Settings


@pytest.fixture
def service():
    service = Service(HashClassifier(), Settings(target_latency=0.1), "tiny")
    yield service
    service.close()


def answer(service, count):
    for _ in range(count):
        service.answered("/v1/predict", 200, 0.0)


def test_in_flight_is_latency_times_throughput(service):
    service.seconds_a_request = 0.001
    assert service.max_in_flight == 100
    service.seconds_a_request = 10
    assert service.max_in_flight == 4


def test_more_may_be_in_flight_for_a_moment_but_not_on_average(service, monkeypatch):
    service.seconds_a_request = 0.001
    now = [1.0]
    monkeypatch.setattr("emoscope.serving.service.monotonic", lambda: now[0])
    assert service.has_time(0) and service.has_time(99) and service.has_time(399)
    assert not service.has_time(400)
    now[0] += 0.2  # a tenth of the time over which the mean is taken
    assert service.has_time(399)
    for _ in range(10):  # between two arrivals all was answered, but in flight it was for long
        now[0] += 0.1
        service.has_time(399)
        service.has_time(0)
        service.has_time(399)
    assert service.has_time(99)
    assert not service.has_time(100)
    for _ in range(100):
        now[0] += 0.1
        service.has_time(5)
    assert service.has_time(399)


def test_it_learns_how_long_a_request_takes_when_it_is_busy(service):
    for tick in range(1, 200):
        answer(service, 100)
        service.measure(tick * 0.1, tick * 0.09)
    assert service.seconds_a_request == pytest.approx(0.0009, rel=0.01)


def test_the_thread_counts_too(service):
    for tick in range(1, 200):
        answer(service, 50)
        service.batcher.thread_seconds += 0.08
        service.measure(tick * 0.1, tick * 0.01)
    assert service.seconds_a_request == pytest.approx(0.0018, rel=0.01)


def test_it_learns_nothing_from_few_requests_or_idle_time(service):
    before = service.seconds_a_request
    busy = 0.0
    for tick in range(1, 200):
        answer(service, MEASURED_REQUESTS)
        busy += 0.04
        service.measure(tick * 0.1, busy)
    answer(service, MEASURED_REQUESTS - 1)
    service.measure(20.1, busy + 0.1)
    assert service.seconds_a_request == before


def test_a_score_that_is_no_number_is_an_error(serve):
    class Undefined(HashClassifier):
        def predict_proba(self, texts):
            rows = super().predict_proba(texts)
            rows[["nan" in text for text in texts]] = np.nan
            return rows

    client = serve(Undefined())
    bad, good = client.many(*(("POST", "/v1/predict", {"json": {"texts": [text]}}) for text in ("nan", "fine")))
    assert (bad.status_code, good.status_code) == (500, 200)


def test_an_explanation_that_takes_too_long_is_given_up(serve):
    class Slow(HashClassifier):
        def predict_proba(self, texts):
            if any("slow" in text for text in texts):
                time.sleep(0.3)
            return super().predict_proba(texts)

    answer = serve(Slow(), timeout=0.1).post("/v1/explain", {"texts": ["slow words"]})
    assert answer.status_code == 504


def test_any_object_with_labels_and_probabilities_is_served(serve):
    class Bare:
        labels = EMOTIONS

        def predict_proba(self, texts):
            return np.full((len(texts), 6), 1 / 6, np.float32)

    client = serve(Bare())
    assert client.post("/v1/predict", {"texts": ["a"]}).json()["sets"] is None
    assert client.post("/classify", {"input": ["a b c"]}).json()["usage"]["total_tokens"] > 0
