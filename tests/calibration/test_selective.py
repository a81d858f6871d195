"""Selective prediction against straightforward references."""

from __future__ import annotations

import numpy as np
import pytest

from emoscope.calibration.selective import THRESHOLDS, aurc, risk_coverage_curve, selective_accuracy


def test_risk_is_the_error_rate_of_the_most_confident_rows():
    confidence = np.array([0.6, 0.9, 0.7, 0.8])
    correct = np.array([False, True, False, True])
    np.testing.assert_allclose(risk_coverage_curve(confidence, correct), [0, 0, 1 / 3, 2 / 4])
    assert aurc(confidence, correct) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


@pytest.mark.parametrize("seed", range(4))
def test_ties_count_with_the_mean_over_all_their_orders(seed):
    rng = np.random.default_rng(seed)
    confidence, correct = rng.choice([0.1, 0.5, 0.9], 12), rng.random(12) < 0.5
    risks = []
    for _ in range(3000):
        order = np.lexsort((rng.random(12), -confidence))
        risks.append(np.cumsum(~correct[order]) / np.arange(1, 13))
    np.testing.assert_allclose(risk_coverage_curve(confidence, correct), np.mean(risks, axis=0), atol=0.04)
    shuffled = rng.permutation(12)
    np.testing.assert_allclose(
        risk_coverage_curve(confidence[shuffled], correct[shuffled]),
        risk_coverage_curve(confidence, correct),
        atol=1e-12,
    )


def test_selective_accuracy_counts_answers_at_or_above_each_threshold():
    points = selective_accuracy(np.array([0.55, 0.8, 0.97]), np.array([False, True, True]))
    by_threshold = {point["threshold"]: point for point in points}
    assert tuple(by_threshold) == THRESHOLDS
    assert by_threshold[0.5] == {"threshold": 0.5, "coverage": 1.0, "accuracy": pytest.approx(2 / 3)}
    assert by_threshold[0.8] == {"threshold": 0.8, "coverage": pytest.approx(2 / 3), "accuracy": 1.0}
    assert by_threshold[0.99] == {"threshold": 0.99, "coverage": 0.0, "accuracy": None}
