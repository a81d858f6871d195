"""`Calibration`: what is read from JSON, and what is rejected."""

import json

import numpy as np
import pytest

from emoscope.calibrated import UNCALIBRATED, Calibration, WrittenText
from emoscope.neutral import Neutral, NeutralDistance, log_odds
from emoscope.prediction_sets import PredictionSets
from emoscope.probabilities import probabilities

LOGITS = np.array([[1.0, -2.0, 0.5]], np.float32)
SETS, WRITTEN_SETS = PredictionSets({90: (0.6, 0.6, 0.6)}), PredictionSets({90: (0.2, 0.2, 0.2)})


@pytest.mark.parametrize(
    "calibration",
    [
        UNCALIBRATED,
        Calibration(0.5, (0.2, 0.5, 0.9)),
        Calibration(2.0, None, PredictionSets({90: (0.1, 0.2, 0.3)})),
        Calibration(2.0, written=WrittenText(1.4)),
        Calibration(2.0, None, SETS, written=WrittenText(1.4, WRITTEN_SETS)),
    ],
)
def test_json_is_read_as_it_was_written(calibration):
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json())), 3) == calibration


def test_the_neutral_output_is_not_a_label():
    fitted = Calibration(2.0, None, PredictionSets({90: (0.1, 0.2, 0.3)}), Neutral(0.8, -0.5))
    assert Calibration.from_json(json.loads(json.dumps(fitted.to_json())), 4) == fitted
    logits = np.array([[1.0, -2.0, 0.5, 3.0]], np.float32)
    np.testing.assert_array_equal(fitted.label_logits(logits), LOGITS)
    np.testing.assert_array_equal(fitted.probabilities(logits), probabilities(LOGITS, 2.0))
    both = fitted.probabilities_and_neutral(logits)
    assert both.dtype == np.float32 and both.shape == (1, 4)
    np.testing.assert_array_equal(both[:, :3], fitted.probabilities(logits))
    assert both[0, 3] == fitted.neutral.probability(log_odds(logits))[0]
    assert Calibration(2.0).probabilities_and_neutral(LOGITS).shape == (1, 3)


def test_a_distance_of_0_1_is_read():
    values = {"temperature": 1.0, "neutral": {"centre": [0.5, -0.5, 0.0], "threshold": 1.5}}
    fitted = Calibration.from_json(values, 3)
    assert fitted == Calibration(neutral=NeutralDistance((0.5, -0.5, 0.0), 1.5)) and not fitted.neutral_output
    rows = fitted.probabilities(LOGITS)
    expected = fitted.neutral.probability(rows)
    np.testing.assert_array_equal(fitted.probabilities_and_neutral(LOGITS), np.column_stack([rows, expected]))


def test_missing_keys_have_defaults_and_others_are_ignored():
    assert Calibration.from_json({"normalizer": "plain"}, 3) == UNCALIBRATED


@pytest.mark.parametrize(("thresholds", "multi_label"), [(None, False), ((0.5, 0.5, 0.5), True)])
def test_thresholds_make_a_model_multi_label(thresholds, multi_label):
    calibration = Calibration(0.5, thresholds)
    assert calibration.multi_label is multi_label
    expected = probabilities(LOGITS, 0.5, multi_label=multi_label)
    np.testing.assert_array_equal(calibration.probabilities(LOGITS), expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("temperature", value) for value in (0, -1.0, "warm", None, True, float("inf"), float("nan"))),
        *(("thresholds", value) for value in ([0.5], "0.5", [None] * 3, [0.5, 0.5, float("nan")])),
        *(("prediction_sets", value) for value in ([1], {}, {"ninety": [0.5] * 3}, {"90": [0.5]}, {"90": ["x"] * 3})),
        *(
            ("neutral", value)
            for value in ("far", {"scale": 1.0}, {"scale": 1.0, "bias": "x"}, {"scale": None, "bias": 0})
        ),
        *(("written", value) for value in (1.4, [], {"temperature_factor": 0}, {"prediction_sets": {"90": [0.5]}})),
    ],
)
def test_a_wrong_value_is_an_error_that_begins_with_its_key(key, value):
    with pytest.raises(ValueError, match=f"^{key}.* must"):
        Calibration.from_json({key: value}, 3)


def test_sets_of_written_texts_have_their_own_thresholds():
    rows = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], np.float32)
    written = np.array([False, True])
    both = Calibration(prediction_sets=SETS, written=WrittenText(prediction_sets=WRITTEN_SETS))
    assert both.label_sets(rows, 0.9, written).tolist() == [[False] * 3, [True, True, True]]
    assert (both.sets_for(False), both.sets_for(True)) == (SETS, WRITTEN_SETS)
    one = Calibration(prediction_sets=SETS)
    assert one.label_sets(rows, 0.9, written).tolist() == [[False] * 3] * 2 and one.sets_for(True) is SETS
    assert UNCALIBRATED.label_sets(rows, 0.9, written) is None
