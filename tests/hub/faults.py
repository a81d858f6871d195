"""Faults that a test injects into the Hub: which requests fail, how, and how often."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

BODY_FAULTS = ("cut", "reset", "corrupt", "slow")


@dataclass
class Fault:
    """A fault on the paths that match a pattern.

    Attributes:
        pattern: of paths, as `fnmatch` reads it.
        how: an HTTP status, with Retry-After: 0 from 500 on, so that the client retries at once; or, for the body of a
            file, one of
            "cut": the connection closes in the middle of the file (the client resumes from its last full 10 MB);
            "reset": the same with a TCP reset (the client gives up at once);
            "corrupt": 16 bytes in the middle are inverted, the length is right;
            "slow": the body comes in 20 pieces, 0.1 s apart.
        left: how many more requests fail; None for all.
        hits: how many requests have failed.
    """

    pattern: str
    how: int | str
    left: int | None
    hits: int = 0

    def applies(self, path: str, body: bool) -> bool:
        return fnmatchcase(path, self.pattern) and isinstance(self.how, str) == body and self.left != 0


class Faults:
    """The faults that are active now."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    @contextmanager
    def add(self, pattern: str, how: int | str, times: int | None) -> Iterator[Fault]:
        """Activate a fault for the block."""
        if how not in BODY_FAULTS and not isinstance(how, int):
            raise ValueError(f"how must be an HTTP status or one of {', '.join(BODY_FAULTS)}; got {how!r}")
        fault = Fault(pattern, how, times)
        self._faults.append(fault)
        try:
            yield fault
        finally:
            self._faults.remove(fault)

    def next(self, path: str, *, body: bool) -> int | str | None:
        """How this request, or the body of its response, fails; None if it succeeds. Counts the failure."""
        with self._lock:
            for fault in self._faults:
                if fault.applies(path, body):
                    fault.left = None if fault.left is None else fault.left - 1
                    fault.hits += 1
                    return fault.how
        return None
