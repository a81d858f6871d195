"""What the server counts, for Prometheus."""

from __future__ import annotations

import os
from functools import lru_cache

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

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes of one server keep their counts, so that each can tell those of all."""

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SHARES = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


class Metrics(Observer):
    """The metrics of a server, whose names all begin with `emoscope_`."""

    def __init__(self) -> None:
        """Everything at zero."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        if not os.environ.get(FOLDER_VARIABLE):
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)
        self._requests = Counter(
            "emoscope_requests", "Requests answered, by route and status.", ("route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "emoscope_request_seconds",
            "Seconds from a request's head to its answer, by route, of requests answered with success.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self._errors = Counter("emoscope_errors", "Requests refused or failed, by code.", ("code",), registry=registry)
        self.texts = Counter("emoscope_texts", "Texts that clients asked for.", registry=registry)
        self._hits = Counter("emoscope_cache_hits", "Texts that were in the cache.", registry=registry)
        self._misses = Counter("emoscope_cache_misses", "Texts that were not in the cache.", registry=registry)
        self._batch_texts = Histogram("emoscope_batch_texts", "Texts of a batch.", buckets=TEXTS, registry=registry)
        self._batch_seconds = Histogram(
            "emoscope_batch_seconds", "Seconds that the model takes for a batch.", buckets=SECONDS, registry=registry
        )
        self._batch_fill = Histogram(
            "emoscope_batch_fill",
            "Estimated tokens of a batch, as a share of the most that it may have.",
            buckets=SHARES,
            registry=registry,
        )
        self.tokens = Counter("emoscope_tokens", "Tokens of texts that the model read.", registry=registry)
        self.padding = Counter("emoscope_padding_tokens", "Padding that the model read beside.", registry=registry)
        self.waiting_tokens = self._gauge("emoscope_waiting_tokens", "Tokens that wait for the model.")
        self.max_waiting_tokens = self._gauge(
            "emoscope_waiting_tokens_limit", "Tokens that may wait; what comes then is refused."
        )
        self.cache_bytes = self._gauge("emoscope_cache_bytes", "Memory of the cache, about.")
        self.connections = self._gauge("emoscope_connections", "Open connections.")
        self.draining = self._gauge("emoscope_draining", "Processes that take no new requests.")
        self.failed = lru_cache(64)(self._errors.labels)
        self._answered = lru_cache(1024)(
            lambda route, status: (self._requests.labels(route, status), self._seconds.labels(route))
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry, multiprocess_mode="livesum")

    def answered(self, route: str, status: int, seconds: float | None = None) -> None:
        """A request was answered; in how many seconds, is not told of one that was turned away."""
        count, histogram = self._answered(route, status)
        count.inc()
        if status < 400 and seconds is not None:
            histogram.observe(seconds)

    def batch(self, texts: int, tokens: int, budget: int, seconds: float) -> None:
        """A batch was scored."""
        self._batch_texts.observe(texts)
        self._batch_seconds.observe(seconds)
        self._batch_fill.observe(tokens / budget)

    def cached(self, hits: int, misses: int) -> None:
        """So many texts were in the cache and so many were not."""
        if hits:
            self._hits.inc(hits)
        if misses:
            self._misses.inc(misses)

    def exposition(self) -> bytes:
        """All of it as text; with several processes, of all of them together."""
        if not os.environ.get(FOLDER_VARIABLE):
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
