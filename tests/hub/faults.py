"""What shall go wrong, where, and how often."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

BODY_FAULTS = ("cut", "reset", "corrupt", "slow")


@dataclass
class Fault:
    """What goes wrong on the paths that match a pattern (fnmatch), `left` more times (None: always).

    `how` is an HTTP status (5xx with Retry-After: 0, so that the client's retries stay short); or, for the body of a
    file, one of
    "cut": the connection ends in the middle of the file (the client tries again, from its last full 10 MB);
    "reset": the same by a TCP reset (the client gives up at once);
    "corrupt": 16 bytes in the middle inverted, the length as it should be;
    "slow": the body in 20 pieces, 0.1 s apart.
    """

    pattern: str
    how: int | str
    left: int | None
    hits: int = 0

    def strikes(self, path: str, body: bool) -> bool:
        return fnmatchcase(path, self.pattern) and isinstance(self.how, str) == body and self.left != 0


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    @contextmanager
    def add(self, pattern: str, how: int | str, times: int | None) -> Iterator[Fault]:
        """Keep a fault in force inside the block."""
        if how not in BODY_FAULTS and not isinstance(how, int):
            raise ValueError(f"how must be an HTTP status or one of {', '.join(BODY_FAULTS)}; got {how!r}")
        fault = Fault(pattern, how, times)
        self._faults.append(fault)
        try:
            yield fault
        finally:
            self._faults.remove(fault)

    def strike(self, path: str, *, body: bool) -> int | str | None:
        """How this request, or the body of its answer, goes wrong, if at all; counted as it strikes."""
        with self._lock:
            for fault in self._faults:
                if fault.strikes(path, body):
                    fault.left = None if fault.left is None else fault.left - 1
                    fault.hits += 1
                    return fault.how
        return None
