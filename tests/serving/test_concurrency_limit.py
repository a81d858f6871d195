"""The limit on requests in flight: Little's law, bursts, and what it learns while the server is busy."""

from __future__ import annotations

import pytest

from emoscope.serving.batching import Batcher
from emoscope.serving.cache import ScoreCache
from emoscope.serving.concurrency_limit import MIN_MEASURED, ConcurrencyLimit


@pytest.fixture
def batcher():
    batcher = Batcher({"none": lambda texts: []}, cache=ScoreCache(0, 1), max_batch_tokens=1, target_latency=0.1)
    yield batcher
    batcher.close()


@pytest.fixture
def limit(batcher):
    return ConcurrencyLimit(batcher)


def test_limit_is_latency_times_throughput(limit):
    limit.seconds_per_request = 0.001
    assert limit.max_in_flight == 100
    limit.seconds_per_request = 10
    assert limit.max_in_flight == 4


def test_more_may_be_in_flight_for_a_moment_but_not_on_average(limit, monkeypatch):
    limit.seconds_per_request = 0.001
    now = [1.0]
    monkeypatch.setattr("emoscope.serving.concurrency_limit.monotonic", lambda: now[0])
    assert limit.has_room(0) and limit.has_room(99) and limit.has_room(399)
    assert not limit.has_room(400)
    now[0] += 0.2  # a tenth of the time over which the mean is taken
    assert limit.has_room(399)
    for _ in range(10):  # between two arrivals everything was answered, but most of the time it was in flight
        now[0] += 0.1
        limit.has_room(399)
        limit.has_room(0)
        limit.has_room(399)
    assert limit.has_room(99)
    assert not limit.has_room(100)
    for _ in range(100):
        now[0] += 0.1
        limit.has_room(5)
    assert limit.has_room(399)


def test_time_of_a_request_is_measured_while_the_server_is_busy(limit):
    for tick in range(1, 200):
        limit.responses += 100
        limit.measure(tick * 0.1, tick * 0.09)
    assert limit.seconds_per_request == pytest.approx(0.0009, rel=0.01)


def test_time_of_the_batching_thread_counts_too(limit, batcher):
    for tick in range(1, 200):
        limit.responses += 50
        batcher.thread_seconds += 0.08
        limit.measure(tick * 0.1, tick * 0.01)
    assert limit.seconds_per_request == pytest.approx(0.0018, rel=0.01)


def test_bulk_requests_do_not_lower_the_limit(limit, batcher):
    batcher.tokens_per_second = 200_000.0
    limit.start("x" * 60)
    before = limit.max_in_flight
    busy = 0.0
    for tick in range(1, 100):
        limit.responses += 2
        batcher.texts += 2000
        batcher.scored_tokens += 20_000
        batcher.thread_seconds += 0.1
        busy += 0.008
        limit.measure(tick * 0.1, busy)
    assert before * 0.8 < limit.max_in_flight < before * 1.2


def test_limit_recovers_within_a_second_of_idling(limit, batcher):
    batcher.tokens_per_second = 200_000.0
    limit.start("x" * 60)
    before = limit.max_in_flight
    limit.seconds_per_request = 0.025
    assert limit.max_in_flight == 4
    for tick in range(1, 11):
        limit.measure(tick * 0.1, tick * 0.001)
    assert limit.max_in_flight > 0.8 * before


def test_few_requests_and_idle_time_are_not_measured(limit):
    before = limit.seconds_per_request
    busy = 0.0
    for tick in range(1, 200):
        limit.responses += MIN_MEASURED
        busy += 0.04
        limit.measure(tick * 0.1, busy)
    limit.responses += MIN_MEASURED - 1
    limit.measure(20.1, busy + 0.1)
    assert limit.seconds_per_request == before
