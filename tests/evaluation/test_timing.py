"""Runtime and memory follow the work that is done."""

from __future__ import annotations

import mmap
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.evaluation import measure, timing

MEGABYTE = 1_000_000
TEXTS = [f"text {i}" for i in range(100)]

needs_statm = pytest.mark.skipif(not timing.STATM.is_file(), reason="the system has no /proc/self/statm")


class Working:
    """Does some work and returns the same rows always."""

    labels = ("sadness", "joy")

    def __init__(self, work: Callable[[], object] = lambda: None) -> None:
        self.work = work
        self.calls: list[int] = []

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls.append(len(texts))
        if len(texts) == len(TEXTS):
            self.work()
        return np.full((len(texts), 2), 0.5, np.float32)


def test_one_pass_follows_a_warm_up_on_fewer_texts() -> None:
    classifier = Working()
    measurement = measure(classifier, TEXTS)
    assert classifier.calls == [timing.WARM_UP_TEXTS, len(TEXTS)]
    assert measurement.probabilities.shape == (100, 2)


def test_runtime_excludes_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]

    class Slow(Working):
        def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
            clock[0] += 2.5 if len(texts) == len(TEXTS) else 40.0
            return super().predict_proba(texts)

    monkeypatch.setattr(timing, "perf_counter", lambda: clock[0])
    measurement = measure(Slow(), TEXTS)
    assert (measurement.runtime_seconds, measurement.samples_per_second) == (2.5, 40.0)


def fresh_pages(megabytes: int) -> mmap.mmap:
    """Memory that the process did not hold before, every page touched (an allocator may hand out old pages again)."""
    block = mmap.mmap(-1, megabytes * MEGABYTE)
    for _ in range(megabytes):
        block.write(b"x" * MEGABYTE)
    return block


@needs_statm
def test_memory_that_is_kept_shows_in_the_alloc_delta() -> None:
    kept: list[Any] = []

    def work() -> None:
        kept.append(fresh_pages(50))
        time.sleep(0.1)

    memory = measure(Working(work), TEXTS).memory
    assert 45 * MEGABYTE < (memory["mem_cpu_alloc_delta"] or 0) < 80 * MEGABYTE
    assert (memory["mem_cpu_peaked_delta"] or 0) < 25 * MEGABYTE


@needs_statm
def test_memory_that_is_freed_again_shows_in_the_peaked_delta() -> None:
    def work() -> None:
        block = fresh_pages(50)
        time.sleep(0.1)
        block.close()

    memory = measure(Working(work), TEXTS).memory
    assert 45 * MEGABYTE < (memory["mem_cpu_peaked_delta"] or 0) < 80 * MEGABYTE
    assert abs(memory["mem_cpu_alloc_delta"] or 0) < 25 * MEGABYTE


@needs_statm
def test_a_pass_without_allocations_shows_little_memory() -> None:
    memory = measure(Working(lambda: time.sleep(0.05)), TEXTS).memory
    assert all(abs(value or 0) < 25 * MEGABYTE for value in memory.values())


def test_memory_comes_from_getrusage_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(timing, "STATM", tmp_path / "missing")
    monkeypatch.setattr(timing, "STATUS", tmp_path / "missing")
    before = timing.resident_bytes()
    unit = 1 if sys.platform == "darwin" else 1024
    assert before is not None
    assert before <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    assert before > 10 * MEGABYTE
    assert timing.resident_bytes(peak=True) >= before


@needs_statm
def test_peak_memory_includes_memory_that_was_freed() -> None:
    before = timing.resident_bytes() or 0
    fresh_pages(50).close()
    assert (timing.resident_bytes(peak=True) or 0) > before + 45 * MEGABYTE


def test_memory_is_none_without_any_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(timing, "STATM", tmp_path / "missing")
    monkeypatch.setitem(sys.modules, "resource", None)
    memory = measure(Working(), TEXTS).memory
    assert memory["mem_cpu_alloc_delta"] is memory["mem_cpu_peaked_delta"] is None


def test_gpu_memory_is_zero_if_torch_used_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    memory = measure(Working(), TEXTS).memory
    assert (memory["mem_gpu_alloc_delta"], memory["mem_gpu_peaked_delta"]) == (0, 0)
    assert "torch" not in sys.modules


class FakeCuda:
    """torch.cuda as far as it counts bytes."""

    now, peak = 700, 9000

    def is_initialized(self) -> bool:
        return True

    def reset_peak_memory_stats(self) -> None:
        self.peak = self.now

    def memory_allocated(self) -> int:
        return self.now

    def max_memory_allocated(self) -> int:
        return self.peak

    def work(self) -> None:
        self.now, self.peak = 1000, max(self.peak, 5000)


def test_gpu_memory_comes_from_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    memory = measure(Working(cuda.work), TEXTS).memory
    assert (memory["mem_gpu_alloc_delta"], memory["mem_gpu_peaked_delta"]) == (300, 4000)


def test_sampling_ends_after_an_error_of_the_classifier() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        measure(Working(fail), TEXTS)
    assert not [thread for thread in threading.enumerate() if thread.name == "emoscope-memory"]
