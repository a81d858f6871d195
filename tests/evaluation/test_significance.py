"""Paired tests agree with scipy, with a loop over resampled rows, and with their stated power."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score

from emoscope.evaluation import holm, mcnemar, paired_bootstrap, sample_size
from emoscope.evaluation.significance import sign_test


@pytest.mark.parametrize("wins", range(41))
@pytest.mark.parametrize("losses", [0, 1, 2, 7, 20, 40, 300])
def test_sign_test_equals_scipys(wins: int, losses: int) -> None:
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert sign_test(wins, losses) == pytest.approx(expected, rel=1e-9)


def test_sign_test_of_very_many_rows() -> None:
    assert sign_test(100_500, 99_500) == pytest.approx(binomtest(100_500, 200_000).pvalue, rel=1e-7)
    assert sign_test(200_000, 0) == 0.0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_mcnemar_counts_discordant_rows_alone(rows: list[tuple[bool, bool]]) -> None:
    a, b = (np.array([row[side] for row in rows], bool) for side in (0, 1))
    test, swapped = mcnemar(a, b), mcnemar(b, a)
    assert (test.only_a, test.only_b) == (rows.count((True, False)), rows.count((False, True)))
    assert (swapped.only_a, swapped.only_b, swapped.p) == (test.only_b, test.only_a, test.p)
    assert 0.0 < test.p <= 1.0
    concordant = np.array([True, False] * 20)
    assert mcnemar(np.append(a, concordant), np.append(b, concordant)) == test


def test_equal_predictions_have_no_significant_difference() -> None:
    truth = np.arange(60) % 3
    predicted = np.where(np.arange(60) % 5 == 0, (truth + 1) % 3, truth)
    assert mcnemar(predicted == truth, predicted == truth).p == 1.0
    for difference in paired_bootstrap(truth, predicted, predicted, 3).values():
        assert (difference.difference, difference.low, difference.high, difference.p) == (0.0, 0.0, 0.0, 1.0)


def _rows(number: int, better: float) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Truth and two predictions of four labels, which err on partly the same rows."""
    rng = np.random.default_rng(7)
    truth = rng.choice(4, number, p=(0.4, 0.3, 0.2, 0.1))
    hard, wrong = rng.random(number), rng.integers(4, size=number)
    return (
        truth,
        np.where(hard < 0.8 + better, truth, wrong),
        np.where(hard * 0.9 + rng.random(number) * 0.1 < 0.8, truth, wrong),
    )


def test_bootstrap_agrees_with_a_loop_over_resampled_rows() -> None:
    truth, a, b = _rows(150, 0.1)
    got = paired_bootstrap(truth, a, b, 4, resamples=20_000)
    rng = np.random.default_rng(8)
    draws = [rng.integers(len(truth), size=len(truth)) for _ in range(1500)]
    for name, metric in (
        ("accuracy", accuracy_score),
        ("f1_macro", lambda y, p: f1_score(y, p, average="macro", zero_division=0)),
    ):
        values = [metric(truth[rows], a[rows]) - metric(truth[rows], b[rows]) for rows in draws]
        assert got[name].difference == pytest.approx(metric(truth, a) - metric(truth, b))
        low, high = np.quantile(values, (0.025, 0.975))
        assert (got[name].low, got[name].high) == pytest.approx((low, high), abs=0.08 * (high - low) + 1 / len(truth))
        p = 2 * min(np.mean(np.array(values) <= 0), np.mean(np.array(values) >= 0))
        assert got[name].p == pytest.approx(min(1, p), abs=0.05)


def test_a_large_difference_is_significant_and_depends_only_on_the_seed() -> None:
    truth, a, b = _rows(2000, 0.15)
    first = paired_bootstrap(truth, a, b, 4, seed=3)
    assert first == paired_bootstrap(truth, a, b, 4, seed=3) != paired_bootstrap(truth, a, b, 4, seed=4)
    for name, difference in first.items():
        assert 0 < difference.low < difference.difference < difference.high, name
        assert 0 < difference.p < 0.01
    reverse = paired_bootstrap(truth, b, a, 4, seed=3)
    assert all(reverse[name].difference == -first[name].difference for name in first)


@pytest.mark.parametrize(("rows", "differing"), [(3, 3), (1, 1), (500, 5)])
def test_too_few_differing_rows_have_neither_an_interval_nor_a_p_value(rows: int, differing: int) -> None:
    truth = np.arange(rows) % 2
    predicted = np.where(np.arange(rows) < differing, 1 - truth, truth)
    results = paired_bootstrap(truth, truth, predicted, 2)
    assert results["accuracy"].difference == pytest.approx(differing / rows)
    assert all((result.low, result.high, result.p) == (None, None, None) for result in results.values())


def test_six_differing_rows_are_enough() -> None:
    truth = np.arange(50) % 2
    result = paired_bootstrap(truth, truth, np.where(np.arange(50) < 6, 1 - truth, truth), 2)["accuracy"]
    assert result.low is not None and result.p is not None and result.p < 0.05


@pytest.mark.parametrize(
    ("only_a", "only_b", "rows", "needed"),
    [(45, 5, 100, 23), (5, 45, 100, 23), (30, 15, 100, 155), (65, 49, 2000, 6989), (7, 7, 100, None), (0, 0, 9, None)],
)
def test_sample_size_by_hand_and_by_published_examples(only_a: int, only_b: int, rows: int, needed: int) -> None:
    assert sample_size(only_a, only_b, rows).rows == needed


def test_the_sample_size_has_nearly_the_power_it_is_computed_for() -> None:
    rng = np.random.default_rng(0)
    for only_a, only_b in ((70, 30), (120, 80), (60, 45)):
        needed = sample_size(only_a, only_b, 1000).rows
        assert needed is not None
        shares = [only_a / 1000, only_b / 1000, 1 - (only_a + only_b) / 1000]
        found = [sign_test(*draw[:2].tolist()) < 0.05 for draw in rng.multinomial(needed, shares, 4000)]
        assert 0.76 < np.mean(found) < 0.8


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 5000))
def test_the_detectable_difference_needs_exactly_the_given_rows(only_a: int, only_b: int, more: int) -> None:
    rows = only_a + only_b + more
    size = sample_size(only_a, only_b, rows)
    if size.detectable is not None:
        assert 0 < size.detectable <= (only_a + only_b) / rows + 1e-9
        seen = abs(only_a - only_b) / rows
        if size.rows is not None and abs(seen - size.detectable) > 1e-6:
            assert (size.rows <= rows) == (seen >= size.detectable)


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_holm_keeps_order_and_rejects_as_its_procedure_does(p_values: list[float]) -> None:
    adjusted, count = holm(p_values), len(p_values)
    assert all(
        p <= q <= min(1.0, count * p) or q == pytest.approx(p * count)
        for p, q in zip(p_values, adjusted, strict=True)
        if q < 1
    )
    rejected, alive = [False] * count, True
    for step, index in enumerate(sorted(range(count), key=p_values.__getitem__)):
        alive = alive and p_values[index] * (count - step) < 0.05
        rejected[index] = alive
    assert [q < 0.05 for q in adjusted] == rejected
