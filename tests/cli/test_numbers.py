"""Flags whose value is a number within bounds."""

from __future__ import annotations

import argparse
import math

import pytest

from emoscope.cli.numbers import number


def test_numbers_within_the_bounds_are_parsed() -> None:
    assert number(int, 1)("12") == 12
    assert (number(float, 0, 1)("0"), number(float, 0, 1)("1"), number(float, 0, 1)("1e-3")) == (0, 1, 0.001)


@pytest.mark.parametrize(
    ("kind", "bounds", "text", "message"),
    [
        (int, (1,), "0", "must be a whole number of at least 1, got '0'"),
        (int, (1,), "1.5", "must be a whole number of at least 1, got '1.5'"),
        (int, (0, 65535), "x", "must be a whole number from 0 to 65535, got 'x'"),
        (float, (0, 1), "nan", "must be a number from 0 to 1, got 'nan'"),
        (float, (0, math.inf), "inf", "must be a number of at least 0, got 'inf'"),
    ],
)
def test_other_values_are_errors(
    kind: type[int] | type[float], bounds: tuple[float, ...], text: str, message: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as error:
        number(kind, *bounds)(text)
    assert str(error.value) == message
