"""Waits for what a test needs, with a deadline of minutes: machines of continuous integration can be slow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

DEADLINE = 180.0
"""Seconds."""


def wait_until(condition: Callable[[], Any]) -> None:
    """Return as soon as the condition holds.

    Raises:
        TimeoutError: it did not hold before the deadline.
    """
    limit = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(f"the condition did not hold within {DEADLINE:g} s")
        time.sleep(0.01)


async def until(condition: Callable[[], Any]) -> None:
    """The same in an event loop, which keeps running."""
    limit = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(f"the condition did not hold within {DEADLINE:g} s")
        await asyncio.sleep(0.01)
