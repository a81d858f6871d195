"""Coefficients of agreement equal published ones, and count rows by their weight."""

import numpy as np
import pytest

from emoscope.shares.labellers import agreement

# Krippendorff, "Computing Krippendorff's alpha-reliability", 2011, section C: 4 observers, 12 units; 0 for no value
UNITS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]


def test_alpha_of_the_published_example():
    choices = np.array(UNITS).T - 1
    found = agreement(choices, 5, np.ones(12))
    assert found.alpha.value == pytest.approx(0.743, abs=5e-4)
    assert (found.labellers, found.rows, len(found.kappa)) == (4, 11, 6)
    low, high = found.alpha.interval
    assert 0.3 < low < 0.743 < high <= 1


def test_kappa_equals_scikit_learn_also_with_weights():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    one = rng.choice(4, 200, p=[0.5, 0.3, 0.1, 0.1])
    other = np.where(rng.random(200) < 0.7, one, rng.choice(4, 200))
    for weights in (np.ones(200), rng.uniform(1, 20, 200)):
        found = agreement(np.stack([one, other], 1), 4, weights)
        assert found.kappa[0].value == pytest.approx(metrics.cohen_kappa_score(one, other, sample_weight=weights))
        low, high = found.kappa[0].interval
        assert low < found.kappa[0].value < high
        assert found.agreed == pytest.approx(np.average(one == other, weights=weights))


@pytest.mark.parametrize("choices", [np.zeros((30, 2), int), np.full((30, 2), [1, -1])])
def test_agreement_that_is_not_defined(choices):
    found = agreement(choices, 3, np.ones(30))
    assert found.alpha.value is None and found.kappa[0].interval is None
