"""How many requests may be in flight so that each gets its response in time. Knows no HTTP.

By Little's law that is the target latency times the throughput, which is measured while the server is busy.
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


class ConcurrencyLimit:
    """The limit on requests in flight.

    Attributes:
        responses: responses with status 200 since the last measurement.
        seconds_per_request: seconds of processor time that a request takes.
    """

    def __init__(self, batcher: Batcher) -> None:
        self.responses = 0
        self.seconds_per_request = REQUEST_SECONDS
        self._batcher = batcher
        self._in_flight = 0
        self._mean_in_flight = self._asked_at = 0.0
        self._measured_busy = self._measured_at = 0.0

    def start(self, text: str) -> None:
        """Estimate what a request takes from the speed that the batcher measured, for one with this text."""
        self.seconds_per_request = REQUEST_SECONDS + estimated_tokens(text) / self._batcher.tokens_per_second

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

        Rejecting requests takes time as well, which accepted requests wait for, so it counts.

        Args:
            now: seconds on any clock.
            busy: seconds of processor time that the event loop has used so far.
        """
        busy += self._batcher.thread_seconds
        if busy - self._measured_busy >= MIN_BUSY * (now - self._measured_at):
            if self.responses < MIN_MEASURED:
                return
            measured = (busy - self._measured_busy) / self.responses
            self.seconds_per_request += 0.3 * (measured - self.seconds_per_request)
        self.responses, self._measured_busy, self._measured_at = 0, busy, now
