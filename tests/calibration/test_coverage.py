"""Quality of prediction sets: counted row by row, measured on half splits, and as theory has it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from emoscope.calibration.coverage import coverage_spread, rows_needed, set_quality, split_half_quality
from emoscope.calibration.fit import PERCENTS, conformal_thresholds


def test_set_quality_is_counted_row_by_row():
    sets = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], bool)
    quality = set_quality(sets, np.array([0, 1, 0, 0]))
    assert (quality["coverage"], quality["size"], quality["empty"], quality["multiple"]) == (0.5, 1.0, 0.25, 0.25)
    assert quality["singleton_accuracy"] == 0.5
    np.testing.assert_allclose(quality["label_coverage"], [1 / 3, 1.0, np.nan])


def test_half_splits_measure_the_nominal_coverage():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(2000, 4)) * 2
    rows = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random((2000, 1)) > rows.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    quality = split_half_quality(rows, truth, 90, repeats=60)
    assert quality["coverage"]["mean"] == pytest.approx(0.9, abs=0.012)
    assert 0.003 < quality["coverage"]["standard_deviation"] < 0.03
    assert [label["mean"] for label in quality["label_coverage"]] == pytest.approx([0.9] * 4, abs=0.02)
    assert quality == split_half_quality(rows, truth, 90, repeats=60)
    assert quality != split_half_quality(rows, truth, 90, repeats=60, seed=1)


def test_a_label_of_one_row_is_missing_from_one_half():
    quality = split_half_quality(np.full((9, 2), 0.5), np.array([1] + [0] * 8), 90, repeats=5)
    assert quality["label_coverage"][1]["mean"] in (None, 1.0)


@pytest.mark.parametrize("percent", PERCENTS)
def test_rows_needed_are_just_enough_to_leave_a_label_out(percent):
    needed = rows_needed(percent)
    probabilities = np.full((needed, 1), 0.5)
    assert conformal_thresholds(probabilities, np.zeros(needed, np.int64), percent) == (0.5,)
    assert conformal_thresholds(probabilities[1:], np.zeros(needed - 1, np.int64), percent) == (0.0,)


@pytest.mark.parametrize(("rows", "percent"), [(81, 90), (704, 95), (100, 99)])
def test_coverage_spread_is_that_of_the_beta_distribution(rows, percent):
    rank = (rows + 1) * (100 - percent) // 100
    assert coverage_spread(rows, percent) == pytest.approx(beta(rows + 1 - rank, rank).std())


def test_a_label_that_is_in_every_set_has_no_spread():
    assert coverage_spread(20, 99) == 0.0
