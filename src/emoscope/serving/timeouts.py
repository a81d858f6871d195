"""How long a client may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """How long a client may take.

    Attributes:
        head: seconds from the first byte of a request to the end of its headers.
        body: seconds over which the speed of a body is measured.
        min_body_rate: bytes per second that a body must arrive at, averaged over `body` seconds.
        scarce_body_rate: the same while all bodies take more than half of the memory that they may take.
        write: seconds without reading any of the response.
        keep_alive: seconds without a request; browsers and connection pools connect before they need a connection.
    """

    head: float = 10.0
    body: float = 10.0
    min_body_rate: int = 2_000
    scarce_body_rate: int = 100_000
    write: float = 30.0
    keep_alive: float = 75.0


TIMEOUTS = Timeouts()
