"""The server's metrics for Prometheus."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from emoscope.serving.batching import Observer

CONTENT_TYPE = CONTENT_TYPE_LATEST
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable with the folder where the workers of a server keep their counts, so that each can report all."""

FILES = ("counter", "histogram", "gauge_livesum")
"""Kinds of files in that folder, one of each per process."""
FILE_BYTES = 256 * 1024
"""Size of such a file: more than all counts take, so that it never grows."""

SECONDS_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TEXTS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SHARE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


class Metrics(Observer):
    """The metrics of one process; all names begin with `emoscope_`."""

    def __init__(self) -> None:
        """All metrics, at zero."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        if folder := os.environ.get(FOLDER_VARIABLE):
            reserve_files(Path(folder))
        else:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
        requests = self._counter("requests", "Requests by route and status.", "route", "status")
        seconds = self._histogram(
            "request_seconds",
            "Seconds from the head of a request to its response, by route; successful requests only.",
            SECONDS_BUCKETS,
            "route",
        )
        self.errors = lru_cache(64)(self._counter("errors", "Requests with an error, by error code.", "code").labels)
        self.texts = self._counter("texts", "Texts that clients sent.")
        self._hits = self._counter("cache_hits", "Texts whose scores were in the cache.")
        self._misses = self._counter("cache_misses", "Texts whose scores were not in the cache.")
        self._batch_texts = self._histogram("batch_texts", "Texts per batch.", TEXTS_BUCKETS)
        self._batch_seconds = self._histogram(
            "batch_seconds", "Seconds that the model takes for a batch.", SECONDS_BUCKETS
        )
        self._batch_fill = self._histogram(
            "batch_fill", "Estimated tokens of a batch as a share of the maximum.", SHARE_BUCKETS
        )
        self.tokens = self._counter("tokens", "Tokens that the model has read, without padding.")
        self.padding = self._counter("padding_tokens", "Padding tokens that the model has read.")
        self.waiting_tokens = self._gauge("waiting_tokens", "Tokens that are waiting for the model.")
        self.max_waiting_tokens = self._gauge(
            "waiting_tokens_limit", "Maximum number of waiting tokens; requests beyond it are refused."
        )
        self.cache_bytes = self._gauge("cache_bytes", "Approximate memory of the cache, in bytes.")
        self.connections = self._gauge("connections", "Open connections.")
        self.draining = self._gauge("draining", "Processes that are shutting down.")
        self._by_response = lru_cache(1024)(
            lambda route, status: (requests.labels(route, status), seconds.labels(route))
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"emoscope_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"emoscope_{name}", text, labels, buckets=buckets, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"emoscope_{name}", text, registry=self.registry, multiprocess_mode="livesum")

    def count_response(self, route: str, status: int, seconds: float | None = None) -> None:
        """Count a response; `seconds` is None for a request that was refused before the application ran."""
        count, histogram = self._by_response(route, status)
        count.inc()
        if status < 400 and seconds is not None:
            histogram.observe(seconds)

    def count_batch(self, texts: int, tokens: int, budget: int, seconds: float) -> None:
        """Count a batch of the model."""
        self._batch_texts.observe(texts)
        self._batch_seconds.observe(seconds)
        self._batch_fill.observe(tokens / budget)

    def count_cached(self, hits: int, misses: int) -> None:
        """Count texts that were in the cache, and texts that were not."""
        if hits:
            self._hits.inc(hits)
        if misses:
            self._misses.inc(misses)

    def exposition(self) -> bytes:
        """All metrics as text; with several workers, the metrics of all of them together."""
        if not os.environ.get(FOLDER_VARIABLE):
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def reserve_files(folder: Path) -> None:
    """Write this process's files with zeros, which mean that nothing was counted.

    prometheus_client maps them into memory. Without space on the disk for a page that is first used later, the process
    would be killed (SIGBUS). A file that is not whole is removed: no worker could report the counts of all with it.

    Raises:
        OSError: there is no space on the disk.
    """
    for kind in FILES:
        path = folder / f"{kind}_{os.getpid()}.db"
        try:
            with path.open("xb") as file:
                file.write(bytes(FILE_BYTES))
        except FileExistsError:
            continue
        except OSError:
            path.unlink()
            raise


def remove_folder() -> None:
    """Remove the folder of the workers' counts."""
    shutil.rmtree(os.environ[FOLDER_VARIABLE], ignore_errors=True)
