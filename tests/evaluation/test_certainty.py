"""Abstention, sets of labels and AUROC against straightforward references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from emoscope.evaluation.certainty import LIMITS, abstention, aurc, auroc, on_halves, risk_coverage, set_quality

COARSE = st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9])


@settings(max_examples=60, deadline=None)
@given(st.lists(COARSE, min_size=1, max_size=30), st.lists(COARSE, min_size=1, max_size=30))
def test_auroc_is_that_of_scikit_learn(positive, negative):
    truth = [1] * len(positive) + [0] * len(negative)
    expected = roc_auc_score(truth, positive + negative)
    assert auroc(np.array(positive), np.array(negative)) == pytest.approx(expected)


def test_risk_is_the_share_of_errors_among_the_surest():
    confidence = np.array([0.6, 0.9, 0.7, 0.8])
    correct = np.array([False, True, False, True])
    np.testing.assert_allclose(risk_coverage(confidence, correct), [0, 0, 1 / 3, 2 / 4])
    assert aurc(confidence, correct) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_equal_confidence_count_with_the_mean_of_all_their_orders(seed):
    rng = np.random.default_rng(seed)
    confidence, correct = rng.choice([0.1, 0.5, 0.9], 12), rng.random(12) < 0.5
    risks = []
    for _ in range(3000):
        order = np.lexsort((rng.random(12), -confidence))
        risks.append(np.cumsum(~correct[order]) / np.arange(1, 13))
    np.testing.assert_allclose(risk_coverage(confidence, correct), np.mean(risks, axis=0), atol=0.04)
    shuffled = rng.permutation(12)
    np.testing.assert_allclose(
        risk_coverage(confidence[shuffled], correct[shuffled]), risk_coverage(confidence, correct), atol=1e-12
    )


def test_abstention_counts_answers_and_their_accuracy():
    points = {
        point["at_least"]: point for point in abstention(np.array([0.55, 0.8, 0.97]), np.array([False, True, True]))
    }
    assert tuple(points) == LIMITS
    assert points[0.5] == {"at_least": 0.5, "answered": 1.0, "accuracy": pytest.approx(2 / 3)}
    assert points[0.8] == {"at_least": 0.8, "answered": pytest.approx(2 / 3), "accuracy": 1.0}
    assert points[0.99] == {"at_least": 0.99, "answered": 0.0, "accuracy": None}


def test_the_quality_of_sets_is_counted_row_by_row():
    sets = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], bool)
    quality = set_quality(sets, np.array([0, 1, 0, 0]))
    assert (quality["coverage"], quality["size"], quality["empty"], quality["several"]) == (0.5, 1.0, 0.25, 0.25)
    assert quality["one_right"] == 0.5
    np.testing.assert_allclose(quality["labels"], [1 / 3, 1.0, np.nan])


def test_halves_measure_what_was_promised():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(2000, 4)) * 2
    rows = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random((2000, 1)) > rows.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    found = on_halves(rows, truth, 90, halves=60)
    assert found["coverage"]["mean"] == pytest.approx(0.9, abs=0.012)
    assert 0.003 < found["coverage"]["standard_deviation"] < 0.03
    assert [label["mean"] for label in found["labels"]] == pytest.approx([0.9] * 4, abs=0.02)
    assert found == on_halves(rows, truth, 90, halves=60)
    assert found != on_halves(rows, truth, 90, halves=60, seed=1)


def test_a_label_of_one_row_has_a_half_without_it():
    rows = np.full((9, 2), 0.5)
    found = on_halves(rows, np.array([1] + [0] * 8), 90, halves=5)
    assert found["labels"][1]["mean"] in (None, 1.0)
