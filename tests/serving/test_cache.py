"""The cache of scores: what it evicts, and its bounds."""

from __future__ import annotations

import gc

from emoscope.serving import cache as module
from emoscope.serving.cache import ScoreCache


def row(i):
    return ((float(i), 1.0), 0, ("joy",), True)


def test_least_recently_used_text_is_evicted_first():
    cache = ScoreCache(1 << 20, 2)
    capacity = (1 << 20) // (cache._size("00000"))
    for i in range(capacity):
        cache.put(f"{i:05}", row(i))
    assert cache.get("00000") == row(0)
    for i in range(capacity, capacity + 5):
        cache.put(f"{i:05}", row(i))
    assert cache.get("00000") == row(0)
    assert cache.get("00001") is None
    assert cache.get(f"{capacity + 4:05}") == row(capacity + 4)


def test_cache_stays_within_its_bytes_and_entries(monkeypatch):
    monkeypatch.setattr(module, "MAX_ENTRIES", 1000)
    cache = ScoreCache(100_000, 2)
    for i in range(5000):
        cache.put("x" * (i % 3000) + str(i), row(i))
        assert cache.bytes <= 100_000
    small = ScoreCache(10 << 20, 2)
    for i in range(5000):
        small.put(str(i), row(i))
    assert len(small) == 1000


def test_same_text_counts_once():
    cache = ScoreCache(100_000, 2)
    for _ in range(3):
        cache.put("a", row(1))
    assert (len(cache), cache.bytes) == (1, cache._size("a"))


def test_cache_without_memory_keeps_nothing():
    cache = ScoreCache(0, 2)
    cache.put("a", row(1))
    assert cache.get("a") is None


def test_garbage_collector_does_not_track_rows():
    cache = ScoreCache(1 << 20, 2)
    cache.put("a", (tuple(map(float, range(2))), 0, tuple(map(str, range(1))), None))
    gc.collect()  # the inner tuples
    gc.collect()
    assert not gc.is_tracked(cache.get("a"))
