"""Speed and memory of a classifier: one pass over the texts, timed, and the memory that it held meanwhile."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import PAGESIZE
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from emoscope.protocols import Classifier

WARM_UP_TEXTS = 32
SAMPLE_SECONDS = 0.002
"""Seconds between two readings of the resident memory."""
STATM = Path("/proc/self/statm")
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Measurement:
    """One pass of a classifier.

    Attributes:
        probabilities: what it returned, float32 (texts, labels).
        runtime_seconds: wall-clock time of the pass.
        samples_per_second: number of texts divided by that time.
        memory: bytes, with the names and meaning of the Hugging Face Trainer: `mem_cpu_alloc_delta` is the process's
            resident memory at the end minus that at the start; `mem_cpu_peaked_delta` is how far the peak in between
            was above the end, never below 0; their sum is what the pass needed. `mem_gpu_...` is the same for torch's
            tensors on the current CUDA device, 0 if torch used none. None where a process cannot read its memory
            (Windows).
    """

    probabilities: NDArray[np.float32]
    runtime_seconds: float
    samples_per_second: float
    memory: dict[str, int | None]


def measure(classifier: Classifier, texts: Sequence[str]) -> Measurement:
    """Run a classifier over texts once, after a warm-up on the first few, and measure the run.

    The resident memory is read every 2 ms in a second thread, so a shorter peak can be missed.

    Args:
        classifier: any classifier.
        texts: at least one.
    """
    classifier.predict_proba(texts[:WARM_UP_TEXTS])
    memory: dict[str, int | None] = {}
    with _gpu_memory(memory), _cpu_memory(memory):
        start = perf_counter()
        probabilities = classifier.predict_proba(texts)
        seconds = perf_counter() - start
    return Measurement(probabilities, seconds, len(texts) / seconds, dict(sorted(memory.items())))


def resident_bytes(*, peak: bool = False) -> int | None:
    """Resident memory of this process, or its peak so far, from /proc on Linux.

    Elsewhere always the peak (`getrusage`), which shows only growth; None where the system has neither. On Linux,
    `getrusage` would include the peak of the process that started this one.
    """
    try:
        if peak:
            lines = STATUS.read_text().splitlines()
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
        return int(STATM.read_bytes().split()[1]) * PAGESIZE
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def _cpu_memory(memory: dict[str, int | None]) -> Iterator[None]:
    """Add the deltas of the resident memory over the block."""
    gc.collect()
    start = resident_bytes()
    with _sampling(resident_bytes) as samples:
        yield
    gc.collect()
    end = resident_bytes()
    alloc = peaked = None
    if start is not None and end is not None:
        alloc, peaked = end - start, max(0, max(samples, default=0) - end)
    memory |= {"mem_cpu_alloc_delta": alloc, "mem_cpu_peaked_delta": peaked}


@contextmanager
def _sampling(read: Callable[[], int | None]) -> Iterator[list[int]]:
    """The values that `read` returns every SAMPLE_SECONDS while the block runs."""
    samples: list[int] = []
    done = Event()

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.append(read() or 0)

    sampler = Thread(target=sample, name="emoscope-memory", daemon=True)
    sampler.start()
    try:
        yield samples
    finally:
        done.set()
        sampler.join()


@contextmanager
def _gpu_memory(memory: dict[str, int | None]) -> Iterator[None]:
    """Add the deltas of torch's tensors on the current CUDA device over the block; 0 if nothing used it before."""
    torch = sys.modules.get("torch")
    cuda: Any = torch.cuda if torch and torch.cuda.is_initialized() else None
    start = 0
    if cuda:
        cuda.reset_peak_memory_stats()
        start = cuda.memory_allocated()
    yield
    end, peak = (cuda.memory_allocated(), cuda.max_memory_allocated()) if cuda else (0, 0)
    memory |= {"mem_gpu_alloc_delta": end - start, "mem_gpu_peaked_delta": max(0, peak - end)}
