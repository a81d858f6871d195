"""Shares without labels are right under label shift."""

import sys

import numpy as np
import pytest

from emoscope.errors import DataError
from emoscope.shares import HeldOut, label_shift
from emoscope.shares.label_shift import RowSample


def test_shifted_shares_are_recovered():
    rng = np.random.default_rng(0)
    prior, shares = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    truth = rng.choice(3, 20_000, p=shares)
    means = np.eye(3) * 2
    likelihood = np.exp(-(((means[truth] + rng.normal(size=(20_000, 3)))[:, None] - means) ** 2).sum(2) / 2)
    scores = likelihood * prior
    found = label_shift(scores / scores.sum(1, keepdims=True), prior, ("a", "b", "c"))
    np.testing.assert_allclose(found.shares, shares, atol=0.015)
    assert abs(found.naive[2] - 0.6) > 0.03
    assert sum(found.shares) == pytest.approx(1) and found.rows == 20_000


@pytest.mark.parametrize(
    ("scores", "prior", "message"),
    [
        (np.empty((0, 2)), [0.5, 0.5], "one row or more"),
        (np.full((3, 2), 0.5), [1.0, 0.0], "above 0 for each class"),
        (np.full((3, 3), 0.3), [0.5, 0.5], "shape"),
    ],
)
def test_input_that_does_not_fit(scores, prior, message):
    with pytest.raises(DataError, match=message):
        label_shift(scores, prior, ("a", "b"))


def population(rng, rows, shares, confusion):
    """Classes and calibrated probabilities of a model whose predictions depend on the class alone."""
    truth = rng.choice(3, rows, p=shares)
    means = np.eye(3) * 2
    seen = means[confusion[truth]] + rng.normal(size=(rows, 3))
    likelihood = np.exp(-((seen[:, None] - means) ** 2).sum(2) / 2) * [0.5, 0.3, 0.2]
    return truth, likelihood / likelihood.sum(1, keepdims=True)


SAME, SWAPPED = np.arange(3), np.array([0, 2, 1])


@pytest.mark.parametrize(("confusion", "holds"), [(SAME, True), (SWAPPED, True), (np.array([0, 0, 2]), True)])
def test_the_check_passes_what_a_mixture_explains(confusion, holds):
    rng = np.random.default_rng(1)
    truth, known = population(rng, 1500, [0.5, 0.3, 0.2], SAME)
    _, new = population(rng, 3000, [0.1, 0.3, 0.6], confusion)
    found = label_shift(new, [0.5, 0.3, 0.2], ("a", "b", "c"), HeldOut(known, truth))
    assert found.check.holds is holds
    assert found.check.distance < 0.05


def test_the_check_is_rarely_wrong_and_finds_other_texts():
    rng = np.random.default_rng(2)
    failed = []
    for _ in range(40):
        truth, known = population(rng, 600, [0.5, 0.3, 0.2], SAME)
        _, new = population(rng, 1000, rng.dirichlet([2, 2, 2]), SAME)
        failed.append(not label_shift(new, [0.5, 0.3, 0.2], ("a", "b", "c"), HeldOut(known, truth)).check.holds)
    assert sum(failed) <= 3
    harder = new**0.4  # the model is less sure of these texts than of any held-out ones
    check = label_shift(
        harder / harder.sum(1, keepdims=True), [0.5, 0.3, 0.2], ("a", "b", "c"), HeldOut(known, truth)
    ).check
    assert not check.holds and check.p < 0.01 and check.distance > 0.1


def test_the_check_needs_rows_of_each_class():
    scores = np.tile([[0.5, 0.3, 0.2]], (50, 1))
    with pytest.raises(DataError, match="0 held-out rows of 'b'; .* needs 10 of each class"):
        label_shift(scores, [0.5, 0.3, 0.2], ("a", "b", "c"), HeldOut(scores, np.zeros(50, int)))


def test_many_rows_are_sampled(monkeypatch):
    monkeypatch.setattr(sys.modules[RowSample.__module__], "MAX_ROWS", 1000)
    rng = np.random.default_rng(3)
    sample = RowSample(3)
    for _ in range(7):
        sample.add(population(rng, 700, [0.2, 0.3, 0.5], SAME)[1])
    assert sample.rows == 4900 and sample.probabilities.shape == (1000, 3)
    assert len(np.unique(sample.probabilities, axis=0)) == 1000
