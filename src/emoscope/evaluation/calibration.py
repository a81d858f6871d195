"""Calibration of a classifier on rows that it was not trained on: temperature, sets of labels, clearness, and a report.

What is fitted are few numbers, and nothing of the model changes. `calibrated_folder` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError, ModelError
from emoscope.evaluation.certainty import abstention, aurc, auroc, on_halves, risk_coverage
from emoscope.evaluation.metrics import expected_calibration_error, log_loss, reliability
from emoscope.evaluation.report import check_probabilities, describe_dataset, label_columns
from emoscope.labels import Labels
from emoscope.neutral import Neutral, fit_neutral
from emoscope.prediction_sets import PredictionSets, fit_prediction_sets
from emoscope.probabilities import LEAST, fit_temperature, temperature_scaled

if TYPE_CHECKING:
    from emoscope.classifier import EmotionClassifier
    from emoscope.data import Examples

KINDS = Labels(("neutral", "emotional"))
"""Labels of the rows that clearness is fitted on."""
COVERAGES = (80, 90, 95, 97)
"""Coverages that the report measures, in percent."""
HALVES = 100
CURVE_POINTS = 200
DISTANCE_BINS = 40


@dataclass(frozen=True)
class Calibration:
    """What was fitted.

    Attributes:
        temperature: the logits are to be divided by it.
        prediction_sets: thresholds for sets of labels.
        neutral: what tells texts without a clear emotion, at this temperature; None if it is not known.
        report: plain JSON. `model`; `dataset`; `rows` of each label; `temperature`, `loss` and `ece`, each `before` and
            `after`; `accuracy`; `aurc`; `abstention`, from `certainty.abstention`; `prediction_sets`, by coverage in
            percent what `certainty.on_halves` gives, its labels named; `clearness`, null or the two sets of
            texts, and of the second one AUROC and shares of unclear texts; `curves`, what plots need besides.
    """

    temperature: float
    prediction_sets: PredictionSets
    neutral: Neutral | None
    report: dict[str, Any]


def calibrate(
    classifier: EmotionClassifier,
    examples: Examples,
    *,
    model_name: str,
    temperature: float,
    keep_temperature: bool = False,
    neutral: Neutral | None = None,
    clear_from: Mapping[str, Examples] | None = None,
) -> Calibration:
    """Fit on held-out rows.

    Args:
        classifier: one that gives one label a text.
        examples: rows that it was not trained on, some of every label; labels may stand in another order.
        model_name: what the report calls the classifier.
        temperature: that it has.
        keep_temperature: fit the rest alone. It stays too where every row is right: the sharpest has the least loss.
        neutral: that it has, if any; it stays, brought to the new temperature, unless `clear_from` is given.
        clear_from: splits of texts labelled as KINDS has it. Of several, "train" (or the first) is fitted on, and
            another measured on.

    Raises:
        DataError: a label has no row, or only one kind of text is there.
        LabelError: the classifier's labels are not the data's.
        ModelError: a multi-label model, or what it returns are not probabilities.
    """
    check_one_label(classifier)
    columns = np.array(label_columns(classifier.labels, examples.labels.names))
    truth = columns[examples.label_ids]
    before = _scored(classifier, examples)
    fixed = keep_temperature or bool((before.argmax(axis=1) == truth).all())
    ratio = 1.0 if fixed else fit_temperature(np.log(np.maximum(before, LEAST)), truth)
    after = temperature_scaled(before, ratio) if ratio != 1 else before
    prediction_sets = fit_prediction_sets(after, truth, classifier.labels)
    clear = distances = None
    if clear_from:
        neutral, clear, distances = _clearness(classifier, clear_from)
        clear["rows_unclear"] = float((~neutral.clear(before)).mean())
    report = {
        "model": model_name,
        "dataset": describe_dataset(examples),
        "rows": dict(zip(classifier.labels, np.bincount(truth, minlength=len(columns)).tolist(), strict=True)),
        "temperature": {"before": temperature, "after": temperature * ratio},
        **_certainty(before, after, truth),
        "prediction_sets": {str(percent): _measured(classifier.labels, after, truth, percent) for percent in COVERAGES},
        "clearness": clear,
        "curves": _curves(before, after, truth) | {"distances": distances},
    }
    return Calibration(temperature * ratio, prediction_sets, neutral and neutral.at_temperature(ratio), report)


def check_one_label(classifier: EmotionClassifier) -> None:
    """Refuse a multi-label model.

    Raises:
        ModelError: says what there is for one.
    """
    if classifier.multi_label:
        raise ModelError(
            "the model gives a text any number of labels, each from its own threshold, which training tuned; "
            "calibrate a model that gives one label a text"
        )


def _scored(classifier: EmotionClassifier, examples: Examples) -> NDArray[np.float32]:
    rows = classifier.predict_proba(examples.texts)
    check_probabilities(rows, (len(examples), len(classifier.labels)), multi_label=False)
    return rows


def _certainty(before: NDArray[Any], after: NDArray[Any], truth: NDArray[np.int64]) -> dict[str, Any]:
    """What there is to say of the probabilities of labelled rows, at the temperature before and after."""
    confidence, correct = after.max(axis=1), after.argmax(axis=1) == truth
    both = {"before": before, "after": after}
    return {
        "loss": {when: log_loss(rows, truth) for when, rows in both.items()},
        "ece": {when: expected_calibration_error(rows, truth) for when, rows in both.items()},
        "accuracy": float(correct.mean()),
        "aurc": aurc(confidence, correct),
        "abstention": abstention(confidence, correct),
    }


def _measured(labels: tuple[str, ...], rows: NDArray[Any], truth: NDArray[np.int64], percent: int) -> dict[str, Any]:
    """What sets of labels are worth on rows not fitted on, the coverages of the labels by name."""
    quality = on_halves(rows, truth, percent, halves=HALVES)
    return {"halves": HALVES, **quality, "labels": dict(zip(labels, quality["labels"], strict=True))}


def _clearness(
    classifier: EmotionClassifier, splits: Mapping[str, Examples]
) -> tuple[Neutral, dict[str, Any], dict[str, Any]]:
    """Fitted on one split, measured on another if there is one; the record, and a histogram of the distances."""
    names = sorted(splits, key=lambda name: name != "train")
    fitted_on, measured_on = splits[names[0]], splits[names[min(1, len(names) - 1)]]
    fitted = fit_neutral(*_kinds(classifier, fitted_on))
    neutral, emotional = _kinds(classifier, measured_on)
    distances = {name: fitted.distances(rows) for name, rows in (("neutral", neutral), ("emotional", emotional))}
    record = {
        "fitted_on": _described(fitted_on),
        "measured_on": _described(measured_on),
        "auroc": {
            "distance": auroc(distances["emotional"], distances["neutral"]),
            "highest_probability": auroc(emotional.max(axis=1), neutral.max(axis=1)),
        },
        "neutral_unclear": float((distances["neutral"] < fitted.threshold).mean()),
        "emotional_unclear": float((distances["emotional"] < fitted.threshold).mean()),
    }
    return fitted, record, _histogram(distances) | {"threshold": fitted.threshold}


def _kinds(classifier: EmotionClassifier, examples: Examples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities of the neutral and of the emotional texts."""
    neutral = examples.label_ids == KINDS.index("neutral")
    if neutral.all() or not neutral.any():
        kind = KINDS.names[0 if neutral.all() else 1]
        raise DataError(
            f"{examples.name} has {kind} texts alone; to tell them apart both kinds are needed, {KINDS.names}"
        )
    rows = _scored(classifier, examples)
    return rows[neutral], rows[~neutral]


def _described(examples: Examples) -> dict[str, Any]:
    counts = np.bincount(examples.label_ids, minlength=len(KINDS)).tolist()
    return describe_dataset(examples) | dict(zip(KINDS.names, counts, strict=True))


def _histogram(distances: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    edges = np.histogram_bin_edges(np.concatenate(list(distances.values())), DISTANCE_BINS)
    counts = {name: np.histogram(values, edges)[0].tolist() for name, values in distances.items()}
    return {"edges": edges.tolist(), **counts}


def _curves(before: NDArray[Any], after: NDArray[Any], truth: NDArray[np.int64]) -> dict[str, Any]:
    """Bins of the reliability diagrams, and points of the risk-coverage curve, evenly spaced."""
    risk = risk_coverage(after.max(axis=1), after.argmax(axis=1) == truth)
    points = np.unique(np.linspace(1, len(risk), CURVE_POINTS).round().astype(int))
    return {
        "reliability": {
            when: [asdict(group) for group in reliability(rows, truth)]
            for when, rows in (("before", before), ("after", after))
        },
        "risk_coverage": {"answered": (points / len(risk)).tolist(), "risk": risk[points - 1].tolist()},
    }
