"""What the handlers share: the classifier behind its batches, its name and labels, and whether it takes requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from math import ceil
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import EmoscopeError, ModelError
from emoscope.explanation import Explanation, explain, variants
from emoscope.protocols import (
    Classifier,
    keywords_of,
    logits_function,
    neutral_of,
    prediction_sets_of,
    token_counter,
    tokens_read_of,
)
from emoscope.serving.batching import (
    BURST,
    REQUEST_SECONDS,
    AbandonedError,
    Batcher,
    DeadlineError,
    OverloadedError,
    Score,
    ScoringError,
    estimated_tokens,
)
from emoscope.serving.cache import Row, ScoreCache
from emoscope.serving.errors import RequestError
from emoscope.serving.messages import DisconnectedError, Request
from emoscope.serving.metrics import Metrics
from emoscope.serving.pages import Pages
from emoscope.serving.settings import Settings

PROBABILITIES, VARIANTS, LOGITS = "probabilities", "variants", "logits"
"""What the batcher is asked for; variants of a text that is explained are not worth a place in the cache."""
MIN_IN_FLIGHT = 4
"""Requests that are taken at once, however slow the model is."""
MEAN_OVER = 20
"""Times the target latency over which the mean of what is in flight is taken."""
MEASURED_REQUESTS = 20
"""Fewer say little about what a request takes."""
BUSY = 0.5
"""Share of the time; below it what is done beside requests counts for too much."""
WARM_UP = [f"{i} i feel rather {word} about the way that things went today" for i, word in enumerate(["happy"] * 32)]


class Service:
    """A classifier for many callers.

    Attributes:
        classifier: what scores.
        model: its name, as it was asked for.
        labels: in index order.
        settings: limits.
        metrics: what is counted.
        pages: files for browsers.
        batcher: where callers meet.
        draining: no new requests are taken.
        streams: tables that are being scored.
        seconds_a_request: that the server is busy with one, measured while it serves.
    """

    def __init__(self, classifier: Classifier, settings: Settings, model: str) -> None:
        self.classifier = classifier
        self.labels = classifier.labels
        self.settings = settings
        self.model = model
        self.draining = False
        self.metrics = Metrics()
        self.pages = Pages()
        scores: dict[str, Score] = {PROBABILITIES: self._judged, VARIANTS: self._bare}
        if predict_logits := logits_function(classifier):
            scores[LOGITS] = lambda texts: _rows(predict_logits(texts))
        self.has_logits = LOGITS in scores
        self.cache = ScoreCache(settings.cache_bytes, len(self.labels))
        self.batcher = Batcher(
            scores,
            cache=self.cache,
            max_batch_tokens=settings.max_batch_tokens,
            target_latency=settings.target_latency,
            observer=self.metrics,
        )
        self._is_warm = False
        self.streams = 0
        self.seconds_a_request = REQUEST_SECONDS
        self._in_flight = 0
        self._mean_in_flight = self._asked_at = 0.0
        self._answered = 0
        self._busy = self._since = 0.0
        self._read = (0, 0)
        self._explaining = ThreadPoolExecutor(2, thread_name_prefix="emoscope-explain")

    def _judged(self, texts: Sequence[str]) -> list[Row]:
        """Probabilities, and what a calibrated model knows of them besides."""
        probabilities = self.classifier.predict_proba(texts)
        sets = prediction_sets_of(self.classifier, probabilities)
        neutral = neutral_of(self.classifier, texts, probabilities)
        return _rows(
            probabilities,
            None if sets is None else [tuple(compress(self.labels, row)) for row in sets.tolist()],
            None if neutral is None else (~neutral).tolist(),
        )

    def _bare(self, texts: Sequence[str]) -> list[Row]:
        return _rows(self.classifier.predict_proba(texts))

    def warm_up(self) -> None:
        """Score a few texts, once, and learn how fast that is.

        Raises:
            ModelError: the model does not work.
        """
        if self._is_warm:
            return
        try:
            self.batcher.warm_up(WARM_UP)
        except EmoscopeError:
            raise
        except Exception as error:
            raise ModelError(f"the model cannot score a text ({type(error).__name__}: {error})") from error
        self._is_warm = True
        self.seconds_a_request = REQUEST_SECONDS + estimated_tokens(WARM_UP[0]) / self.batcher.tokens_a_second
        self._read = tokens_read_of(self.classifier)

    @property
    def max_in_flight(self) -> int:
        """Requests that are answered within the target latency; by Little's law, that times the throughput."""
        return max(MIN_IN_FLIGHT, int(self.batcher.target_latency / self.seconds_a_request))

    def has_time(self, in_flight: int) -> bool:
        """Whether one more request would be answered in time.

        For a moment BURST times as many may be in flight, after a stall or when all come at once; but not on average:
        what waits all the time makes everybody wait and nobody better off (Nichols and Jacobson, "Controlling Queue
        Delay", ACM Queue 10, 2012).

        Args:
            in_flight: requests that are being answered.
        """
        now = monotonic()
        share = (now - self._asked_at) / (MEAN_OVER * self.batcher.target_latency)
        self._mean_in_flight += min(1.0, share) * (self._in_flight - self._mean_in_flight)
        self._in_flight, self._asked_at = in_flight, now
        most = self.max_in_flight
        return in_flight < (BURST * most if self._mean_in_flight < most else most)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.metrics.answered(route, status, seconds)
        self._answered += status == 200

    def measure(self, now: float, busy: float) -> None:
        """Learn how long a request takes, while there is much to do; the server calls it now and then.

        What is turned away meanwhile takes time too, which those that are answered wait for: it counts.

        Args:
            now: seconds on any clock.
            busy: seconds of processor time that the event loop has used so far.
        """
        busy += self.batcher.thread_seconds
        if busy - self._busy >= BUSY * (now - self._since):
            if self._answered < MEASURED_REQUESTS:
                return
            measured = (busy - self._busy) / self._answered
            self.seconds_a_request += 0.3 * (measured - self.seconds_a_request)
        self._answered, self._busy, self._since = 0, busy, now

    def refresh_metrics(self) -> None:
        """Bring up to date what is not counted but read."""
        metrics, batcher = self.metrics, self.batcher
        metrics.waiting_tokens.set(batcher.waiting_tokens)
        metrics.max_waiting_tokens.set(batcher.max_waiting_tokens)
        metrics.cache_bytes.set(self.cache.bytes)
        metrics.draining.set(self.draining)
        read, padding = tokens_read_of(self.classifier)
        metrics.tokens.inc(read - self._read[0])
        metrics.padding.inc(padding - self._read[1])
        self._read = (read, padding)

    def close(self) -> None:
        """End the threads."""
        self._explaining.shutdown(wait=False, cancel_futures=True)
        self.batcher.close()

    async def rows(
        self, request: Request, texts: Sequence[str], *, score: str = PROBABILITIES, patient: bool = False
    ) -> list[Row]:
        """Rows of scores, as the batcher gives them.

        Raises:
            RequestError: too much waits, it took too long, or the model failed.
            DisconnectedError: the client went away.
        """
        if not patient:
            self._asked(request, texts)
        watchers: list[asyncio.Task[None]] = []

        def watch(abandon: Callable[[], None]) -> None:
            watchers.append(asyncio.create_task(_when_gone(request, abandon)))

        on_wait = watch if request.is_whole else None
        timeout = self.settings.timeout
        try:
            return await self.batcher.score(texts, score=score, timeout=timeout, on_wait=on_wait, patient=patient)
        except AbandonedError:
            raise DisconnectedError from None
        except OverloadedError as error:
            raise overloaded(error.retry_after) from None
        except DeadlineError:
            raise self._too_late() from None
        except ScoringError as error:
            raise RequestError("internal", "the model failed; the log has the reason") from error
        finally:
            for watcher in watchers:
                watcher.cancel()

    def _asked(self, request: Request, texts: Sequence[str]) -> None:
        self.metrics.texts.inc(len(texts))
        request.texts = texts

    def tokens(self, texts: list[str]) -> int:
        """Tokens of the texts together; an estimate where the classifier cannot tell."""
        count = token_counter(self.classifier)
        return sum(count(texts) if count else map(estimated_tokens, texts))

    async def explain(self, request: Request, texts: list[str], method: str) -> list[Explanation]:
        """Explanations of texts.

        Raises:
            RequestError: they would take too long, or as in `rows`.
        """
        tokens = sum(variants(text, method) * estimated_tokens(text) for text in texts)
        most = self.settings.max_explained_tokens
        if tokens > most:
            raise RequestError(
                "text_too_long",
                f"to explain these texts takes about {tokens:,} tokens, at most {most:,} are allowed; give fewer or "
                "shorter texts",
            )
        self._asked(request, texts)
        loop = asyncio.get_running_loop()
        scorer = _Variants(self, request, loop)
        keywords = keywords_of(self.classifier)
        explaining = loop.run_in_executor(
            self._explaining, lambda: explain(scorer, texts, method=method, ambiguous_keywords=keywords)
        )
        try:
            return await asyncio.wait_for(explaining, self.settings.timeout)
        except asyncio.TimeoutError:
            raise self._too_late() from None

    def _too_late(self) -> RequestError:
        return RequestError("deadline_exceeded", f"no answer within {self.settings.timeout:g} s; try again later")


def overloaded(retry_after: float) -> RequestError:
    """More waits than is answered in time."""
    seconds = max(1, ceil(retry_after))
    return RequestError(
        "overloaded",
        f"the server is busy; try again in {seconds} s",
        ((b"retry-after", str(seconds).encode()),),
    )


def _rows(scores: NDArray[np.float32], sets: Any = None, clear: Any = None) -> list[Row]:
    if not np.isfinite(scores).all():
        raise ModelError("the model gave no number for a score")
    nothing = [None] * len(scores)
    best = scores.argmax(axis=1).tolist()
    return list(zip(map(tuple, scores.tolist()), best, sets or nothing, clear or nothing, strict=True))


async def _when_gone(request: Request, abandon: Callable[[], None]) -> None:
    await request.disconnected()
    abandon()


class _Variants:
    """A `Classifier` for the thread that explains: it scores in the batches of everybody."""

    def __init__(self, service: Service, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self.labels = service.labels
        self._service = service
        self._request = request
        self._loop = loop

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = self._service.rows(self._request, texts, score=VARIANTS, patient=True)
        answered = asyncio.run_coroutine_threadsafe(rows, self._loop).result(2 * self._service.settings.timeout)
        return np.array([scores for scores, *_ in answered], np.float32).reshape(len(texts), len(self.labels))
