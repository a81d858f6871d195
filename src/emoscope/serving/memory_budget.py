"""A limit on the bytes that clients make the server hold, in memory or on disk, in sum over all of them."""

from __future__ import annotations

from typing import Any


class MemoryBudget:
    """What each owner holds, and the sum.

    Attributes:
        limit: maximum number of bytes that all owners should hold together.
        held: number of bytes that they hold.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._owners: dict[Any, int] = {}

    def hold(self, owner: Any, size: int) -> bool:
        """Set the number of bytes that an owner holds, 0 to forget it; returns whether the sum is within the limit."""
        self.held += size - self._owners.pop(owner, 0)
        if size:
            self._owners[owner] = size
        return self.held <= self.limit

    @property
    def is_scarce(self) -> bool:
        """Whether more than half of the limit is held."""
        return self.held > self.limit / 2

    @property
    def stalest(self) -> Any:
        """The owner whose number of bytes has not changed for the longest time; there must be one."""
        return next(iter(self._owners))
