"""Differences between shares have intervals that cover, and tests that hold their level."""

import numpy as np
import pytest

from emoscope.shares.differences import Compared, differences
from emoscope.shares.power_tuning import Design, Labelled, tuned_mean
from emoscope.shares.totals import Totals


def compared(truth, groups):
    """The difference of group b minus group a of a simple random sample without predictions."""
    labels = np.eye(2)[truth]
    labelled = Labelled(labels, np.zeros_like(labels), np.zeros((0, *labels.shape)), np.zeros((0, len(truth)), bool))
    design = Design(np.full(len(truth), 10.0), np.zeros(len(truth), np.int64), finite=False)
    totals = Totals(2)
    totals.add(truth, np.zeros_like(labels))
    parts = []
    for name in "ab":
        domain = groups == name
        parts.append(Compared(name, tuned_mean(labelled, totals.overall, design, domain, np.zeros(2)), domain.sum()))
    return differences("half", [(parts[0], parts[1])], design, ["no", "yes"], 0.95)[1]


@pytest.mark.parametrize(("low", "high"), [(0.3, 0.3), (0.03, 0.03), (0.1, 0.25)])
def test_intervals_cover_and_tests_hold_their_level(low, high):
    rng = np.random.default_rng(0)
    covered, rejected = [], []
    for _ in range(300):
        groups = rng.choice(["a", "b"], 200)
        found = compared((rng.random(200) < np.where(groups == "a", low, high)).astype(int), groups)
        covered.append(found.interval.low <= high - low <= found.interval.high)
        rejected.append(found.p < 0.05)
        assert (found.interval.low > 0 or found.interval.high < 0) == (found.p < 0.05)
    assert np.mean(covered) >= 0.925
    assert np.mean(rejected) <= 0.075 if low == high else np.mean(rejected) > 0.5


def test_two_groups_without_the_class():
    groups = np.repeat(["a", "b"], 50)
    found = compared(np.zeros(100, int), groups)
    assert found.difference == 0 and found.p == pytest.approx(1, abs=1e-3)
    assert found.interval.low < -0.03 and found.interval.high > 0.03


def test_holm_counts_all_differences():
    groups = np.repeat(["a", "b"], 100)
    truth = np.concatenate([np.arange(100) < 30, np.arange(100) < 60]).astype(int)
    found = compared(truth, groups)
    assert found.difference == pytest.approx(0.3)
    assert found.p < 1e-4 and found.p_adjusted == pytest.approx(2 * found.p, rel=0.01)
