"""Threads: a `map` that works ahead, and the number of cores that this process may use."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_in_threads(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, abandon: Callable[[], None] | None = None
) -> Iterator[R]:
    """`map` in threads, in order: while the caller uses a result, the next `threads` results are computed.

    Args:
        function: runs in a thread for each item; its exceptions are raised here.
        items: consumed in this thread, at most `threads + 1` ahead of the results.
        threads: number of threads, at least 1.
        abandon: called if the iteration ends before the items do, to cut short the calls that are running; they are
            awaited in any case.
    """
    ahead: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="emoscope") as pool:
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        except BaseException:
            if abandon:
                abandon()
            raise


def usable_cores() -> int:
    """Number of cores that this process may use: its affinity, but at most OMP_NUM_THREADS, which clusters set."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, max(1, int(allowed))) if allowed.isdecimal() else cores
