"""Calibrate a classifier on held-out rows: temperature, prediction sets, neutral texts, and a report on their quality.

Only a few numbers are fitted; the model does not change. `calibration.folder` writes the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.calibrated import Calibration
from emoscope.calibration.coverage import split_half_quality
from emoscope.calibration.fit import fit_neutral, fit_prediction_sets, fit_temperature
from emoscope.calibration.selective import aurc, risk_coverage_curve, selective_accuracy
from emoscope.errors import DataError, ModelError
from emoscope.evaluation.metrics import auroc, expected_calibration_error, log_loss, reliability
from emoscope.evaluation.report import check_probabilities, describe_dataset, label_columns
from emoscope.labels import Labels
from emoscope.neutral import Neutral
from emoscope.probabilities import log_probabilities, temperature_scaled
from emoscope.protocols import is_multi_label

if TYPE_CHECKING:
    from emoscope.classifier import EmotionClassifier
    from emoscope.data import Examples

NEUTRAL_LABELS = Labels(("neutral", "emotional"))
"""Labels of the texts from which neutral texts are learned."""
COVERAGES = (80, 90, 95, 97)
"""Coverages of prediction sets in the report, in percent."""
REPEATS = 100
"""Random half splits on which prediction sets are measured."""
CURVE_POINTS = 200
DISTANCE_BINS = 40


@dataclass(frozen=True)
class CalibrationResult:
    """What was fitted, and how good it is.

    Attributes:
        calibration: the new calibration of the classifier.
        report: plain JSON with these keys, shares in [0, 1]:

            - `model`; `dataset` {name, split, rows, fingerprint}; `rows`, the number of rows of each label
            - `temperature`, `loss` (nats) and `ece`, each {before, after}; `accuracy`
            - `aurc`; `selective_prediction`, from `selective_accuracy`
            - `prediction_sets` {coverage in percent: {repeats, ...}}, from `split_half_quality`; `label_coverage` by
              label name
            - `neutral`, None or {fitted_on, measured_on, auroc {distance, max_probability}, predicted_neutral}: the
              two sets of texts, the AUROC with which the distance and the highest probability separate the texts of
              the second, and the shares {neutral, emotional, data} that are predicted neutral among the neutral texts,
              the emotional texts and the labelled rows
            - `curves` {reliability, risk_coverage, distances}, which only the plots need
    """

    calibration: Calibration
    report: dict[str, Any]


def calibrate(
    classifier: EmotionClassifier,
    examples: Examples,
    *,
    model_name: str,
    keep_temperature: bool = False,
    neutral_data: Mapping[str, Examples] | None = None,
) -> CalibrationResult:
    """Fit temperature, prediction sets and, with `neutral_data`, neutral texts.

    Args:
        classifier: a single-label classifier. If it detects neutral texts already, it keeps doing so, unless
            `neutral_data` is given.
        examples: rows that the classifier was not trained on, some of every label; the order of the labels may differ
            from the classifier's.
        model_name: name of the classifier in the report.
        keep_temperature: do not fit the temperature. Nor is it fitted if the classifier is right on every row, as the
            loss then has no minimum.
        neutral_data: splits of texts labelled as in NEUTRAL_LABELS. Fitted on "train" (or the first split), measured
            on another split if there is one.

    Raises:
        DataError: a label has no row, or the neutral data lacks neutral or emotional texts.
        LabelError: the classifier's labels differ from the data's.
        ModelError: the classifier is multi-label, or returned something other than probabilities.
    """
    require_single_label(classifier)
    columns = np.array(label_columns(classifier.labels, examples.labels.names))
    truth = columns[examples.label_ids]
    before = _score(classifier, examples)
    fixed = keep_temperature or bool((before.argmax(axis=1) == truth).all())
    ratio = 1.0 if fixed else fit_temperature(log_probabilities(before), truth)
    after = temperature_scaled(before, ratio) if ratio != 1 else before
    neutral, neutral_report, distances = classifier.calibration.neutral, None, None
    if neutral_data:
        neutral, neutral_report, distances = _fit_neutral(classifier, neutral_data)
        neutral_report["predicted_neutral"]["data"] = float(neutral.is_neutral(before).mean())
    temperature = classifier.calibration.temperature
    fitted = replace(
        classifier.calibration,
        temperature=temperature * ratio,
        prediction_sets=fit_prediction_sets(after, truth, classifier.labels),
        neutral=neutral and neutral.at_temperature(ratio),
    )
    report = {
        "model": model_name,
        "dataset": describe_dataset(examples),
        "rows": dict(zip(classifier.labels, np.bincount(truth, minlength=len(columns)).tolist(), strict=True)),
        "temperature": {"before": temperature, "after": fitted.temperature},
        **_quality(before, after, truth),
        "prediction_sets": {str(percent): _set_quality(classifier, after, truth, percent) for percent in COVERAGES},
        "neutral": neutral_report,
        "curves": _curves(before, after, truth) | {"distances": distances},
    }
    return CalibrationResult(fitted, report)


def require_single_label(classifier: EmotionClassifier) -> None:
    """Reject a multi-label classifier.

    Raises:
        ModelError: the classifier is multi-label.
    """
    if is_multi_label(classifier):
        raise ModelError(
            "the model is multi-label; each of its labels has its own threshold, which training tuned; "
            "calibrate a model that gives one label a text"
        )


def _score(classifier: EmotionClassifier, examples: Examples) -> NDArray[np.float32]:
    rows = classifier.predict_proba(examples.texts)
    check_probabilities(rows, (len(examples), len(classifier.labels)), multi_label=False)
    return rows


def _quality(before: NDArray[Any], after: NDArray[Any], truth: NDArray[np.int64]) -> dict[str, Any]:
    """Loss and calibration error before and after; accuracy and selective prediction after."""
    confidence, correct = after.max(axis=1), after.argmax(axis=1) == truth
    both = {"before": before, "after": after}
    return {
        "loss": {when: log_loss(rows, truth) for when, rows in both.items()},
        "ece": {when: expected_calibration_error(rows, truth) for when, rows in both.items()},
        "accuracy": float(correct.mean()),
        "aurc": aurc(confidence, correct),
        "selective_prediction": selective_accuracy(confidence, correct),
    }


def _set_quality(
    classifier: EmotionClassifier, rows: NDArray[Any], truth: NDArray[np.int64], percent: int
) -> dict[str, Any]:
    """Quality of the prediction sets of one coverage, the coverage of each label by its name."""
    quality = split_half_quality(rows, truth, percent, repeats=REPEATS)
    label_coverage = dict(zip(classifier.labels, quality["label_coverage"], strict=True))
    return {"repeats": REPEATS, **quality, "label_coverage": label_coverage}


def _fit_neutral(
    classifier: EmotionClassifier, splits: Mapping[str, Examples]
) -> tuple[Neutral, dict[str, Any], dict[str, Any]]:
    """The fit on one split, its report (on another split if there is one), and a histogram of the distances."""
    names = sorted(splits, key=lambda name: name != "train")
    fitted_on, measured_on = splits[names[0]], splits[names[min(1, len(names) - 1)]]
    fitted = fit_neutral(*_neutral_and_emotional(classifier, fitted_on))
    neutral, emotional = _neutral_and_emotional(classifier, measured_on)
    distances = {"neutral": fitted.distances(neutral), "emotional": fitted.distances(emotional)}
    report = {
        "fitted_on": _described(fitted_on),
        "measured_on": _described(measured_on),
        "auroc": {
            "distance": auroc(distances["emotional"], distances["neutral"]),
            "max_probability": auroc(emotional.max(axis=1), neutral.max(axis=1)),
        },
        "predicted_neutral": {name: float((far < fitted.threshold).mean()) for name, far in distances.items()},
    }
    return fitted, report, _histogram(distances) | {"threshold": fitted.threshold}


def _neutral_and_emotional(
    classifier: EmotionClassifier, examples: Examples
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities of the neutral texts, and of the emotional texts."""
    neutral = examples.label_ids == NEUTRAL_LABELS.index("neutral")
    if neutral.all() or not neutral.any():
        only = NEUTRAL_LABELS.names[0 if neutral.all() else 1]
        raise DataError(
            f"{examples.name} has only {only} texts; give texts of both labels, {' and '.join(NEUTRAL_LABELS.names)}"
        )
    rows = _score(classifier, examples)
    return rows[neutral], rows[~neutral]


def _described(examples: Examples) -> dict[str, Any]:
    counts = np.bincount(examples.label_ids, minlength=len(NEUTRAL_LABELS)).tolist()
    return describe_dataset(examples) | dict(zip(NEUTRAL_LABELS.names, counts, strict=True))


def _histogram(distances: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    edges = np.histogram_bin_edges(np.concatenate(list(distances.values())), DISTANCE_BINS)
    counts = {name: np.histogram(values, edges)[0].tolist() for name, values in distances.items()}
    return {"edges": edges.tolist(), **counts}


def _curves(before: NDArray[Any], after: NDArray[Any], truth: NDArray[np.int64]) -> dict[str, Any]:
    """Bins of the reliability diagrams, and evenly spaced points of the risk-coverage curve."""
    risk = risk_coverage_curve(after.max(axis=1), after.argmax(axis=1) == truth)
    points = np.unique(np.linspace(1, len(risk), CURVE_POINTS).round().astype(int))
    return {
        "reliability": {
            when: [asdict(group) for group in reliability(rows, truth)]
            for when, rows in (("before", before), ("after", after))
        },
        "risk_coverage": {"coverage": (points / len(risk)).tolist(), "risk": risk[points - 1].tolist()},
    }
