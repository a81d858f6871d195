"""Scores the texts of many callers in batches. Knows no HTTP.

Batches are greedy: whatever is waiting when the model is free goes in, up to a budget of tokens. There is no timer. The
first caller schedules a turn of the event loop, and all that arrive before that turn share its batch. A small batch is
scored right there in the event loop, because handing it to a thread would take longer. A large batch goes to a thread,
so that the loop stays free, and comes back with one callback.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import Any

from emoscope.errors import ModelError
from emoscope.serving.cache import Row, ScoreCache

Scorer = Callable[[Sequence[str]], Sequence[Row]]
"""Turns texts into one row per text."""
AbandonWhen = Callable[[], Awaitable[None]]
"""Returns once the caller no longer needs the result."""

INLINE_SECONDS = 0.004
"""Maximum expected duration, in seconds, of a batch that is scored in the event loop."""
REQUEST_SECONDS = 60e-6
"""Approximate seconds that reading a request and writing its response take, without the model."""
TYPICAL_TEXTS = 32
MIN_LATENCY = 0.025
"""Unless it is set, the target latency is the time that the model takes for TYPICAL_TEXTS texts, and at least this, in
seconds."""
BURST = 4
"""Multiple of the target latency's worth of work that may wait briefly: after a stall, or when many arrive at once."""
CHARACTERS_PER_TOKEN = 4
"""Approximate length of a word piece in English text; special tokens are counted separately."""
RATED_TOKENS = 256
"""Minimum size, in tokens, of a batch that the speed is measured on, unless half the budget is smaller: small batches
say little about the speed."""
RATED_BATCHES = 64
"""Number of recent batches whose fastest gives the model's speed. Other work on the machine can only slow a batch down
(the windowed maximum of Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 14, 2016)."""
SWEEP_SECONDS = 0.05
"""Seconds between two checks of the waiting callers."""


class OverloadedError(Exception):
    """More is waiting than can be scored in time.

    Attributes:
        retry_after: seconds after which the queue should be empty.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the queue is full, try again in {retry_after:.1f} s")
        self.retry_after = retry_after


class DeadlineError(Exception):
    """A request was not scored in time."""


class AbandonedError(Exception):
    """The caller no longer waits for the result."""


def estimated_tokens(text: str) -> int:
    """The approximate number of tokens in a text."""
    return len(text) // CHARACTERS_PER_TOKEN + 3


@dataclass(eq=False, slots=True)
class _Job:
    """The request of one caller.

    Attributes:
        texts: all texts of the request.
        rows: the rows known so far.
        pending: indices of the texts to score.
        scorer: name of the scorer.
        queued_at: time of arrival, as `perf_counter` gives it.
        deadline: time at which the request fails, on the same clock.
        future: done when all rows are known, or when the request has failed.
        abandon_when: see `Batcher.score`.
        tokens: the request's share of the queue.
        next: index into `pending` of the first text that is in no batch yet.
        remaining: number of texts without a row.
    """

    texts: Sequence[str]
    rows: list[Row | None]
    pending: list[int]
    scorer: str
    queued_at: float
    deadline: float
    future: asyncio.Future[None]
    abandon_when: AbandonWhen | None
    tokens: int = 0
    next: int = 0
    remaining: int = 0

    def fail(self, error: Exception) -> None:
        """End the request with an error, unless it has ended already."""
        if not self.future.done():
            self.future.set_exception(error)

    def watch(self, loop: asyncio.AbstractEventLoop, abandon_when: AbandonWhen) -> None:
        """Abandon the request once its caller no longer needs the result."""

        async def abandon() -> None:
            await abandon_when()
            self.fail(AbandonedError())

        watcher = loop.create_task(abandon())
        self.future.add_done_callback(lambda _: watcher.cancel())


_Part = tuple[_Job, list[int]]
"""A job, and the indices of its texts that are in the batch."""
_Result = tuple[list[_Part], dict[str, Row] | Exception]
"""Parts of a batch, and the rows of their texts or the error that the model raised."""


class Observer:
    """Counts batches and cache lookups; this one ignores them."""

    def count_batch(self, texts: int, tokens: int, budget: int, seconds: float) -> None:
        """A batch was scored."""

    def count_cached(self, hits: int, misses: int) -> None:
        """Texts were looked up in the cache."""


class Batcher:
    """Scores texts for the callers of one event loop.

    Attributes:
        waiting_tokens: estimated tokens of the texts in the queue.
        tokens_per_second: speed of the model, measured.
        target_latency: seconds.
        thread_seconds: seconds that the thread has spent on batches so far.
    """

    def __init__(
        self,
        scorers: Mapping[str, Scorer],
        *,
        cache: ScoreCache,
        max_batch_tokens: int,
        target_latency: float | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            scorers: scorers by name; rows of the first one are cached.
            cache: rows of recently scored texts.
            max_batch_tokens: maximum number of estimated tokens in a batch; a longer text gets a batch of its own.
            target_latency: seconds; the queue holds no more than can be scored within BURST times as many. None to
                choose it once the speed of the model is known.
            observer: counts batches and cache lookups.
        """
        self.waiting_tokens = 0
        self.tokens_per_second = 1.0
        self.target_latency = target_latency or MIN_LATENCY
        self.thread_seconds = 0.0
        self._speeds: deque[float] = deque(maxlen=RATED_BATCHES)
        self._scorers = scorers
        self._cached = next(iter(scorers))
        self._cache = cache
        self._max_batch_tokens = max_batch_tokens
        self._chooses_latency = target_latency is None
        self._observer = observer or Observer()
        self._queue: deque[_Job] = deque()
        self._in_thread: list[_Part] = []
        self._turn_is_due = False
        self._sweep_is_due = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="emoscope-batch")

    @property
    def max_waiting_tokens(self) -> int:
        """Maximum number of tokens in the queue."""
        return int(self.tokens_per_second * self.target_latency * BURST)

    @property
    def _budget(self) -> int:
        """Maximum tokens in a batch: other callers wait for it at most a quarter of the target latency."""
        return min(self._max_batch_tokens, int(self.tokens_per_second * self.target_latency / 4))

    @property
    def is_full(self) -> bool:
        """Whether even the smallest request would be refused."""
        return self.waiting_tokens > 0 and self.waiting_tokens >= self.max_waiting_tokens

    @property
    def retry_after(self) -> float:
        """Seconds after which the queue should be empty."""
        return self.waiting_tokens / self.tokens_per_second

    def warm_up(self, texts: Sequence[str]) -> None:
        """Measure the speed of the model on some texts; call it before there are callers."""
        tokens = sum(map(estimated_tokens, texts))
        scorer = self._scorers[self._cached]
        scorer(texts)
        seconds = []
        for _ in range(3):
            start = perf_counter()
            scorer(texts)
            seconds.append(perf_counter() - start)
        self._measure_speed(tokens, min(seconds))
        if self._chooses_latency:
            self.target_latency = max(MIN_LATENCY, min(seconds) * TYPICAL_TEXTS / len(texts))

    async def score(
        self,
        texts: Sequence[str],
        *,
        scorer: str | None = None,
        timeout: float = float("inf"),
        abandon_when: AbandonWhen | None = None,
        wait_if_full: bool = False,
    ) -> list[Row]:
        """The row of each text.

        Args:
            texts: any number of texts.
            scorer: name of the scorer; None for the first.
            timeout: seconds.
            abandon_when: awaited if the texts are not scored soon; the request is abandoned when it returns.
            wait_if_full: wait in a full queue instead of being refused; for callers that send one request at a time.

        Raises:
            OverloadedError: the queue is full.
            DeadlineError: the rows were not ready in time.
            AbandonedError: the request was abandoned.
            Exception: the error that the model raised.
        """
        scorer = scorer or self._cached
        rows: list[Row | None]
        if scorer == self._cached:
            rows = [self._cache.get(text) for text in texts]
            pending = [i for i, row in enumerate(rows) if row is None]
            self._observer.count_cached(len(texts) - len(pending), len(pending))
        else:
            rows, pending = [None] * len(texts), list(range(len(texts)))
        if pending:
            loop = asyncio.get_running_loop()
            now = perf_counter()
            job = _Job(texts, rows, pending, scorer, now, now + timeout, loop.create_future(), abandon_when)
            self._enqueue(loop, job, wait_if_full)
            await job.future
        return rows  # type: ignore[return-value]

    def close(self) -> None:
        """Stop the thread; requests in the queue are never answered."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _enqueue(self, loop: asyncio.AbstractEventLoop, job: _Job, wait_if_full: bool) -> None:
        tokens = sum(estimated_tokens(job.texts[i]) for i in job.pending)
        if wait_if_full:  # other callers wait for one part of it at a time
            tokens = min(tokens, self._budget)
        job.remaining = len(job.pending)
        job.tokens = tokens + int(REQUEST_SECONDS * self.tokens_per_second)
        waiting = self.waiting_tokens
        if waiting and not wait_if_full and waiting + job.tokens > self.max_waiting_tokens:
            raise OverloadedError(self.retry_after)
        self.waiting_tokens = waiting + job.tokens
        self._queue.append(job)
        self._schedule_turn(loop)

    def _schedule_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._turn_is_due and not self._in_thread:
            self._turn_is_due = True
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Score one batch from the queue."""
        self._turn_is_due = False
        parts, tokens = self._next_batch()
        if not parts:
            return
        if tokens <= INLINE_SECONDS * self.tokens_per_second:
            self._deliver(parts, tokens, *self._run(parts))
        else:
            self._in_thread = parts
            future = self._thread.submit(self._run, parts)
            future.add_done_callback(lambda done: self._hand_back(loop, tokens, done))
        if self._queue:
            self._schedule_turn(loop)
        if (self._queue or self._in_thread) and not self._sweep_is_due:
            self._sweep_is_due = True
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    def _hand_back(self, loop: asyncio.AbstractEventLoop, tokens: int, done: Future[Any]) -> None:
        """Return a batch from the thread to the loop; if the loop has ended, no one is waiting for it."""
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._on_thread_done, loop, tokens, done)

    def _on_thread_done(self, loop: asyncio.AbstractEventLoop, tokens: int, done: Future[Any]) -> None:
        parts, self._in_thread = self._in_thread, []
        results, seconds = done.result()
        self.thread_seconds += seconds
        self._deliver(parts, tokens, results, seconds)
        if self._queue:
            self._schedule_turn(loop)

    def _next_batch(self) -> tuple[list[_Part], int]:
        """The parts of the next batch, and their estimated tokens.

        A job that does not fit whole goes to the back of the queue with its remaining texts, so that others get a turn.
        """
        budget = self._budget
        parts: list[_Part] = []
        total = 0
        now = perf_counter()
        while self._queue and (total < budget or not parts):
            job = self._queue.popleft()
            if self._has_ended(job, now):
                continue
            start = job.next
            while job.next < len(job.pending):
                tokens = estimated_tokens(job.texts[job.pending[job.next]])
                if total and total + tokens > budget:
                    break
                total += tokens
                job.next += 1
            if job.next > start:
                parts.append((job, job.pending[start : job.next]))
            if job.next < len(job.pending):
                self._queue.append(job) if job.next > start else self._queue.appendleft(job)
                break
            self.waiting_tokens -= job.tokens
        return parts, total

    def _has_ended(self, job: _Job, now: float) -> bool:
        """Whether a job is done, abandoned or past its deadline; it no longer counts as waiting then."""
        if now > job.deadline:
            job.fail(DeadlineError())
        if job.future.done():
            self.waiting_tokens -= job.tokens
            return True
        return False

    def _run(self, parts: list[_Part]) -> tuple[list[_Result], float]:
        """Rows of the parts, and the seconds that they took; runs in the loop or in the thread."""
        start = perf_counter()
        results: list[_Result] = []
        for scorer in {job.scorer for job, _ in parts}:
            results += self._results(scorer, [part for part in parts if part[0].scorer == scorer])
        return results, perf_counter() - start

    def _results(self, scorer: str, parts: list[_Part]) -> list[_Result]:
        """Rows of the parts; if the model fails, each part is tried alone, so that one does not fail the others."""
        texts = list(dict.fromkeys(job.texts[i] for job, indices in parts for i in indices))
        try:
            return [(parts, dict(zip(texts, self._scorers[scorer](texts), strict=True)))]
        except BaseException as error:  # the panic of a tokenizer is no Exception
            if len(parts) == 1:
                return [(parts, error if isinstance(error, Exception) else ModelError(f"the model failed: {error!r}"))]
            return [result for part in parts for result in self._results(scorer, [part])]

    def _deliver(self, parts: list[_Part], tokens: int, results: list[_Result], seconds: float) -> None:
        scored = (rows for _, rows in results if isinstance(rows, dict))
        self._measure_speed(sum(estimated_tokens(text) for rows in scored for text in rows), seconds)
        self._observer.count_batch(sum(len(indices) for _, indices in parts), tokens, self._max_batch_tokens, seconds)
        for scored_parts, rows in results:
            for job, indices in scored_parts:
                if isinstance(rows, Exception):
                    job.fail(rows)
                else:
                    self._give(job, indices, rows)

    def _measure_speed(self, tokens: int, seconds: float) -> None:
        """Update the speed of the model from a batch with this many tokens in distinct texts."""
        if tokens >= max(1, min(RATED_TOKENS, self._budget // 2)):
            self._speeds.append(tokens / max(seconds, 1e-6))
            self.tokens_per_second = max(self._speeds)

    def _give(self, job: _Job, indices: list[int], rows: dict[str, Row]) -> None:
        keep = job.scorer == self._cached
        for i in indices:
            text = job.texts[i]
            row = job.rows[i] = rows[text]
            if keep:
                self._cache.put(text, row)
        job.remaining -= len(indices)
        if not job.remaining and not job.future.done():
            job.future.set_result(None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Fail requests past their deadline, and watch whether the callers of the others still need the result."""
        now = perf_counter()
        for job in chain((job for job, _ in self._in_thread), self._queue):
            if job.future.done():
                continue
            if now > job.deadline:
                job.fail(DeadlineError())
            elif job.abandon_when and now - job.queued_at > SWEEP_SECONDS:
                job.watch(loop, job.abandon_when)
                job.abandon_when = None
        self._sweep_is_due = bool(self._queue or self._in_thread)
        if self._sweep_is_due:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)
