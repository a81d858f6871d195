"""Evaluate a classifier on labelled rows: quality, calibration, speed and memory, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError, LabelError, ModelError
from emoscope.evaluation.intervals import bootstrap_intervals, multi_label_intervals
from emoscope.evaluation.metrics import (
    averages,
    confusion_counts,
    confusion_matrix,
    expected_calibration_error,
    indicator_counts,
    per_label,
    reliability,
    row_losses,
)
from emoscope.evaluation.notebook import report_html
from emoscope.evaluation.slices import Slices, measure_slices
from emoscope.evaluation.timing import Measurement, measure
from emoscope.protocols import Classifier, is_multi_label

if TYPE_CHECKING:
    from emoscope.data import Examples
    from emoscope.evaluation.keywords import Keywords


class EvaluationReport(dict[str, Any]):
    """The report of `evaluate`, a dictionary with these keys; shares are in [0, 1].

    - `model`; `dataset` {name, split, rows, fingerprint}, and `skipped` {label: rows} if rows of other labels were
      skipped
    - `accuracy`; `precision_macro`, `_micro`, `_weighted`, and the same for `recall` and `f1`
    - `loss`, in nats; `ece`, the expected calibration error over 15 bins
    - `per_label` {label: {precision, recall, f1, support}}
    - `thresholds`, {label: threshold} for multi-label rows, else null
    - `confusion` {labels, matrix}, with a row of the matrix for each true label; null for multi-label rows
    - `intervals` {metric: {low, high}}, 95 % bootstrap intervals over the rows; Wilson's for an accuracy of 0 or 1
    - `reliability` [{lower, upper, rows, confidence, accuracy}], the bins of `ece` that contain a row
    - `ambiguity`, null or {keywords, ceiling, rule_accuracy, decided, with_keyword, without_keyword}: the number of
      ambiguous keywords, `Keywords.ceiling`, the accuracy of the keywords as a classifier, and {rows, accuracy} of the
      rows that an ambiguous keyword decides, that contain one, and that contain none
    - `slices`, null or the list of `measure_slices`
    - `runtime_seconds`; `samples_per_second`; `memory`, in bytes: see `Measurement`
    - `trainer`, some of these figures under the names of the Hugging Face Trainer; its `test_f1` is the weighted F1

    For multi-label rows, `accuracy` is the share of rows with every label right, `loss` the mean binary cross-entropy
    over all entries (a row with a label), and `ece` and `reliability` are over entries.
    """

    def _repr_html_(self) -> str:
        """For notebooks."""
        return report_html(self)


def evaluate(
    classifier: Classifier,
    examples: Examples,
    *,
    model_name: str,
    keywords: Keywords | None = None,
    thresholds: Sequence[float] | None = None,
    slices: Slices | None = None,
) -> EvaluationReport:
    """Score labelled rows once, and report quality, calibration, speed and memory of that pass.

    Args:
        classifier: any classifier with the data's labels, in any order.
        examples: single-label or multi-label rows.
        model_name: name of the classifier in the report.
        keywords: ambiguous keywords of the data set, found in other rows; without them, and for multi-label rows,
            `ambiguity` is null.
        thresholds: for multi-label rows, the probability from which a label is predicted, one for each label in the
            classifier's order; None for 0.5 each.
        slices: for each way to slice the rows, the slice of every row; see `slice_texts`.

    Returns:
        The report; `json.dumps` accepts it, and it contains no NaN.

    Raises:
        DataError: the data has no rows.
        LabelError: the classifier's labels differ from the data's, or there is not one threshold for each.
        ModelError: the classifier is multi-label and the data is not, or the reverse; or it returned something other
            than probabilities.
    """
    if not len(examples):
        raise DataError(f"{examples.name} has no rows to evaluate on; name a file or split that has some")
    check_multi_label(classifier, examples.multi_label)
    columns = label_columns(classifier.labels, examples.labels.names)
    measurement = measure(classifier, examples.texts)
    check_probabilities(measurement.probabilities, (len(examples), len(columns)), multi_label=examples.multi_label)
    probabilities = measurement.probabilities[:, columns]
    used = thresholds_in_order(thresholds, columns) if examples.multi_label else None
    quality = measure_quality(probabilities, examples, used)
    correct = _correct(probabilities, examples.label_ids, used)
    losses = row_losses(probabilities, examples.label_ids)
    report = {
        "model": model_name,
        "dataset": describe_dataset(examples),
        **quality,
        "ambiguity": _ambiguity(keywords, examples, correct) if keywords and used is None else None,
        "slices": measure_slices(slices, correct, losses) if slices else None,
        "runtime_seconds": measurement.runtime_seconds,
        "samples_per_second": measurement.samples_per_second,
        "memory": measurement.memory,
        "trainer": _trainer(quality, measurement),
    }
    return EvaluationReport(report)


def check_multi_label(classifier: Classifier, multi_label: bool) -> None:
    """Check that a classifier that says whether it is multi-label agrees with the data.

    Raises:
        ModelError: only one of the two is multi-label.
    """
    if is_multi_label(classifier, default=multi_label) != multi_label:
        raise ModelError(
            "the model gives one label a text, but the data is read as multi-label; name a multi-label model, or leave "
            "multi-label out"
            if multi_label
            else "the model is multi-label, but the data is read as one label a row; read it as multi-label "
            "(--multi-label)"
        )


def label_columns(
    model_labels: Sequence[str], data_labels: Sequence[str], model: str = "the model", data: str = "the data"
) -> list[int]:
    """Column of each of the data's labels in the classifier's probabilities.

    Raises:
        LabelError: the two sets of labels differ; the message calls the classifier `model` and the data `data`.
    """
    if set(model_labels) != set(data_labels):
        raise LabelError(
            f"{model} has the labels {', '.join(model_labels)}, but {data} has {', '.join(data_labels)}; "
            "give models and data with the same labels"
        )
    return [model_labels.index(name) for name in data_labels]


def check_probabilities(
    probabilities: NDArray[Any], shape: tuple[int, int], *, multi_label: bool, model: str = "the model"
) -> None:
    """Check that a classifier returned probabilities of this shape.

    Raises:
        ModelError: it did not; the message calls the classifier `model` and quotes the first wrong row.
    """
    if probabilities.shape != shape:
        raise ModelError(f"{model} returned probabilities of shape {probabilities.shape}, expected {shape}")
    valid = (probabilities >= 0).all(1)
    valid &= (probabilities <= 1).all(1) if multi_label else np.abs(probabilities.sum(1) - 1) < 1e-3
    if not valid.all():
        row = int(np.argmin(valid))
        expected = "between 0 and 1" if multi_label else "that sum to 1, as a single-label model returns"
        raise ModelError(f"{model} returned {probabilities[row].tolist()} for row {row}, not probabilities {expected}")


def describe_dataset(examples: Examples) -> dict[str, Any]:
    """Name, split, number of rows and fingerprint of the rows, for reports."""
    return {
        "name": examples.name,
        "split": examples.split,
        "rows": len(examples),
        "fingerprint": examples.fingerprint,
    } | ({"skipped": examples.skipped_labels} if examples.skipped else {})


def dataset_title(dataset: Mapping[str, Any]) -> str:
    """Name and split of a dataset from `describe_dataset`, such as "emotion, validation"."""
    return ", ".join(filter(None, (dataset["name"], dataset["split"])))


def measure_quality(
    probabilities: NDArray[Any], examples: Examples, thresholds: NDArray[np.float64] | None = None, *, seed: int = 0
) -> dict[str, Any]:
    """The part of an evaluation report that needs nothing but probabilities and true labels.

    Args:
        probabilities: (rows, labels), columns in the order of the data's labels.
        examples: the same rows.
        thresholds: (labels,) for multi-label rows, else None.
        seed: seed of the bootstrap.
    """
    truth, labels = examples.label_ids, examples.labels.names
    losses = row_losses(probabilities, truth)
    if thresholds is None:
        matrix = confusion_matrix(truth, probabilities.argmax(1), len(labels))
        confusion = {"labels": list(labels), "matrix": matrix.tolist()}
        counts, intervals = confusion_counts(matrix), bootstrap_intervals(matrix, losses, seed=seed)
    else:
        confusion, predicted = None, probabilities >= thresholds
        counts = indicator_counts(truth, predicted)
        intervals = multi_label_intervals(truth, predicted, losses, seed=seed)
    return {
        **averages(counts),
        "loss": float(losses.mean()),
        "ece": expected_calibration_error(probabilities, truth),
        "per_label": {name: asdict(row) for name, row in zip(labels, per_label(counts), strict=True)},
        "thresholds": None if thresholds is None else dict(zip(labels, thresholds.tolist(), strict=True)),
        "confusion": confusion,
        "intervals": {name: interval._asdict() for name, interval in intervals.items()},
        "reliability": [asdict(group) for group in reliability(probabilities, truth)],
    }


def thresholds_in_order(thresholds: Sequence[float] | None, columns: list[int]) -> NDArray[np.float64]:
    """One threshold for each of the data's labels, (labels,), 0.5 if there are none.

    Raises:
        LabelError: there is another number of thresholds.
    """
    if thresholds is None:
        return np.full(len(columns), 0.5)
    if len(thresholds) != len(columns):
        raise LabelError(f"got {len(thresholds)} thresholds for {len(columns)} labels; give one for each label")
    return np.array(thresholds, np.float64)[columns]


def _correct(
    probabilities: NDArray[Any], truth: NDArray[Any], thresholds: NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    """Whether each row is right, in every label if it is multi-label."""
    correct: NDArray[np.bool_] = (
        probabilities.argmax(1) == truth if thresholds is None else ((probabilities >= thresholds) == truth).all(1)
    )
    return correct


def _ambiguity(keywords: Keywords, examples: Examples, correct: NDArray[np.bool_]) -> dict[str, Any]:
    contains = keywords.contains(examples.texts)
    columns = label_columns(keywords.labels, examples.labels.names)
    rule_is_right = keywords.predict_proba(examples.texts)[:, columns].argmax(1) == examples.label_ids
    return {
        "keywords": len(keywords.ambiguous),
        "ceiling": keywords.ceiling(examples.texts),
        "rule_accuracy": float(rule_is_right.mean()),
        "decided": _accuracy(correct[keywords.decides(examples.texts)]),
        "with_keyword": _accuracy(correct[contains]),
        "without_keyword": _accuracy(correct[~contains]),
    }


def _accuracy(correct: NDArray[np.bool_]) -> dict[str, Any]:
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
