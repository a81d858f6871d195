"""Types of flags that take a number within bounds."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TypeVar

Number = TypeVar("Number", int, float)


def coverage(text: str) -> float:
    """The `type` of a flag for a coverage from 0.5 to 0.99, rounded up to whole percent as `PredictionSets.at` does."""
    from emoscope.prediction_sets import ROUNDING

    return math.ceil(100 * number(float, 0.5, 0.99)(text) - ROUNDING) / 100


def number(kind: type[Number], minimum: float, maximum: float = math.inf) -> Callable[[str], Number]:
    """The `type` of a flag whose value is a finite number from `minimum` to `maximum`.

    Args:
        kind: int or float.
        minimum: lowest value allowed.
        maximum: highest value allowed.
    """
    name = "a whole number" if kind is int else "a number"
    bounds = f"of at least {minimum:g}" if maximum == math.inf else f"from {minimum:g} to {maximum:g}"

    def parse(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not minimum <= value <= maximum or math.isinf(value):
            raise argparse.ArgumentTypeError(f"must be {name} {bounds}, got {text!r}")
        return value

    return parse
