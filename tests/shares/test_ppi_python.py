"""Estimates and intervals equal those of ppi-python (https://pypi.org/project/ppi-python), where both apply.

Both apply to the mean of rows that are a random sample, with the normal interval. ppi-python divides the sum of squared
deviations of n labels by n, and emoscope by n - 1; the test takes that into account.

The reference values are in ppi_python.json; `python tests/shares/test_ppi_python.py` writes them. Where ppi-python is
installed, they are computed anew.
"""

import json
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from emoscope.shares.power_tuning import Design, Labelled, tuned_mean
from emoscope.shares.totals import Totals

FILE = Path(__file__).with_name("ppi_python.json")
LABELS, ROWS, CLASSES = 150, 3000, 4
TUNINGS = (0.0, 0.35, 1.0)
ALPHA = 0.05


def rows():
    """Truth (labels, classes), predictions for the labelled rows and for all rows, and weights of the labels."""
    rng = np.random.default_rng(3)
    scores = rng.dirichlet(np.ones(CLASSES), ROWS)
    truth = np.eye(CLASSES)[[rng.choice(CLASSES, p=p) for p in 0.8 * scores[:LABELS] + 0.05]]
    return truth, scores[:LABELS], scores, rng.uniform(5, 40, LABELS)


def reference():
    """What ppi-python computes."""
    import ppi_py

    truth, predicted, every, weights = rows()
    found = {}
    for tuning in TUNINGS:
        low, high = ppi_py.ppi_mean_ci(truth, predicted, every, alpha=ALPHA, lam=tuning)
        weighted = ppi_py.ppi_mean_pointestimate(truth, predicted, every, lam=tuning, w=weights)
        found[str(tuning)] = {
            "estimate": ppi_py.ppi_mean_pointestimate(truth, predicted, every, lam=tuning).tolist(),
            "low": np.ravel(low).tolist(),
            "high": np.ravel(high).tolist(),
            "weighted_estimate": weighted.tolist(),
        }
    return found


def ours(weights, tuning):
    truth, predicted, every, _ = rows()
    totals = Totals(CLASSES)
    totals.add(every.argmax(1), every)
    labelled = Labelled(truth, predicted, np.zeros((0, *truth.shape)), np.zeros((0, LABELS), np.bool_))
    design = Design(weights, np.zeros(LABELS, np.int64), finite=False)
    mean = tuned_mean(labelled, totals.overall, design, np.ones(LABELS, np.bool_), np.full(CLASSES, tuning))
    return mean, (design.variance(mean).value - mean.scored) * (LABELS - 1) / LABELS + mean.scored


@pytest.fixture(params=["stored", "computed"])
def expected(request):
    if request.param == "computed":
        pytest.importorskip("ppi_py")
        return reference()
    return json.loads(FILE.read_text("utf-8"))["values"]


@pytest.mark.parametrize("tuning", TUNINGS)
def test_estimate_and_interval_are_equal(expected, tuning):
    found, variance = ours(np.full(LABELS, ROWS / LABELS), tuning)
    arm = NormalDist().inv_cdf(1 - ALPHA / 2) * np.sqrt(variance)
    wanted = expected[str(tuning)]
    np.testing.assert_allclose(found.mean, wanted["estimate"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.mean - arm, wanted["low"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.mean + arm, wanted["high"], rtol=0, atol=1e-9)
    weighted, _ = ours(rows()[3], tuning)
    np.testing.assert_allclose(weighted.mean, wanted["weighted_estimate"], rtol=0, atol=1e-9)


if __name__ == "__main__":
    from importlib.metadata import version

    record = {"made_with": f"ppi-python {version('ppi-python')}", "values": reference()}
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
