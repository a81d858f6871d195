"""Prediction sets from given thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from emoscope.prediction_sets import PredictionSets


def test_a_set_may_be_empty():
    fitted = PredictionSets({90: (0.8, 0.7)})
    assert fitted.sets(np.array([[0.6, 0.4], [0.9, 0.1], [0.3, 0.7]], np.float32), 0.9).tolist() == [
        [False, False],
        [True, False],
        [False, False],  # 0.7 in float32 is less than 0.7
    ]


def test_a_coverage_between_two_is_rounded_up():
    fitted = PredictionSets({50: (0.9,), 90: (0.5,), 95: (0.3,)})
    assert [fitted.at(coverage) for coverage in (0.5, 0.501, 0.9, 0.29 + 0.61, 0.91, 0.95)] == [
        *((0.9,), (0.5,), (0.5,), (0.5,), (0.3,), (0.3,))
    ]


@pytest.mark.parametrize("coverage", [0.4, 0.499, 0.951, 1.0, 90, -1, float("nan"), float("inf")])
def test_a_coverage_out_of_range_is_an_error(coverage):
    with pytest.raises(ValueError, match=r"coverage must be from 0\.5 to 0\.95, got"):
        PredictionSets({50: (0.9,), 95: (0.3,)}).at(coverage)
