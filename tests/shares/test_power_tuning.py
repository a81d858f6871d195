"""Tuned means equal the published formulas, and use of predictions never makes them less certain."""

import numpy as np
import pytest

from emoscope.shares.power_tuning import Design, Labelled, tuned_mean
from emoscope.shares.totals import Totals


def labelled(truth, predicted):
    return Labelled(truth, predicted, np.zeros((0, *truth.shape)), np.zeros((0, len(truth)), np.bool_))


def tuned(truth, predicted, every, design, tuning=None):
    """The means, and their variances and degrees of freedom."""
    totals = Totals(every.shape[1])
    totals.add(every.argmax(1), every)
    mean = tuned_mean(labelled(truth, predicted), totals.overall, design, EVERY, tuning)
    return mean, *design.variance(mean)


def ppi_mean(truth, predicted, unlabelled, tuning):
    """Estimate and variance of PPI++ (Angelopoulos, Duchi and Zrnic 2023), as `ppi_py.ppi_mean_ci` computes them."""
    rectifier = truth - tuning * predicted
    mean = (tuning * unlabelled).mean(0) + rectifier.mean(0)
    return mean, (tuning * unlabelled).var(0) / len(unlabelled), rectifier.var(0) / len(truth)


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    scores = rng.dirichlet(np.ones(4), 3000)
    truth = np.eye(4)[[rng.choice(4, p=p) for p in 0.8 * scores + 0.05]]
    return truth[:150], scores[:150], scores


def simple(count, total, finite=True):
    return Design(np.full(count, total / count), np.zeros(count, np.int64), finite)


EVERY = np.ones(150, np.bool_)


@pytest.mark.parametrize("tuning", [0.0, 0.3, 1.0])
def test_a_simple_random_sample_gets_the_formulas_of_ppi(rows, tuning):
    truth, predicted, every = rows
    found, variance, degrees = tuned(truth, predicted, every, simple(150, 3000, finite=False), np.full(4, tuning))
    mean, imputed, rectifier = ppi_mean(truth, predicted, every, tuning)
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(variance, imputed + rectifier * 150 / 149, rtol=0, atol=1e-12)
    np.testing.assert_allclose(degrees, 149)


def test_the_tuning_has_the_smallest_variance(rows):
    truth, predicted, every = rows
    for finite in (True, False):
        design = simple(150, 3000, finite)
        best, lowest, _ = tuned(truth, predicted, every, design)
        assert ((best.tuning > 0.1) & (best.tuning <= 1)).all()
        for other in (0.0, 0.5, 1.0):
            assert (lowest <= tuned(*rows, design, np.full(4, other))[1] + 1e-15).all()


def test_useless_predictions_leave_the_labels_alone(rows):
    truth, _, every = rows
    constant = np.full_like(every, 0.25)
    found, _, _ = tuned(truth, constant[:150], constant, simple(150, 3000), None)
    np.testing.assert_allclose(found.mean, truth.mean(0))
    np.testing.assert_allclose(found.tuning, 0)


def test_all_rows_labelled_leave_no_uncertainty(rows):
    truth, predicted, _ = rows
    found, variance, _ = tuned(truth, predicted, predicted, simple(150, 150), None)
    np.testing.assert_allclose(found.mean, truth.mean(0))
    np.testing.assert_allclose(variance, 0)


def test_strata_get_the_textbook_variance(rows):
    truth, predicted, every = rows
    strata, sizes = np.repeat([0, 1], [50, 100]), np.array([2000, 1000])
    design = Design((sizes / [50, 100])[strata], strata)
    found, variance, _ = tuned(truth, predicted, every, design, np.zeros(4))
    parts = [truth[strata == stratum] for stratum in (0, 1)]
    shares = sizes / 3000
    expected = sum(share * part.mean(0) for share, part in zip(shares, parts, strict=True))
    spread = sum(
        share**2 * (1 - len(part) / size) * part.var(0, ddof=1) / len(part)
        for share, part, size in zip(shares, parts, sizes, strict=True)
    )
    np.testing.assert_allclose(found.mean, expected)
    np.testing.assert_allclose(variance, spread)
