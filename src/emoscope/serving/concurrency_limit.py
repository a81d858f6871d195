"""How many requests may be in flight so that each gets its response in time. Knows no HTTP.

By Little's law that is the target latency times the throughput of requests with one typical text. It is measured while
the server is busy, by comparing the time that work took with the time that it should take. So a bulk request counts as
the work that it is.
"""

from __future__ import annotations

from time import monotonic

from emoscope.serving.batching import BURST, REQUEST_SECONDS, Batcher, estimated_tokens

MIN_IN_FLIGHT = 4
"""Requests that are accepted at the same time, however slow the model is."""
MEAN_OVER = 20
"""Multiple of the target latency over which the number of requests in flight is averaged."""
MIN_MEASURED = 20
"""Minimum number of responses in a measurement: fewer say little about what a request takes."""
MIN_BUSY = 0.5
"""Minimum share of busy time in a measurement: below it, work other than requests would count for too much."""
TEXT_SECONDS = 4e-6
"""Approximate seconds that reading one more text of a request and writing its scores take, without the model."""


class ConcurrencyLimit:
    """The limit on requests in flight.

    Attributes:
        responses: responses with status 200 since the last measurement.
        seconds_per_request: seconds of processor time that a request with a typical text takes.
    """

    def __init__(self, batcher: Batcher) -> None:
        self.responses = 0
        self.seconds_per_request = REQUEST_SECONDS
        self._batcher = batcher
        self._in_flight = 0
        self._mean_in_flight = self._asked_at = 0.0
        self._last_busy = self._last_at = self._measured_busy = 0.0
        self._measured_work = (0, 0)
        self._typical_tokens = 0

    def start(self, text: str) -> None:
        """Estimate what a request takes from the speed that the batcher measured, for one with this text."""
        self._typical_tokens = estimated_tokens(text)
        self.seconds_per_request = self._expected(1, 1, self._typical_tokens)

    def _expected(self, responses: int, texts: int, tokens: int) -> float:
        """Seconds that work should take."""
        seconds = REQUEST_SECONDS * responses + TEXT_SECONDS * max(0, texts - responses)
        return seconds + tokens / self._batcher.tokens_per_second

    @property
    def max_in_flight(self) -> int:
        """Number of requests in flight that get their responses within the target latency."""
        return max(MIN_IN_FLIGHT, int(self._batcher.target_latency / self.seconds_per_request))

    def has_room(self, in_flight: int) -> bool:
        """Whether one more request would get its response in time.

        BURST times as many may be in flight for a moment, after a stall or when many arrive at once, but not on
        average: a standing queue makes everyone wait and serves no one better (Nichols and Jacobson, "Controlling Queue
        Delay", ACM Queue 10, 2012).

        Args:
            in_flight: requests that are being answered.
        """
        now = monotonic()
        weight = (now - self._asked_at) / (MEAN_OVER * self._batcher.target_latency)
        self._mean_in_flight += min(1.0, weight) * (self._in_flight - self._mean_in_flight)
        self._in_flight, self._asked_at = in_flight, now
        limit = self.max_in_flight
        return in_flight < (BURST * limit if self._mean_in_flight < limit else limit)

    def measure(self, now: float, busy: float) -> None:
        """Update the time that a request takes, if the server was busy; the server calls this ten times a second.

        Rejecting requests takes time as well, which accepted requests wait for, so it counts. While the server is idle,
        the time returns to what it should be: what was measured under another load says nothing about the next one.

        Args:
            now: seconds on any clock.
            busy: seconds of processor time that the event loop has used so far.
        """
        batcher = self._batcher
        busy += batcher.thread_seconds
        is_busy = busy - self._last_busy >= MIN_BUSY * (now - self._last_at)
        self._last_busy, self._last_at = busy, now
        if is_busy and self.responses < MIN_MEASURED:
            return
        should_take = self._expected(1, 1, self._typical_tokens)
        if is_busy:
            texts, tokens = batcher.texts - self._measured_work[0], batcher.scored_tokens - self._measured_work[1]
            slowness = (busy - self._measured_busy) / self._expected(self.responses, texts, tokens)
            self.seconds_per_request += 0.3 * (slowness * should_take - self.seconds_per_request)
        else:
            self.seconds_per_request += 0.5 * (should_take - self.seconds_per_request)
        self.responses, self._measured_busy = 0, busy
        self._measured_work = (batcher.texts, batcher.scored_tokens)
