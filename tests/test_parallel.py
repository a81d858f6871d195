"""`map` in threads, in order and with its errors, and the cores that a process may use."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.parallel import map_in_threads, usable_cores


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers()), st.integers(1, 4))
def test_it_returns_what_map_does(items: list[int], threads: int) -> None:
    assert list(map_in_threads(lambda item: item * 2, items, threads=threads)) == [item * 2 for item in items]


def test_results_keep_their_order_when_the_first_is_the_slowest() -> None:
    first_may_end = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert first_may_end.wait(30)
        else:
            first_may_end.set()
        return item

    assert list(map_in_threads(work, range(5), threads=2)) == [0, 1, 2, 3, 4]


def test_items_are_taken_only_as_far_ahead_as_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = map_in_threads(str, items(), threads=3)
    assert next(results) == "0"
    assert len(taken) == 4
    results.close()


def test_an_error_is_raised_where_its_result_would_be() -> None:
    results = map_in_threads(lambda item: 6 // item, [3, 2, 0, 1], threads=2)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("end", ["close", "error"])
def test_running_calls_are_abandoned_if_it_ends_early(end: str) -> None:
    """A call that waits for something would otherwise be waited for."""
    ended = threading.Event()

    def work(item: int) -> int:
        if item:
            assert ended.wait(30)
        return 6 // (item or int(end == "close"))

    results = map_in_threads(work, range(3), threads=2, abandon=ended.set)
    if end == "close":
        assert next(results) == 6 and not ended.is_set()
        results.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(ZeroDivisionError):
            next(results)
    assert ended.is_set()


def test_nothing_is_abandoned_if_all_items_are_done() -> None:
    ended = threading.Event()
    assert list(map_in_threads(str, range(3), threads=2, abandon=ended.set)) == ["0", "1", "2"] and not ended.is_set()


@pytest.mark.parametrize(("allowed", "cores"), [("1", 1), ("0", 1), ("100000", None), ("", None), ("4,2", None)])
def test_usable_cores_are_those_that_exist_and_are_allowed(
    monkeypatch: pytest.MonkeyPatch, allowed: str, cores: int | None
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    every = usable_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", allowed)
    assert usable_cores() == (cores or every)
