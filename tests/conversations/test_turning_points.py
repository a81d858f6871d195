"""Turning points: found where there are some, and rarely where there are none."""

import numpy as np
import pytest

from emoscope.conversations.turning_points import emotional_evidence, turning_points


def rows(labels, *, share=0.9):
    found = np.full((len(labels), 4), (1 - share) / 3)
    found[np.arange(len(labels)), labels] = share
    return found


def test_a_clear_change_is_found_at_its_message():
    (point,) = turning_points(rows([1] * 8 + [3] * 8))
    assert point == (8, 1, 3)


def test_two_changes_are_found_in_order():
    points = turning_points(rows([1] * 12 + [3] * 12 + [0] * 12))
    assert points == [(12, 1, 3), (24, 3, 0)]


def test_it_begins_with_a_message_that_expresses_the_new_emotion():
    evidence = rows([1] * 10 + [2] + [3] * 10)
    evidence[10] *= 0.05  # more likely neutral
    assert turning_points(evidence) == [(11, 1, 3)]


@pytest.mark.parametrize("labels", [[], [1], [1] * 50, [1, 3] * 20])
def test_a_sequence_that_stays_as_it_is_has_none(labels):
    assert turning_points(rows(labels)) == []


def test_random_orders_rarely_have_any():
    """Expected: 1 % of sequences, which is at most 11 of 400 with a probability of 99.9 % (binomial)."""
    random = np.random.default_rng(1)
    found = sum(bool(turning_points(rows(random.integers(0, 4, 40)))) for _ in range(400))
    assert found <= 11


def test_a_long_sequence_is_divided_exactly():
    labels = np.random.default_rng(2).choice([0, 1], 5_000, p=[0.8, 0.2])
    labels[2_345:] = np.random.default_rng(3).choice([0, 1], 5_000 - 2_345, p=[0.2, 0.8])
    (point,) = turning_points(rows(labels))
    assert abs(point.message - 2_345) < 10 and point[1:] == (0, 1)


def test_evidence_is_the_share_of_emotion():
    found = emotional_evidence(np.array([[0.5, 1.5]], np.float32), np.array([0.75], np.float32))
    assert found.tolist() == [[0.0625, 0.1875]]
