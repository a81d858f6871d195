"""Callers' texts to rows of scores, in batches. Knows no HTTP.

Batches are greedy: whatever waits when the model is free goes in, up to a budget of tokens. There is no timer: the
first of the waiting asks the event loop for a turn, and all that arrive before that turn come are in its batch. A small
batch is scored there and then in the event loop, which is sooner done than handed to a thread; a big one goes to the
thread, so that the loop stays free, and comes back with one callback.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import Any

from emoscope.serving.cache import Row, ScoreCache

Score = Callable[[Sequence[str]], Sequence[Row]]
"""Texts to what is said of each."""
OnWait = Callable[[Callable[[], None]], None]
"""Is called with what to call when the answer is no longer wanted."""

INLINE_SECONDS = 0.004
"""A batch that should take no longer is scored in the event loop."""
REQUEST_SECONDS = 60e-6
"""What reading and answering a request takes beside the model, about."""
ORDINARY_TEXTS = 32
MIN_LATENCY = 0.025
"""Seconds. Unless it is set, the target latency is the time that so many texts take by themselves, or this."""
BURST = 4
"""Times the target latency that may wait for a moment: after a stall of the machine, or when all come at once."""
CHARACTERS_A_TOKEN = 4
"""About, in English with word pieces; special tokens are counted beside."""
RATED_TOKENS = 256
"""Batches that are smaller, and smaller than half of what may be in one, say little about how fast the model is."""
RATED_BATCHES = 64
"""What else the machine does can only slow a batch down, so the fastest of the last ones tells the model's own speed
(the windowed maximum of Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 14, 2016)."""
SWEEP_SECONDS = 0.05
"""How often those that wait are looked after."""


class OverloadedError(Exception):
    """More waits than is answered in time.

    Attributes:
        retry_after: seconds after which the queue should be empty.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the queue is full, try again in {retry_after:.1f} s")
        self.retry_after = retry_after


class DeadlineError(Exception):
    """A request was not answered in time."""


class AbandonedError(Exception):
    """Nobody waits for the answer any more."""


class ScoringError(Exception):
    """The model raised an error; it is the cause."""


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has."""
    return len(text) // CHARACTERS_A_TOKEN + 3


@dataclass(eq=False, slots=True)
class _Job:
    """What one caller waits for.

    Attributes:
        texts: all that he asked for.
        rows: what is known of them so far.
        pending: indices of the texts that are to be scored.
        score: a key of the batcher's scores.
        since: when he came, as `perf_counter` has it.
        deadline: likewise, when he is told that it is too late.
        future: done when all rows are there, or with an error.
        on_wait: see `Batcher.score`.
        tokens: how much of the queue he takes.
        next: index into `pending` of the first that is in no batch yet.
        left: texts without a row.
    """

    texts: Sequence[str]
    rows: list[Row | None]
    pending: list[int]
    score: str
    since: float
    deadline: float
    future: asyncio.Future[None]
    on_wait: OnWait | None
    tokens: int = 0
    next: int = 0
    left: int = 0

    def abandon(self) -> None:
        """Take it out of the batches to come."""
        if not self.future.done():
            self.future.set_exception(AbandonedError())


_Part = tuple[_Job, list[int]]
"""Which texts of a job are in a batch."""
_Answer = tuple[list[_Part], dict[str, Row] | Exception]
"""What the model says of the texts of some parts, or the error that it raised."""


class Observer:
    """What is told of every batch; this one does not listen."""

    def batch(self, texts: int, tokens: int, budget: int, seconds: float) -> None:
        """A batch was scored."""

    def cached(self, hits: int, misses: int) -> None:
        """So many texts were in the cache and so many were not."""


class Batcher:
    """Scores texts for many callers of one event loop.

    Attributes:
        waiting_tokens: of the texts that wait.
        tokens_a_second: that the model reads, measured.
        target_latency: seconds.
        thread_seconds: that the thread was busy with batches so far.
    """

    def __init__(
        self,
        scores: Mapping[str, Score],
        *,
        cache: ScoreCache,
        max_batch_tokens: int,
        target_latency: float | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Nothing is running yet.

        Args:
            scores: what texts can be asked for, by name; the first one is cached.
            cache: rows of texts seen lately.
            max_batch_tokens: most estimated tokens of a call; a longer single text goes alone.
            target_latency: seconds; no more waits than is answered within BURST times as many. None to choose it when
                the model's speed is known.
            observer: is told of batches.
        """
        self.waiting_tokens = 0
        self.tokens_a_second = 1.0
        self._rates: deque[float] = deque(maxlen=RATED_BATCHES)
        self._scores = scores
        self._cached = next(iter(scores))
        self._cache = cache
        self._max_batch_tokens = max_batch_tokens
        self.target_latency = target_latency or MIN_LATENCY
        self.thread_seconds = 0.0
        self._chooses_latency = target_latency is None
        self._observer = observer or Observer()
        self._queue: deque[_Job] = deque()
        self._in_thread: list[_Part] = []
        self._turn_is_due = False
        self._sweep_is_due = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="emoscope-batch")

    @property
    def max_waiting_tokens(self) -> int:
        """Tokens that may wait."""
        return int(self.tokens_a_second * self.target_latency * BURST)

    @property
    def _budget(self) -> int:
        """Tokens of a batch: no more than keep the others waiting for a quarter of the target latency."""
        return min(self._max_batch_tokens, int(self.tokens_a_second * self.target_latency / 4))

    @property
    def is_full(self) -> bool:
        """Whether so much waits that the smallest request would be refused."""
        return self.waiting_tokens > 0 and self.waiting_tokens >= self.max_waiting_tokens

    @property
    def retry_after(self) -> float:
        """Seconds after which the queue should be empty."""
        return self.waiting_tokens / self.tokens_a_second

    def warm_up(self, texts: Sequence[str]) -> None:
        """Score texts until the speed is known; call it before there are callers."""
        tokens = sum(map(estimated_tokens, texts))
        score = self._scores[self._cached]
        score(texts)
        seconds = []
        for _ in range(3):
            start = perf_counter()
            score(texts)
            seconds.append(perf_counter() - start)
        self._rate(tokens, min(seconds))
        if self._chooses_latency:
            self.target_latency = max(MIN_LATENCY, min(seconds) * ORDINARY_TEXTS / len(texts))

    async def score(
        self,
        texts: Sequence[str],
        *,
        score: str | None = None,
        timeout: float = float("inf"),
        on_wait: OnWait | None = None,
        patient: bool = False,
    ) -> list[Row]:
        """The row of each text.

        Args:
            texts: any number.
            score: a key of `scores`; None for the first.
            timeout: seconds.
            on_wait: called once if the texts are not scored soon: a chance to see whether the answer is still wanted.
            patient: wait in a full queue instead of being refused; for callers that ask for one thing after another.

        Raises:
            OverloadedError: more waits than is answered in time.
            DeadlineError: the rows were not there in time.
            AbandonedError: `on_wait` was told that they are not wanted.
            ScoringError: the model raised an error.
        """
        name = score or self._cached
        rows: list[Row | None]
        if name == self._cached:
            rows = [self._cache.get(text) for text in texts]
            pending = [i for i, row in enumerate(rows) if row is None]
            self._observer.cached(len(texts) - len(pending), len(pending))
        else:
            rows, pending = [None] * len(texts), list(range(len(texts)))
        if pending:
            loop = asyncio.get_running_loop()
            now = perf_counter()
            job = _Job(texts, rows, pending, name, now, now + timeout, loop.create_future(), on_wait)
            self._enqueue(loop, job, patient)
            await job.future
        return rows  # type: ignore[return-value]

    def close(self) -> None:
        """End the thread; what still waits is never answered."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _enqueue(self, loop: asyncio.AbstractEventLoop, job: _Job, patient: bool) -> None:
        tokens = sum(estimated_tokens(job.texts[i]) for i in job.pending)
        if patient:  # others wait for one part of it at a time
            tokens = min(tokens, self._budget)
        job.left = len(job.pending)
        job.tokens = tokens + int(REQUEST_SECONDS * self.tokens_a_second)
        waiting = self.waiting_tokens
        if waiting and not patient and waiting + job.tokens > self.max_waiting_tokens:
            raise OverloadedError(self.retry_after)
        self.waiting_tokens = waiting + job.tokens
        self._queue.append(job)
        self._next_turn(loop)

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._turn_is_due and not self._in_thread:
            self._turn_is_due = True
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Score what waits, up to the budget."""
        self._turn_is_due = False
        parts, tokens = self._take()
        if not parts:
            return
        if tokens <= INLINE_SECONDS * self.tokens_a_second:
            self._deliver(parts, tokens, *self._call(parts))
        else:
            self._in_thread = parts
            future = self._thread.submit(self._call, parts)
            future.add_done_callback(lambda done: self._hand_back(loop, tokens, done))
        if self._queue:
            self._next_turn(loop)
        if (self._queue or self._in_thread) and not self._sweep_is_due:
            self._sweep_is_due = True
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    def _hand_back(self, loop: asyncio.AbstractEventLoop, tokens: int, done: Future[Any]) -> None:
        """The one callback of a batch from the thread; if the loop has ended, nobody waits for it."""
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._back, loop, tokens, done)

    def _back(self, loop: asyncio.AbstractEventLoop, tokens: int, done: Future[Any]) -> None:
        parts, self._in_thread = self._in_thread, []
        answers, seconds = done.result()
        self.thread_seconds += seconds
        self._deliver(parts, tokens, answers, seconds)
        if self._queue:
            self._next_turn(loop)

    def _take(self) -> tuple[list[_Part], int]:
        """The parts of the next batch, and their estimated tokens.

        A job that is too big for a batch goes to the back of the queue with what is left of it: others have their turn.
        """
        budget = self._budget
        parts: list[_Part] = []
        taken = 0
        now = perf_counter()
        while self._queue and (taken < budget or not parts):
            job = self._queue.popleft()
            if self._is_over(job, now):
                continue
            start = job.next
            while job.next < len(job.pending):
                tokens = estimated_tokens(job.texts[job.pending[job.next]])
                if taken and taken + tokens > budget:
                    break
                taken += tokens
                job.next += 1
            if job.next > start:
                parts.append((job, job.pending[start : job.next]))
            if job.next < len(job.pending):
                self._queue.append(job) if job.next > start else self._queue.appendleft(job)
                break
            self.waiting_tokens -= job.tokens
        return parts, taken

    def _is_over(self, job: _Job, now: float) -> bool:
        """Whether nobody waits for a job any more; it is no longer counted then."""
        if now > job.deadline and not job.future.done():
            job.future.set_exception(DeadlineError())
        if job.future.done():
            self.waiting_tokens -= job.tokens
            return True
        return False

    def _call(self, parts: list[_Part]) -> tuple[list[_Answer], float]:
        """Rows of the parts, and the seconds that they took; runs in the loop or in the thread."""
        start = perf_counter()
        answers: list[_Answer] = []
        for name in {job.score for job, _ in parts}:
            answers += self._answers(name, [part for part in parts if part[0].score == name])
        return answers, perf_counter() - start

    def _answers(self, name: str, parts: list[_Part]) -> list[_Answer]:
        """Rows of the parts; where the model fails, each caller's alone, so that one does not fail for another."""
        texts = list(dict.fromkeys(job.texts[i] for job, indices in parts for i in indices))
        try:
            return [(parts, dict(zip(texts, self._scores[name](texts), strict=True)))]
        except Exception as error:
            if len(parts) == 1:
                return [(parts, error)]
            return [answer for part in parts for answer in self._answers(name, [part])]

    def _deliver(self, parts: list[_Part], tokens: int, answers: list[_Answer], seconds: float) -> None:
        scored = (rows for _, rows in answers if isinstance(rows, dict))
        self._rate(sum(estimated_tokens(text) for rows in scored for text in rows), seconds)
        self._observer.batch(sum(len(indices) for _, indices in parts), tokens, self._max_batch_tokens, seconds)
        for asked, answer in answers:
            for job, indices in asked:
                if isinstance(answer, Exception):
                    self._fail(job, answer)
                else:
                    self._give(job, indices, answer)

    def _rate(self, tokens: int, seconds: float) -> None:
        """Learn the model's speed from so many tokens of distinct texts."""
        if tokens >= max(1, min(RATED_TOKENS, self._budget // 2)):
            self._rates.append(tokens / max(seconds, 1e-6))
            self.tokens_a_second = max(self._rates)

    def _give(self, job: _Job, indices: list[int], rows: dict[str, Row]) -> None:
        keep = job.score == self._cached
        for i in indices:
            text = job.texts[i]
            row = job.rows[i] = rows[text]
            if keep:
                self._cache.put(text, row)
        job.left -= len(indices)
        if not job.left and not job.future.done():
            job.future.set_result(None)

    def _fail(self, job: _Job, cause: Exception) -> None:
        if not job.future.done():
            error = ScoringError(f"{type(cause).__name__}: {cause}")
            error.__cause__ = cause
            job.future.set_exception(error)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up what is too late, and let those that wait look after their callers."""
        now = perf_counter()
        for job in chain((job for job, _ in self._in_thread), self._queue):
            if job.future.done():
                continue
            if now > job.deadline:
                job.future.set_exception(DeadlineError())
            elif job.on_wait and now - job.since > SWEEP_SECONDS:
                on_wait, job.on_wait = job.on_wait, None
                on_wait(job.abandon)
        self._sweep_is_due = bool(self._queue or self._in_thread)
        if self._sweep_is_due:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)
