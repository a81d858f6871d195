"""Reports of emoscope 0.1 are read, and reports of today are readable by scripts written for 0.1."""

from __future__ import annotations

import json

from emoscope.calibration.card import section
from emoscope.calibration.old_keys import with_current_keys, with_old_keys

SPREAD = {"mean": 0.9, "standard_deviation": 0.01}
DATASET = {"name": "moods", "split": "validation", "rows": 40, "fingerprint": "ab12"}
OLD = {
    "dataset": DATASET,
    "rows": {"labels": 20, "several": 20},
    "temperature": {"before": 1.0, "after": 1.0},
    "loss": {"before": 0.5, "after": 0.5},
    "accuracy": 0.8,
    "aurc": 0.1,
    "abstention": [{"at_least": 0.5, "answered": 0.75, "accuracy": 0.9}],
    "label_sets": {
        "90": {
            "halves": 100,
            **dict.fromkeys(("coverage", "size", "empty", "several", "one_right"), SPREAD),
            "labels": {"labels": SPREAD, "several": SPREAD},
        }
    },
    "clearness": {
        "fitted_on": DATASET | {"neutral": 12, "emotional": 28},
        "measured_on": DATASET | {"neutral": 12, "emotional": 28},
        "auroc": {"distance": 0.9, "highest_probability": 0.8},
        "neutral_unclear": 0.7,
        "emotional_unclear": 0.3,
        "rows_unclear": 0.01,
    },
}
"""A record of 0.1 whose labels happen to be named like keys that have another name now."""


def test_a_record_of_0_1_gets_the_keys_of_today() -> None:
    record = with_current_keys(OLD)
    assert record["selective_prediction"] == [{"threshold": 0.5, "coverage": 0.75, "accuracy": 0.9}]
    assert record["prediction_sets"]["90"].keys() == {
        *("repeats", "coverage", "size", "empty", "multiple", "singleton_accuracy", "label_coverage")
    }
    assert record["prediction_sets"]["90"]["label_coverage"].keys() == record["rows"].keys() == {"labels", "several"}
    assert record["neutral"] is None, "the distance of 0.1 is gone"
    assert with_current_keys(record) == record


def test_a_record_of_0_1_makes_a_section_of_the_card() -> None:
    text = section(with_current_keys(OLD))
    assert "| 90 % | 0.900 ± 0.010 | 0.90 | 90.0% | 90.0% | labels 0.900, several 0.900 |" in text
    assert "| 0.5 | 75.0% | 0.900 |" in text


def test_a_printed_report_has_old_and_new_keys() -> None:
    old = {key: value for key, value in OLD.items() if key != "clearness"}
    printed = with_old_keys(with_current_keys(OLD))
    assert {key: printed[key] for key in old} == old
    assert {"prediction_sets", "selective_prediction", "neutral"} <= printed.keys()
    assert json.loads(json.dumps(printed, allow_nan=False)) == printed
