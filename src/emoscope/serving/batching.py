"""Scores the texts of many callers in batches. Knows no HTTP.

Batches are greedy: whatever is waiting when the model is free goes in, up to a budget of tokens. There is no timer. The
first caller schedules a turn of the event loop, and all that arrive before that turn share its batch. A small batch is
scored right there in the event loop, because handing it to a thread would take longer. A large batch goes to a thread,
so that the loop stays free, and comes back with one callback.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from time import perf_counter
from typing import Any

from emoscope.errors import ModelError
from emoscope.serving.cache import Row, ScoreCache
from emoscope.serving.jobs import AbandonWhen, DeadlineError, Job, JobQueue, OverloadedError, Part, distinct_tokens
from emoscope.text import expanded_size

Scorer = Callable[[Sequence[str]], Sequence[Row]]
"""Turns texts into one row per text."""
StepScorer = Callable[[str, int], Iterator[Row | None]]
"""Scores a long text in steps of at most this many tokens: yields None after each, and then the row."""

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


def estimated_tokens(text: str) -> int:
    """The approximate number of tokens in a text.

    A letter outside ASCII has more bytes, and more of them are tokens of their own.
    """
    return expanded_size(text).bytes // CHARACTERS_PER_TOKEN + 3


_Result = tuple[list[Part], dict[str, Row] | Exception]
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
        tokens_per_second: speed of the model, measured.
        target_latency: seconds.
        thread_seconds: seconds that the thread has spent on batches so far.
        texts: texts that callers have sent so far.
        scored_tokens: estimated tokens that were scored so far.
    """

    def __init__(
        self,
        scorers: Mapping[str, Scorer],
        *,
        cache: ScoreCache,
        max_batch_tokens: int,
        step_scorers: Mapping[str, StepScorer] | None = None,
        target_latency: float | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            scorers: scorers by name; rows of the first one are cached.
            cache: rows of recently scored texts.
            max_batch_tokens: maximum number of estimated tokens in a batch; a longer text gets batches of its own.
            step_scorers: scorers of such texts by name; without one, the text is a single batch, and others wait.
            target_latency: seconds; the queue holds no more than can be scored within BURST times as many. None to
                choose it once the speed of the model is known.
            observer: counts batches and cache lookups.
        """
        self.tokens_per_second = 1.0
        self.target_latency = target_latency or MIN_LATENCY
        self.thread_seconds = 0.0
        self.texts = self.scored_tokens = 0
        self._speeds: deque[float] = deque(maxlen=RATED_BATCHES)
        self._scorers = scorers
        self._step_scorers = step_scorers or {}
        self._cached = next(iter(scorers))
        self._cache = cache
        self._max_batch_tokens = max_batch_tokens
        self._chooses_latency = target_latency is None
        self._observer = observer or Observer()
        self._queue, self._bulk = JobQueue(), JobQueue()
        """Requests of less than a batch, which should not wait for larger ones, and all others."""
        self._is_turn_of_bulk = False
        self._in_thread: list[Part] = []
        self._stepped_tokens = 0
        self._turn_is_due = False
        self._sweep_is_due = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="emoscope-batch")

    @property
    def waiting_tokens(self) -> int:
        """Estimated tokens of the texts in both queues."""
        return self._queue.tokens + self._bulk.tokens

    @property
    def max_waiting_tokens(self) -> int:
        """Maximum number of tokens in a queue."""
        return int(self.tokens_per_second * self.target_latency * BURST)

    @property
    def _budget(self) -> int:
        """Maximum tokens in a batch: other callers wait for it at most a quarter of the target latency."""
        return min(self._max_batch_tokens, int(self.tokens_per_second * self.target_latency / 4))

    @property
    def is_full(self) -> bool:
        """Whether even the smallest request would be refused."""
        return self._queue.tokens > 0 and self._queue.tokens >= self.max_waiting_tokens

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
        self.texts += len(texts)
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
            future = loop.create_future()
            job = Job(texts, rows, pending, scorer, now, now + timeout, future, abandon_when, self._queue)
            self._enqueue(loop, job, wait_if_full)
            await job.future
        return rows  # type: ignore[return-value]

    def close(self) -> None:
        """Stop the thread; requests in the queue are never answered."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _enqueue(self, loop: asyncio.AbstractEventLoop, job: Job, wait_if_full: bool) -> None:
        job.sizes = [estimated_tokens(job.texts[i]) for i in job.pending]
        tokens = sum(job.sizes)
        if wait_if_full or tokens > self._budget:
            job.queue = self._bulk
        if wait_if_full:  # other callers wait for one part of it at a time
            tokens = min(tokens, self._budget)
        job.remaining = len(job.pending)
        job.tokens = tokens + int(REQUEST_SECONDS * self.tokens_per_second)
        queue = job.queue
        if queue.tokens and not wait_if_full and queue.tokens + job.tokens > self.max_waiting_tokens:
            raise OverloadedError(self.retry_after)
        queue.tokens += job.tokens
        queue.jobs.append(job)
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
        if self._has_waiting:
            self._schedule_turn(loop)
        if (self._has_waiting or self._in_thread) and not self._sweep_is_due:
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
        if self._has_waiting:
            self._schedule_turn(loop)

    def _next_batch(self) -> tuple[list[Part], int]:
        """The parts of the next batch, and their estimated tokens.

        Small requests go first, but every second time half a batch belongs to bulk work, so that it is not starved.
        """
        budget = self._budget
        parts: list[Part] = []
        total = 0
        self._is_turn_of_bulk = not self._is_turn_of_bulk
        if self._is_turn_of_bulk and self._queue.jobs:
            total = self._take(self._bulk, parts, total, budget // 2)
        total = self._take(self._queue, parts, total, budget)
        return parts, self._take(self._bulk, parts, total, budget)

    def _take(self, queue: JobQueue, parts: list[Part], total: int, budget: int) -> int:
        """Add parts of a queue's jobs to a batch, up to a budget of tokens; returns the tokens in the batch.

        A job that does not fit whole goes to the back of the queue with its remaining texts, so that others get a turn.
        """
        now = perf_counter()
        while queue.jobs and (total < budget or not parts):
            job = queue.jobs.popleft()
            if self._has_ended(job, now):
                continue
            start = job.next
            if job.sizes[start] > self._budget and job.scorer in self._step_scorers:
                queue.jobs.append(job)
                if not parts:
                    parts.append(Part(job, [job.pending[start]], [self._budget], is_step=True))
                return self._budget
            while job.next < len(job.pending):
                tokens = job.sizes[job.next]
                if total and total + tokens > budget:
                    break
                total += tokens
                job.next += 1
            if job.next > start:
                parts.append(Part(job, job.pending[start : job.next], job.sizes[start : job.next]))
            if job.next < len(job.pending):
                queue.jobs.append(job) if job.next > start else queue.jobs.appendleft(job)
                break
            queue.tokens -= job.tokens
        return total

    @property
    def _has_waiting(self) -> bool:
        return bool(self._queue.jobs or self._bulk.jobs)

    def _has_ended(self, job: Job, now: float) -> bool:
        """Whether a job is done, abandoned or past its deadline; it no longer counts as waiting then."""
        if now > job.deadline:
            job.fail(DeadlineError())
        if job.future.done():
            job.queue.tokens -= job.tokens
            return True
        return False

    def _run(self, parts: list[Part]) -> tuple[list[_Result], float]:
        """Rows of the parts, and the seconds that they took; runs in the loop or in the thread."""
        start = perf_counter()
        results: list[_Result] = []
        for scorer in {part.job.scorer for part in parts}:
            results += self._results(scorer, [part for part in parts if part.job.scorer == scorer])
        return results, perf_counter() - start

    def _step(self, part: Part) -> dict[str, Row]:
        """The row of a text that is scored in steps, after the last of them; nothing once others should have a turn."""
        job, text = part.job, part.job.texts[part.indices[0]]
        size = self._budget // 2
        job.steps = job.steps or self._step_scorers[job.scorer](text, size)
        start, self._stepped_tokens = perf_counter(), 0
        for row in job.steps:
            if row is not None:
                return {text: row}
            self._stepped_tokens += size
            if len(self._queue.jobs) + len(self._bulk.jobs) > 1 or perf_counter() - start > SWEEP_SECONDS:
                break
        return {}

    def _results(self, scorer: str, parts: list[Part]) -> list[_Result]:
        """Rows of the parts; if the model fails, each part is tried alone, so that one does not fail the others."""
        texts = list(dict.fromkeys(part.job.texts[i] for part in parts for i in part.indices))
        try:
            if parts[0].is_step:
                return [(parts, self._step(parts[0]))]
            return [(parts, dict(zip(texts, self._scorers[scorer](texts), strict=True)))]
        except BaseException as error:  # the panic of a tokenizer is no Exception
            if len(parts) == 1:
                return [(parts, error if isinstance(error, Exception) else ModelError(f"the model failed: {error!r}"))]
            return [result for part in parts for result in self._results(scorer, [part])]

    def _deliver(self, parts: list[Part], tokens: int, results: list[_Result], seconds: float) -> None:
        if parts[0].is_step:
            tokens = self._stepped_tokens
        self.scored_tokens += tokens
        scored = [part for scored_parts, rows in results if isinstance(rows, dict) for part in scored_parts]
        if not parts[0].is_step:
            self._measure_speed(distinct_tokens(scored), seconds)
        self._observer.count_batch(sum(len(part.indices) for part in parts), tokens, self._max_batch_tokens, seconds)
        for scored_parts, rows in results:
            for part in scored_parts:
                if isinstance(rows, Exception):
                    part.job.fail(rows)
                elif rows:
                    self._give(part, rows)

    def _measure_speed(self, tokens: int, seconds: float) -> None:
        """Update the speed of the model from a batch with this many tokens in distinct texts."""
        if tokens >= max(1, min(RATED_TOKENS, self._budget // 2)):
            self._speeds.append(tokens / max(seconds, 1e-6))
            self.tokens_per_second = max(self._speeds)

    def _give(self, part: Part, rows: dict[str, Row]) -> None:
        job, indices = part.job, part.indices
        if part.is_step:
            job.next, job.steps = job.next + 1, None
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
        for job in chain((part.job for part in self._in_thread), self._queue.jobs, self._bulk.jobs):
            if job.future.done():
                continue
            if now > job.deadline:
                job.fail(DeadlineError())
            elif job.abandon_when and now - job.queued_at > SWEEP_SECONDS:
                job.watch(loop, job.abandon_when)
                job.abandon_when = None
        self._sweep_is_due = bool(self._has_waiting or self._in_thread)
        if self._sweep_is_due:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)
