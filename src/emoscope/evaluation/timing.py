"""Measured speed and memory of a classifier: one pass over the texts, and what it held meanwhile."""

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
STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Measurement:
    """One pass of a classifier.

    Attributes:
        probabilities: what it returned, float32 (texts, labels).
        runtime_seconds: wall-clock time of the pass.
        samples_per_second: texts over that time.
        memory: bytes, with the names and the meaning of the Hugging Face Trainer: `mem_cpu_alloc_delta` is
            the process's resident memory at the end less that at the start; `mem_cpu_peaked_delta` is how far
            its peak in between stood above the end, never below 0; their sum is what the pass needed.
            `mem_gpu_...` is the same of torch's tensors on the current CUDA device, 0 where torch used none.
            None where the system does not tell a process its memory (Windows).
    """

    probabilities: NDArray[np.float32]
    runtime_seconds: float
    samples_per_second: float
    memory: dict[str, int | None]


def measure(classifier: Classifier, texts: Sequence[str]) -> Measurement:
    """Run a classifier over texts once, after a warm-up on the first few, and measure the run.

    The memory is sampled every 2 ms in a second thread, so a shorter peak can be missed.

    Args:
        classifier: any classifier.
        texts: at least one.
    """
    classifier.predict_proba(texts[:WARM_UP_TEXTS])
    with _gpu_memory() as gpu, _cpu_memory() as cpu:
        start = perf_counter()
        probabilities = classifier.predict_proba(texts)
        seconds = perf_counter() - start
    memory = {
        "mem_cpu_alloc_delta": cpu.alloc,
        "mem_cpu_peaked_delta": cpu.peaked,
        "mem_gpu_alloc_delta": gpu.alloc,
        "mem_gpu_peaked_delta": gpu.peaked,
    }
    return Measurement(probabilities, seconds, len(texts) / seconds, memory)


def resident_bytes() -> int | None:
    """Resident memory of this process.

    From /proc on Linux. Elsewhere the most it ever was (`getrusage`), of which only growth can be seen;
    None where there is not even that.
    """
    try:
        return int(STATM.read_bytes().split()[1]) * PAGESIZE
    except OSError:
        return _highest_resident_bytes()


def _highest_resident_bytes() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass
class _Deltas:
    alloc: int | None = None
    peaked: int | None = None


@contextmanager
def _cpu_memory() -> Iterator[_Deltas]:
    """Deltas of the resident memory, filled in when the block ends."""
    deltas = _Deltas()
    gc.collect()
    start = resident_bytes()
    if start is None:
        yield deltas
        return
    with _sampling(resident_bytes) as samples:
        yield deltas
    gc.collect()
    end = resident_bytes() or 0
    deltas.alloc = end - start
    deltas.peaked = max(0, max(samples, default=0) - end)


@contextmanager
def _sampling(read: Callable[[], int | None]) -> Iterator[list[int]]:
    """What `read` says every SAMPLE_SECONDS while the block runs."""
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
def _gpu_memory() -> Iterator[_Deltas]:
    """Deltas of torch's tensors on the current CUDA device, filled in when the block ends."""
    deltas = _Deltas(0, 0)
    cuda = _cuda_in_use()
    if cuda is None:
        yield deltas
        return
    cuda.reset_peak_memory_stats()
    start = cuda.memory_allocated()
    yield deltas
    end = cuda.memory_allocated()
    deltas.alloc = end - start
    deltas.peaked = max(0, cuda.max_memory_allocated() - end)


def _cuda_in_use() -> Any:
    """`torch.cuda` if something has used it, else None; imports no torch."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch and torch.cuda.is_initialized() else None
