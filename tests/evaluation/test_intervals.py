"""Bootstrap intervals agree with resampling the rows one draw at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from emoscope.evaluation import bootstrap_intervals, confusion_matrix
from emoscope.evaluation.intervals import RESAMPLES_AT_ONCE, multi_label_intervals, wilson
from emoscope.evaluation.metrics import averages, indicator_counts


def _rows(number: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(3)
    truth = rng.choice(4, number, p=(0.4, 0.3, 0.2, 0.1))
    predicted = np.where(rng.random(number) < 0.8, truth, rng.integers(4, size=number))
    return truth, predicted, rng.exponential(size=number)


def _naive(truth: NDArray[Any], predicted: NDArray[Any], losses: NDArray[Any]) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(4)
    values = []
    for _ in range(4000):
        rows = rng.integers(len(truth), size=len(truth))
        draw = averages(confusion_matrix(truth[rows], predicted[rows], 4)) | {"loss": losses[rows].mean()}
        values.append(draw)
    names = ("accuracy", "f1_macro", "f1_weighted", "loss")
    return {name: np.quantile([draw[name] for draw in values], (0.025, 0.975)) for name in names}


def test_intervals_agree_with_a_loop_over_resampled_rows() -> None:
    truth, predicted, losses = _rows(120)
    got = bootstrap_intervals(confusion_matrix(truth, predicted, 4), losses, resamples=20_000)
    expected = _naive(truth, predicted, losses)
    assert got.keys() == expected.keys()
    for name, (low, high) in expected.items():
        tolerance = 0.05 * (high - low) + 1 / len(truth)
        assert got[name] == pytest.approx((low, high), abs=tolerance), name


def test_intervals_contain_the_value_and_narrow_with_more_rows() -> None:
    widths = []
    for number in (200, 5000):
        truth, predicted, losses = _rows(number)
        confusion = confusion_matrix(truth, predicted, 4)
        got = bootstrap_intervals(confusion, losses)
        for name, value in (averages(confusion) | {"loss": losses.mean()}).items():
            if name in got:
                assert got[name].low < value < got[name].high, name
        widths.append({name: high - low for name, (low, high) in got.items()})
    assert all(widths[1][name] < 0.5 * widths[0][name] for name in widths[0])


def test_intervals_depend_only_on_the_seed() -> None:
    truth, predicted, losses = _rows(100)
    confusion = confusion_matrix(truth, predicted, 4)
    assert bootstrap_intervals(confusion, losses) == bootstrap_intervals(confusion, losses)
    assert bootstrap_intervals(confusion, losses) != bootstrap_intervals(confusion, losses, seed=1)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3000).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows))))
def test_wilson_equals_scipys(counts: tuple[int, int]) -> None:
    expected = binomtest(*counts).proportion_ci(method="wilson")
    assert wilson(*counts) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("rows", [1, 60])
def test_accuracy_of_0_or_1_has_wilsons_interval(rows: int) -> None:
    truth = np.arange(rows) % 3
    right = bootstrap_intervals(confusion_matrix(truth, truth, 3), np.zeros(rows), resamples=50)
    wrong = bootstrap_intervals(confusion_matrix(truth, (truth + 1) % 3, 3), np.ones(rows), resamples=50)
    assert (right["accuracy"], wrong["accuracy"]) == (wilson(rows, rows), wilson(0, rows))
    assert right["accuracy"].low < 1 == right["accuracy"].high
    assert right["f1_macro"] == (1.0, 1.0) and right["loss"] == (0.0, 0.0)
    several = np.eye(3, dtype=bool)[truth]
    assert multi_label_intervals(several, several, np.zeros(rows), resamples=50)["accuracy"] == wilson(rows, rows)


def _indicators(rows: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(7)
    truth = rng.random((rows, 4)) < (0.5, 0.3, 0.2, 0.05)
    return truth, truth ^ (rng.random((rows, 4)) < 0.15), rng.exponential(size=rows)


def test_multi_label_intervals_agree_with_a_loop_over_resampled_rows() -> None:
    truth, given, losses = _indicators(120)
    got = multi_label_intervals(truth, given, losses, resamples=10_000 + RESAMPLES_AT_ONCE // 2)
    rng = np.random.default_rng(8)
    draws = [rng.integers(120, size=120) for _ in range(3000)]
    values = [averages(indicator_counts(truth[rows], given[rows])) | {"loss": losses[rows].mean()} for rows in draws]
    assert sorted(got) == ["accuracy", "f1_macro", "f1_weighted", "loss"]
    for name, interval in got.items():
        low, high = np.quantile([value[name] for value in values], (0.025, 0.975))
        assert interval == pytest.approx((low, high), abs=0.05 * (high - low) + 1 / 120), name


def test_multi_label_intervals_agree_with_single_label_intervals() -> None:
    truth, predicted, losses = _rows(400)
    one = bootstrap_intervals(confusion_matrix(truth, predicted, 4), losses, resamples=10_000)
    several = multi_label_intervals(np.eye(4, dtype=bool)[truth], np.eye(4, dtype=bool)[predicted], losses)
    for name, (low, high) in one.items():
        assert several[name] == pytest.approx((low, high), abs=0.08 * (high - low) + 1 / 400), name


def test_multi_label_intervals_depend_only_on_the_seed() -> None:
    rows = _indicators(60)
    assert multi_label_intervals(*rows, resamples=70) == multi_label_intervals(*rows, resamples=70)
    assert multi_label_intervals(*rows, resamples=70) != multi_label_intervals(*rows, resamples=70, seed=1)
