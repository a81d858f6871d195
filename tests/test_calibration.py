import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emoscope.calibration import fit_temperature, probabilities

LOGITS = hnp.arrays(np.float32, (5, 6), elements=st.floats(-60, 60, width=32))


@given(LOGITS, st.floats(0.1, 10))
def test_rows_are_distributions_and_keep_their_order(logits, temperature):
    rows = probabilities(logits, temperature)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    top = rows[np.arange(5), logits.argmax(axis=1)]
    np.testing.assert_array_equal(top, rows.max(axis=1))


@given(LOGITS)
def test_multi_label_is_the_sigmoid_of_each_entry(logits):
    rows = probabilities(logits, multi_label=True)
    np.testing.assert_allclose(rows, 1 / (1 + np.exp(-logits.astype(np.float64))), atol=1e-6)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_temperature_is_recovered_from_labels_drawn_with_it(true_temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40_000, 6)).astype(np.float32) * 3
    rows = probabilities(logits, true_temperature).astype(np.float64)
    label_ids = (rng.random((len(rows), 1)) > rows.cumsum(axis=1)).sum(axis=1).clip(0, 5)
    assert fit_temperature(logits, label_ids) == pytest.approx(true_temperature, rel=0.05)
