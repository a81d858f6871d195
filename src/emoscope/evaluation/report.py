"""The report of a classifier on labelled rows: quality, calibration, speed and memory, as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError, LabelError, ModelError
from emoscope.evaluation.intervals import bootstrap_intervals
from emoscope.evaluation.metrics import (
    averages,
    confusion_matrix,
    expected_calibration_error,
    per_label,
    reliability,
    row_losses,
)
from emoscope.evaluation.timing import Measurement, measure

if TYPE_CHECKING:
    from emoscope.classifier import Classifier
    from emoscope.data import Examples
    from emoscope.evaluation.keywords import Keywords

Report = dict[str, Any]
"""What `evaluate` returns: `json.dumps` writes it as it is, and it holds no NaN."""


def evaluate(
    classifier: Classifier, examples: Examples, *, model_name: str, keywords: Keywords | None = None
) -> Report:
    """Score labelled rows once and report quality, calibration, speed and memory of that pass.

    Args:
        classifier: its labels may stand in another order than the data's; they are matched by name.
        examples: the rows, one label each.
        model_name: what the report calls the classifier.
        keywords: ambiguous keywords of the data, found in other rows than these; with None,
            `ambiguity` is null.

    Returns:
        These keys, shares in [0, 1]:

        - `model`; `dataset` {name, split, rows, fingerprint}
        - `accuracy`; `precision_macro`, `_micro`, `_weighted`, and so for `recall` and `f1`
        - `loss`, in nats; `ece`, the expected calibration error over 15 bins
        - `per_label` {label: {precision, recall, f1, support}}
        - `confusion` {labels, matrix}, a row of the matrix for each true label
        - `intervals` {metric: {low, high}}, 95 %, bootstrap over the rows
        - `reliability` [{lower, upper, rows, confidence, accuracy}], the bins of `ece` that hold a row
        - `ambiguity`, null or {keywords, ceiling, rule_accuracy, decided, with_keyword, without_keyword}: the
          number of ambiguous keywords, `Keywords.ceiling`, the accuracy of the keywords alone, and {rows,
          accuracy} of the rows that an ambiguous keyword decides, that contain one, that contain none
        - `runtime_seconds`; `samples_per_second`; `memory`, in bytes: see `Measurement`
        - `trainer`, the same under the Hugging Face Trainer's names; its `test_f1` is the weighted one

    Raises:
        DataError: the data has no rows.
        LabelError: the classifier's labels are not the data's.
        ModelError: what the classifier returns are not probabilities.
    """
    if not len(examples):
        raise DataError(f"{examples.name} has no rows to evaluate on; name a file or split that has some")
    columns = _columns(classifier.labels, examples.labels.names)
    measurement = measure(classifier, examples.texts)
    _check_probabilities(measurement.probabilities, (len(examples), len(classifier.labels)))
    probabilities = measurement.probabilities[:, columns]
    quality = _quality(probabilities, examples.label_ids, examples.labels.names)
    return {
        "model": model_name,
        "dataset": _dataset(examples),
        **quality,
        "ambiguity": _ambiguity(keywords, examples, probabilities) if keywords is not None else None,
        "runtime_seconds": measurement.runtime_seconds,
        "samples_per_second": measurement.samples_per_second,
        "memory": measurement.memory,
        "trainer": _trainer(quality, measurement),
    }


def _columns(got: Sequence[str], wanted: Sequence[str]) -> list[int]:
    if set(got) != set(wanted):
        raise LabelError(
            f"the model's labels are {', '.join(got)}, but the data's are {', '.join(wanted)}; "
            "evaluate a model on data with its own labels"
        )
    return [got.index(name) for name in wanted]


def _check_probabilities(probabilities: NDArray[Any], shape: tuple[int, int]) -> None:
    if probabilities.shape != shape:
        raise ModelError(f"the model returned probabilities of shape {probabilities.shape}, expected {shape}")
    sums = probabilities.sum(1)
    if not (probabilities.min() >= 0 and np.all(np.abs(sums - 1) < 1e-3)):
        row = int(np.argmax(~(np.abs(sums - 1) < 1e-3) | ~(probabilities >= 0).all(1)))
        raise ModelError(
            f"the model's row {row} is {probabilities[row].tolist()}, not probabilities that sum to 1; "
            "only a model of one label a text can be evaluated here"
        )


def _dataset(examples: Examples) -> dict[str, Any]:
    return {
        "name": examples.name,
        "split": examples.split,
        "rows": len(examples),
        "fingerprint": examples.fingerprint,
    }


def _quality(probabilities: NDArray[Any], truth: NDArray[np.int64], labels: tuple[str, ...]) -> dict[str, Any]:
    confusion = confusion_matrix(truth, probabilities.argmax(1), len(labels))
    losses = row_losses(probabilities, truth)
    intervals = bootstrap_intervals(confusion, losses)
    return {
        **averages(confusion),
        "loss": float(losses.mean()),
        "ece": expected_calibration_error(probabilities, truth),
        "per_label": {name: asdict(row) for name, row in zip(labels, per_label(confusion), strict=True)},
        "confusion": {"labels": list(labels), "matrix": confusion.tolist()},
        "intervals": {name: interval._asdict() for name, interval in intervals.items()},
        "reliability": [asdict(group) for group in reliability(probabilities, truth)],
    }


def _ambiguity(keywords: Keywords, examples: Examples, probabilities: NDArray[Any]) -> dict[str, Any]:
    correct = probabilities.argmax(1) == examples.label_ids
    contains = keywords.contains(examples.texts)
    columns = _columns(keywords.labels, examples.labels.names)
    rule = keywords.predict_proba(examples.texts)[:, columns].argmax(1) == examples.label_ids
    return {
        "keywords": len(keywords.ambiguous),
        "ceiling": keywords.ceiling(examples.texts),
        "rule_accuracy": float(rule.mean()),
        "decided": _share(correct[keywords.decides(examples.texts)]),
        "with_keyword": _share(correct[contains]),
        "without_keyword": _share(correct[~contains]),
    }


def _share(correct: NDArray[np.bool_]) -> dict[str, Any]:
    return {"rows": len(correct), "accuracy": float(correct.mean()) if len(correct) else None}


def _trainer(quality: dict[str, Any], measurement: Measurement) -> dict[str, Any]:
    return {
        "test_accuracy": quality["accuracy"],
        "test_f1": quality["f1_weighted"],
        "test_loss": quality["loss"],
        "test_runtime": measurement.runtime_seconds,
        "test_samples_per_second": measurement.samples_per_second,
        **{f"test_{name}": value for name, value in measurement.memory.items()},
    }
