"""Calibrate a multi-label classifier on held-out rows: temperature, the threshold of each label, and their quality.

Only these numbers are fitted; the model does not change. `calibration.folder` writes them.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.calibrated import Calibration
from emoscope.calibration.coverage import half_splits, mean_and_deviation
from emoscope.calibration.fit import fit_multi_label_temperature, tune_thresholds
from emoscope.calibration.report import REPEATS, CalibrationResult, require_rows
from emoscope.errors import DataError
from emoscope.evaluation.metrics import (
    expected_calibration_error,
    indicator_counts,
    label_scores,
    log_loss,
    macro,
    reliability,
)
from emoscope.evaluation.report import describe_dataset, label_columns
from emoscope.probabilities import temperature_scaled

if TYPE_CHECKING:
    from emoscope.classifier import EmotionClassifier
    from emoscope.data import Examples

TIMES = ("before", "after")


def calibrate_multi_label(
    classifier: EmotionClassifier, examples: Examples, *, model_name: str, keep_temperature: bool = False
) -> CalibrationResult:
    """Fit the temperature and the threshold of each label.

    A text of several windows counts with the weighted mean of their logits.

    Args:
        classifier: a multi-label classifier.
        examples: multi-label rows that the classifier was not trained on; the order of the labels may differ from the
            classifier's. A label that no row has keeps its threshold, which follows the temperature.
        model_name: name of the classifier in the report.
        keep_temperature: do not fit the temperature. Nor is it fitted if every label of every row is right at a
            probability of 0.5, as the loss then has no minimum.

    Returns:
        The calibration, and a report of plain JSON with these keys:

        - `model`; `dataset` {name, split, rows, fingerprint}; `rows`, the number of rows of each label
        - `temperature`, `loss` (binary cross-entropy in nats) and `ece`, each {before, after}, on all rows
        - `thresholds` {label: {before, after}}
        - `half_splits`: fitted on one half of the rows and measured on the other, `repeats` times
        - in it, `f1_macro`, `loss`, `ece` {before, after}, `label_f1` {label: {before, after}}, each with mean and
            standard_deviation
        - `curves` {reliability}, which only the plots need

    Raises:
        DataError: there are fewer than two rows, or no row has a label.
        LabelError: the classifier's labels differ from the data's.
        ModelError: the classifier gives one label a text.
    """
    require_rows(classifier, examples, multi_label=True)
    truth = _indicators(examples, classifier.labels)
    logits, before = classifier.predict_logits(examples.texts), classifier.calibration
    fitted = _fit(before, logits, truth, keep_temperature=keep_temperature)
    both = dict(zip(TIMES, (before, fitted), strict=True))
    rows = {time: calibration.probabilities(logits) for time, calibration in both.items()}
    thresholds = zip(*(calibration.thresholds or () for calibration in both.values()), strict=True)
    report = {
        "model": model_name,
        "dataset": describe_dataset(examples),
        "rows": dict(zip(classifier.labels, truth.sum(axis=0).tolist(), strict=True)),
        "temperature": {time: calibration.temperature for time, calibration in both.items()},
        "loss": {time: log_loss(values, truth) for time, values in rows.items()},
        "ece": {time: expected_calibration_error(values, truth) for time, values in rows.items()},
        "thresholds": {
            label: dict(zip(TIMES, pair, strict=True))
            for label, pair in zip(classifier.labels, thresholds, strict=True)
        },
        "half_splits": _half_split_quality(classifier, logits, truth, keep_temperature=keep_temperature),
        "curves": {
            "reliability": {
                time: [asdict(group) for group in reliability(values, truth)] for time, values in rows.items()
            }
        },
    }
    return CalibrationResult(fitted, report)


def _indicators(examples: Examples, labels: tuple[str, ...]) -> NDArray[np.bool_]:
    """Which labels each row has, bool (rows, labels), in the classifier's order."""
    columns = label_columns(labels, examples.labels.names)
    if len(examples) < 2 or not examples.label_ids.any():
        found = "no row with a label" if len(examples) > 1 else "fewer than two rows"
        raise DataError(f"{examples.name} has {found}; give held-out rows, some of every label")
    truth = np.empty_like(examples.label_ids)
    truth[:, columns] = examples.label_ids
    return truth


def _fit(
    before: Calibration, logits: NDArray[np.float32], truth: NDArray[np.bool_], *, keep_temperature: bool
) -> Calibration:
    """The calibration with temperature and thresholds fitted on these rows."""
    fixed = keep_temperature or bool(((logits > 0) == truth).all())
    after = before if fixed else replace(before, temperature=fit_multi_label_temperature(logits, truth))
    kept = np.array(before.thresholds)
    if not fixed:
        kept = temperature_scaled(kept, after.temperature / before.temperature, multi_label=True)
    tuned = tune_thresholds(after.probabilities(logits), truth)
    return replace(after, thresholds=tuple(np.where(truth.any(axis=0), tuned, kept).tolist()))


def _half_split_quality(
    classifier: EmotionClassifier, logits: NDArray[np.float32], truth: NDArray[np.bool_], *, keep_temperature: bool
) -> dict[str, Any]:
    """The value of `half_splits` in the report."""
    before, measured = classifier.calibration, []
    for first, second in half_splits(len(truth), repeats=REPEATS):
        fitted = _fit(before, logits[first], truth[first], keep_temperature=keep_temperature)
        measured.append([_measure(each, logits[second], truth[second]) for each in (before, fitted)])
    quality: dict[str, Any] = {
        key: {
            time: mean_and_deviation(np.array([halves[at][key] for halves in measured]))
            for at, time in enumerate(TIMES)
        }
        for key in measured[0][0]
    }
    by_label = zip(*(quality["label_f1"][time] for time in TIMES), strict=True)
    label_f1 = {
        label: dict(zip(TIMES, pair, strict=True)) for label, pair in zip(classifier.labels, by_label, strict=True)
    }
    return {"repeats": REPEATS, **quality, "label_f1": label_f1}


def _measure(calibration: Calibration, logits: NDArray[np.float32], truth: NDArray[np.bool_]) -> dict[str, Any]:
    """Quality on these rows; the F1 of a label that none of them has is NaN, and counts as 0 in the macro average."""
    rows = calibration.probabilities(logits)
    counts = indicator_counts(truth, rows >= np.array(calibration.thresholds))
    f1 = label_scores(counts)["f1"]
    return {
        "f1_macro": float(macro(f1, counts)),
        "label_f1": np.where(truth.any(axis=0), f1, np.nan),
        "loss": log_loss(rows, truth),
        "ece": expected_calibration_error(rows, truth),
    }
