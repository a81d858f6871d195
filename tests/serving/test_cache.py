"""The cache of scores: what it forgets, and that it stays within its bounds."""

from __future__ import annotations

import gc

from emoscope.serving import cache as module
from emoscope.serving.cache import ScoreCache


def row(i):
    return ((float(i), 1.0), 0, ("joy",), True)


def test_the_least_recently_used_is_forgotten_first():
    cache = ScoreCache(1 << 20, 2)
    room = (1 << 20) // (cache._size("00000"))
    for i in range(room):
        cache.put(f"{i:05}", row(i))
    assert cache.get("00000") == row(0)
    for i in range(room, room + 5):
        cache.put(f"{i:05}", row(i))
    assert cache.get("00000") == row(0)
    assert cache.get("00001") is None
    assert cache.get(f"{room + 4:05}") == row(room + 4)


def test_it_stays_within_its_bytes_and_its_entries(monkeypatch):
    monkeypatch.setattr(module, "MAX_ENTRIES", 1000)
    cache = ScoreCache(100_000, 2)
    for i in range(5000):
        cache.put("x" * (i % 3000) + str(i), row(i))
        assert cache.bytes <= 100_000
    small = ScoreCache(10 << 20, 2)
    for i in range(5000):
        small.put(str(i), row(i))
    assert len(small) == 1000


def test_the_same_text_counts_once():
    cache = ScoreCache(100_000, 2)
    for _ in range(3):
        cache.put("a", row(1))
    assert (len(cache), cache.bytes) == (1, cache._size("a"))


def test_without_memory_nothing_is_kept():
    cache = ScoreCache(0, 2)
    cache.put("a", row(1))
    assert cache.get("a") is None


def test_the_garbage_collector_does_not_look_at_rows():
    cache = ScoreCache(1 << 20, 2)
    cache.put("a", (tuple(map(float, range(2))), 0, tuple(map(str, range(1))), None))
    gc.collect()  # the inner tuples
    gc.collect()
    assert not gc.is_tracked(cache.get("a"))
