"""The figures of the parity gate against those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from emoscope.data import Examples
from emoscope.errors import ModelError
from emoscope.export.parity import EXACT, INTEGERS, TOLERANCE, Gate, Parity, compare, require
from emoscope.labels import Labels

LABELS = Labels(("a", "b", "c"))
rng = np.random.default_rng(0)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def examples(label_ids):
    return Examples([str(row) for row in range(len(label_ids))], label_ids, LABELS, "made up", None)


def test_figures_of_single_label_data_equal_those_of_scikit_learn():
    logits, truth = rng.normal(size=(200, 3)), rng.integers(3, size=200)
    expected, rows = softmax(logits), softmax(logits + 0.3 * rng.normal(size=(200, 3)))
    parity = compare(rows, expected, examples(truth), None)
    f1 = [f1_score(truth, each.argmax(axis=1), average="macro") for each in (rows, expected)]
    assert parity.texts == 200
    assert parity.largest_difference == np.abs(rows - expected).max()
    assert parity.equal_labels == np.mean(rows.argmax(axis=1) == expected.argmax(axis=1)) < 1
    assert parity.f1_macro_difference == pytest.approx(f1[0] - f1[1])


def test_a_label_tied_with_torchs_own_counts_as_equal():
    expected = np.array([[0.4, 0.4 - TOLERANCE, 0.2]] * 3)
    rows = expected + TOLERANCE * np.array([[0, 0, 0], [-0.9, 0.9, 0], [0, 0, 3000]])
    parity = compare(rows, expected, examples(np.zeros(3, int)), None)
    assert parity.equal_labels == 2 / 3
    assert compare(rows[:2], expected[:2], examples(np.zeros(2, int)), None).f1_macro_difference == 0


def test_figures_of_multi_label_data_equal_those_of_scikit_learn_and_ties_count_as_equal():
    thresholds = (0.3, 0.5, 0.7)
    expected, truth = rng.uniform(size=(200, 3)), rng.random((200, 3)) < 0.4
    rows = np.clip(expected + 0.05 * rng.normal(size=(200, 3)), 0, 1)
    parity = compare(rows, expected, examples(truth), thresholds)
    f1 = [f1_score(truth, each >= thresholds, average="macro") for each in (rows, expected)]
    assert parity.equal_labels == np.mean((rows >= thresholds) == (expected >= thresholds)) < 1
    assert parity.f1_macro_difference == pytest.approx(f1[0] - f1[1])
    on_the_edge = np.tile(thresholds, (200, 1))
    for step in (-TOLERANCE / 2, TOLERANCE / 2):
        assert compare(on_the_edge + step, on_the_edge, examples(truth), thresholds).equal_labels == 1
        assert compare(on_the_edge, on_the_edge + 3 * step, examples(truth), thresholds).equal_labels in (0, 1)


def test_texts_without_labels_have_no_macro_f1_and_the_other_limits_hold():
    expected = softmax(rng.normal(size=(20, 3)))
    parity = compare(expected, expected, None, None)
    assert (parity.texts, parity.equal_labels, parity.f1_macro_difference) == (20, 1.0, None)
    require("the graph", parity, INTEGERS)
    with pytest.raises(ModelError, match=r"agree on 0\.00% of the labels; allowed: .* may agree better: --data"):
        require("the graph", compare(np.roll(expected, 1, axis=1), expected, None, None), EXACT)


@pytest.mark.parametrize("gate", [EXACT, INTEGERS])
def test_each_figure_over_its_limit_is_an_error(gate: Gate):
    limits = (gate.largest_difference, gate.equal_labels, gate.f1_macro_difference)
    require("the graph", Parity(10, *limits), gate)
    worse = [(np.nan, *limits[1:]), (limits[0], limits[1] - 1e-3, limits[2]), (*limits[:2], -limits[2] - 1e-3)]
    worse += [(2 * limits[0], *limits[1:])]
    for figures in worse:
        with pytest.raises(ModelError, match="nothing was written: the graph and torch differ") as caught:
            require("the graph", Parity(10, *figures), gate)
        assert "\n" not in str(caught.value)
