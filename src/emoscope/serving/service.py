"""What the handlers share: the classifier behind its batcher, its labels, the limits and the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from math import ceil
from time import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import EmoscopeError, ModelError
from emoscope.explanation import Explanation, explain
from emoscope.protocols import (
    Classifier,
    has_neutral,
    keywords_of,
    logits_function,
    neutral_predictor,
    prediction_sets_of,
    split_neutral,
    steps_function,
    token_counter,
    tokens_read_of,
)
from emoscope.serving.batching import Batcher, Scorer, StepScorer, estimated_tokens
from emoscope.serving.cache import Row, ScoreCache
from emoscope.serving.concurrency_limit import ConcurrencyLimit
from emoscope.serving.errors import RequestError
from emoscope.serving.jobs import AbandonedError, DeadlineError, OverloadedError
from emoscope.serving.memory_budget import MemoryBudget
from emoscope.serving.metrics import Metrics
from emoscope.serving.requests import DisconnectedError, Request
from emoscope.serving.settings import Settings
from emoscope.serving.static_files import StaticFiles

PROBABILITIES, PERTURBATIONS, LOGITS = "probabilities", "perturbations", "logits"
"""The batcher's scorers. Perturbations of a text, which explain it, are not worth a place in the cache."""
WARM_UP = [f"{i} i feel rather {word} about the way that things went today" for i, word in enumerate(["happy"] * 32)]


class Service:
    """A classifier that serves many clients.

    Attributes:
        classifier: the model.
        labels: label names in index order.
        settings: limits and behaviour.
        model: name of the model, as the server was given it.
        metrics: counters for Prometheus.
        static_files: files of the page.
        batcher: scores the texts of all requests.
        concurrency_limit: limit on requests in flight.
        has_logits: whether the classifier gives logits.
        has_neutral: whether the classifier gives the probability of neutral.
        draining: whether the server is shutting down and rejects new requests.
        started_at: time of the start, in seconds since 1970.
        streams: number of tables that are being scored.
        spools: disk space of their results that clients have not read.
    """

    def __init__(self, classifier: Classifier, settings: Settings, model: str) -> None:
        self.classifier = classifier
        self.labels = classifier.labels
        self.settings = settings
        self.model = model
        self.draining = False
        self.streams = 0
        self.spools = MemoryBudget(settings.max_spool_bytes)
        self.started_at = int(time())
        self.metrics = Metrics()
        self.static_files = StaticFiles()
        scorers: dict[str, Scorer] = {PROBABILITIES: self._score, PERTURBATIONS: self._score_perturbations}
        if predict_logits := logits_function(classifier):
            scorers[LOGITS] = lambda texts: _rows(predict_logits(texts))
        self.has_logits = LOGITS in scorers
        self.has_neutral = has_neutral(classifier)
        self.cache = ScoreCache(settings.cache_bytes, len(self.labels))
        self.batcher = Batcher(
            scorers,
            step_scorers=self._step_scorers(),
            cache=self.cache,
            max_batch_tokens=settings.max_batch_tokens,
            target_latency=settings.target_latency,
            observer=self.metrics,
        )
        self.concurrency_limit = ConcurrencyLimit(self.batcher)
        self._is_warm = False
        self._tokens_read = (0, 0)
        self._explaining = ThreadPoolExecutor(2, thread_name_prefix="emoscope-explain")

    def _score(self, texts: Sequence[str]) -> list[Row]:
        """Probabilities, and what the calibration adds to them."""
        return self._calibrated(neutral_predictor(self.classifier)(texts), texts)

    def _calibrated(self, rows: NDArray[np.float32], texts: Sequence[str]) -> list[Row]:
        probabilities, neutral = split_neutral(rows, len(self.labels))
        sets = prediction_sets_of(self.classifier, probabilities, texts)
        return _rows(
            probabilities,
            None if sets is None else [tuple(compress(self.labels, row)) for row in sets.tolist()],
            None if neutral is None else neutral.tolist(),
        )

    def _step_scorers(self) -> dict[str, StepScorer]:
        """Scorers of long texts, which let others have a turn, if the classifier can do that."""
        predict = steps_function(self.classifier)
        if predict is None:
            return {}

        def scorer(convert: Callable[[NDArray[np.float32], list[str]], list[Row]], **options: bool) -> StepScorer:
            return lambda text, max_tokens: (
                None if rows is None else convert(rows, [text])[0] for rows in predict(text, max_tokens, **options)
            )

        labels = len(self.labels)
        return {
            PROBABILITIES: scorer(self._calibrated),
            PERTURBATIONS: scorer(lambda rows, _: _rows(split_neutral(rows, labels)[0])),
            LOGITS: scorer(lambda rows, _: _rows(rows), logits=True),
        }

    def _score_perturbations(self, texts: Sequence[str]) -> list[Row]:
        return _rows(self.classifier.predict_proba(texts))

    def warm_up(self) -> None:
        """Score a few texts, once, and measure how fast that is.

        Raises:
            ModelError: the model cannot score a text.
        """
        if self._is_warm:
            return
        try:
            self.batcher.warm_up(WARM_UP)
        except EmoscopeError:
            raise
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            raise ModelError(f"the model cannot score a text ({type(error).__name__}: {error})") from error
        self._is_warm = True
        self.concurrency_limit.start(WARM_UP[0])
        self._tokens_read = tokens_read_of(self.classifier)

    def count_response(self, route: str, status: int, seconds: float) -> None:
        """Count a response of the application."""
        self.metrics.count_response(route, status, seconds)
        self.concurrency_limit.responses += status == 200

    def refresh_metrics(self) -> None:
        """Set the metrics that are read rather than counted."""
        metrics, batcher = self.metrics, self.batcher
        metrics.waiting_tokens.set(batcher.waiting_tokens)
        metrics.max_waiting_tokens.set(batcher.max_waiting_tokens)
        metrics.cache_bytes.set(self.cache.bytes)
        metrics.draining.set(self.draining)
        read, padding = tokens_read_of(self.classifier)
        metrics.tokens.inc(read - self._tokens_read[0])
        metrics.padding.inc(padding - self._tokens_read[1])
        self._tokens_read = (read, padding)

    def close(self) -> None:
        """Stop the threads."""
        self._explaining.shutdown(wait=False, cancel_futures=True)
        self.batcher.close()

    async def rows(
        self, request: Request, texts: Sequence[str], *, scorer: str = PROBABILITIES, wait_if_full: bool = False
    ) -> list[Row]:
        """Rows of scores from the batcher.

        Raises:
            RequestError: the server is overloaded, the time limit has passed, or the model failed.
            DisconnectedError: the client closed the connection.
        """
        if not wait_if_full:
            self._count_texts(request, texts)
        try:
            return await self.batcher.score(
                texts,
                scorer=scorer,
                timeout=self.settings.timeout,
                abandon_when=request.wait_for_disconnect if request.is_complete else None,
                wait_if_full=wait_if_full,
            )
        except AbandonedError:
            raise DisconnectedError from None
        except OverloadedError as error:
            raise overloaded(error.retry_after) from None
        except DeadlineError:
            raise self._deadline_exceeded() from None
        except Exception as error:
            raise RequestError("internal", "the model failed; see the server's log for the reason") from error

    def _count_texts(self, request: Request, texts: Sequence[str]) -> None:
        self.metrics.texts.inc(len(texts))
        request.texts = texts

    async def count_tokens(self, texts: list[str]) -> int:
        """Number of tokens in all the texts together; an estimate where the classifier has no tokenizer."""
        estimates = list(map(estimated_tokens, texts))
        count = token_counter(self.classifier)
        if count is None:
            return sum(estimates)
        if sum(estimates) <= self.settings.max_batch_tokens:
            return sum(count(texts))
        return sum(await asyncio.to_thread(count, texts))

    async def explain(self, request: Request, texts: list[str], method: str) -> list[Explanation]:
        """Explanations of texts.

        Raises:
            RequestError: as in `rows`.
        """
        self._count_texts(request, texts)
        loop = asyncio.get_running_loop()
        classifier = _BatchedClassifier(self, request, loop)
        keywords = keywords_of(self.classifier)
        explaining = loop.run_in_executor(
            self._explaining, lambda: explain(classifier, texts, method=method, ambiguous_keywords=keywords)
        )
        try:
            return await asyncio.wait_for(explaining, self.settings.timeout)
        except asyncio.TimeoutError:
            raise self._deadline_exceeded() from None

    def _deadline_exceeded(self) -> RequestError:
        seconds = self.settings.timeout
        return RequestError("deadline_exceeded", f"the request took longer than {seconds:g} s; try again later")


def overloaded(retry_after: float) -> RequestError:
    """The error for a request that cannot be answered in time."""
    seconds = max(1, ceil(retry_after))
    return RequestError(
        "overloaded",
        f"the server is busy; try again in {seconds} s",
        {"retry-after": str(seconds)},
    )


def _rows(scores: NDArray[np.float32], prediction_sets: Any = None, neutral: Any = None) -> list[Row]:
    if not np.isfinite(scores).all():
        raise ModelError("the model returned a score that is not a finite number")
    nothing = [None] * len(scores)
    best = scores.argmax(axis=1).tolist()
    return list(zip(map(tuple, scores.tolist()), best, prediction_sets or nothing, neutral or nothing, strict=True))


class _BatchedClassifier:
    """A `Classifier` for the thread that explains: it scores through the batcher, together with everyone's texts."""

    def __init__(self, service: Service, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self.labels = service.labels
        self._service = service
        self._request = request
        self._loop = loop

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = self._service.rows(self._request, texts, scorer=PERTURBATIONS, wait_if_full=True)
        scored = asyncio.run_coroutine_threadsafe(rows, self._loop).result(2 * self._service.settings.timeout)
        return np.array([scores for scores, *_ in scored], np.float32).reshape(len(texts), len(self.labels))
