import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emoscope.probabilities import probabilities, temperature_scaled

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


def test_temperature_scaled_probabilities_equal_those_of_scaled_logits():
    logits = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32) * 5
    np.testing.assert_allclose(
        temperature_scaled(probabilities(logits, 0.8), 1.5), probabilities(logits, 1.2), atol=1e-5
    )


def test_temperature_scaled_sigmoids_equal_those_of_scaled_logits():
    logits = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32) * 3
    before, after = (probabilities(logits, temperature, multi_label=True) for temperature in (0.8, 1.2))
    np.testing.assert_allclose(temperature_scaled(before, 1.5, multi_label=True), after, atol=1e-5)
    np.testing.assert_array_equal(temperature_scaled(np.array([[0.0, 1.0]]), 1.5, multi_label=True), [[0, 1]])
