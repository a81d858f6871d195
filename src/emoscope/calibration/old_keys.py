"""Keys of calibration reports of emoscope 0.1: they are read, and for one release printed beside the current ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PARTS = {"abstention": "selective_prediction", "label_sets": "prediction_sets"}
"""Key of 0.1 -> current key, at the top of a report. `clearness`, about a distance that is gone, has none."""
INNER = {
    "at_least": "threshold",
    "answered": "coverage",
    "halves": "repeats",
    "several": "multiple",
    "one_right": "singleton_accuracy",
    "labels": "label_coverage",
    "highest_probability": "max_probability",
}
"""Key of 0.1 -> current key, at any depth below."""
KEYED_BY_LABEL = ("rows", "labels", "label_coverage")
"""Old and current keys whose values have label names as keys."""


def with_current_keys(report: Mapping[str, Any]) -> dict[str, Any]:
    """A calibration report, or its record in `emoscope.json`, with the current keys, whichever version wrote it."""
    current: dict[str, Any] = {PARTS.get(key, key): value for key, value in _rename(report, INNER).items()}
    current.pop("clearness", None)
    return {"neutral": None, **current}


def with_old_keys(report: Mapping[str, Any]) -> dict[str, Any]:
    """A calibration report with the current keys, and with the renamed parts under their keys of 0.1 as well."""
    inner = {new: old for old, new in INNER.items() if new != "coverage"}
    old: dict[str, Any] = {key: _rename(report[new], inner) for key, new in PARTS.items()}
    for point in old["abstention"]:
        point["answered"] = point.pop("coverage")
    if curves := report.get("curves"):
        curve = curves["risk_coverage"]
        old["curves"] = {**curves, "risk_coverage": {**curve, "answered": curve["coverage"]}, "distances": None}
    return {**report, **old, "clearness": None}


def _rename(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_rename(item, names) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {names.get(key, key): item if key in KEYED_BY_LABEL else _rename(item, names) for key, item in value.items()}
