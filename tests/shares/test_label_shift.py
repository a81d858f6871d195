"""Shares without labels are right under label shift."""

import numpy as np
import pytest

from emoscope.errors import DataError
from emoscope.shares import label_shift


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
