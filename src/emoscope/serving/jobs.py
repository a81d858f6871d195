"""Requests for scores that wait for their batch, their parts in it, and the errors with which they end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from emoscope.serving.cache import Row

AbandonWhen = Callable[[], Awaitable[None]]
"""Returns once the caller no longer needs the result."""


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


class JobQueue:
    """Jobs that wait, and the sum of their tokens."""

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.tokens = 0


@dataclass(eq=False, slots=True)
class Job:
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
        queue: the queue that it is in.
        sizes: estimated tokens of each pending text.
        steps: the steps of the next text that are left, if it is longer than a batch and scored in steps.
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
    queue: JobQueue
    sizes: list[int] = field(default_factory=list)
    steps: Iterator[Row | None] | None = None
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


class Part(NamedTuple):
    """Texts of a job in a batch.

    Attributes:
        job: the job.
        indices: indices of the texts in the job.
        tokens: estimated tokens of each text.
        is_step: whether the batch is only a step of this text, which is longer than a batch.
    """

    job: Job
    indices: list[int]
    tokens: list[int]
    is_step: bool = False


def distinct_tokens(parts: Sequence[Part]) -> int:
    """Estimated tokens of the different texts in parts."""
    sizes: dict[str, int] = {}
    for part in parts:
        sizes.update(zip(map(part.job.texts.__getitem__, part.indices), part.tokens, strict=True))
    return sum(sizes.values())
