"""Quantiles of Student's t, and intervals of shares for few labels and shares near the ends."""

import pytest

from emoscope.evaluation.intervals import wilson
from emoscope.shares.intervals import share_interval, t_quantile


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [(0.975, 3, 3.18245), (0.975, 10, 2.22814), (0.975, 100, 1.98397), (0.95, 20, 1.72472), (0.025, 10, -2.22814)],
)
def test_quantiles_agree_with_tables(probability, degrees, expected):
    assert t_quantile(probability, degrees) == pytest.approx(expected, abs=0.006 if degrees < 10 else 2e-4)


def test_a_simple_random_sample_gets_wilsons_interval():
    share = 30 / 200
    found = share_interval(share, share * (1 - share) / 200, 200, 1e9, 0.95)
    assert found == pytest.approx(wilson(30, 200), abs=1e-9)


@pytest.mark.parametrize(("share", "variance"), [(0.0, 0.0), (1.0, 0.0), (-0.01, 1e-4), (1.02, 1e-4), (0.5, 0.0)])
def test_no_share_is_certain_after_some_labels(share, variance):
    low, high = share_interval(share, variance, 100, 99, 0.95)
    assert 0 <= low <= min(max(share, 0), 1) <= high <= 1
    assert 0.02 < high - low < 0.3


@pytest.mark.parametrize("share", [0.0003, 0.9997])
def test_a_share_of_less_than_a_label_does_not_have_the_interval_of_a_few_labels(share):
    low, high = share_interval(share, 1e-4, 77, 20, 0.95)
    none_low, none_high = share_interval(round(share), 1e-4, 77, 20, 0.95)
    assert high - low == pytest.approx(none_high - none_low, abs=0.005) and high - low < 0.06


def test_a_higher_level_is_wider():
    low, high = share_interval(0.2, 1e-3, 150, 140, 0.99)
    narrow = share_interval(0.2, 1e-3, 150, 140, 0.8)
    assert low < narrow.low < narrow.high < high
