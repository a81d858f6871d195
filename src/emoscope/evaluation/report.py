"""The report of a classifier on labelled rows: quality, calibration, speed and memory, as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
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
from emoscope.evaluation.slices import Slices, measure_slices
from emoscope.evaluation.timing import Measurement, measure
from emoscope.protocols import Classifier, is_multi_label

if TYPE_CHECKING:
    from emoscope.data import Examples
    from emoscope.evaluation.keywords import Keywords

EvaluationReport = dict[str, Any]
"""What `evaluate` returns. These keys, shares in [0, 1]:

- `model`; `dataset` {name, split, rows, fingerprint}
- `accuracy`; `precision_macro`, `_micro`, `_weighted`, and so for `recall` and `f1`
- `loss`, in nats; `ece`, the expected calibration error over 15 bins
- `per_label` {label: {precision, recall, f1, support}}
- `thresholds`, null or, of multi-label rows, {label: threshold}
- `confusion` {labels, matrix}, a row of the matrix for each true label; null of multi-label rows
- `intervals` {metric: {low, high}}, 95 %, bootstrap over the rows; Wilson's of an accuracy of 0 or 1
- `reliability` [{lower, upper, rows, confidence, accuracy}], the bins of `ece` that hold a row
- `ambiguity`, null or {keywords, ceiling, rule_accuracy, decided, with_keyword, without_keyword}: the
  number of ambiguous keywords, `Keywords.ceiling`, the accuracy of the keywords alone, and {rows,
  accuracy} of the rows that an ambiguous keyword decides, that contain one, that contain none
- `slices`, null or a list, as `measure_slices` gives it
- `runtime_seconds`; `samples_per_second`; `memory`, in bytes: see `Measurement`
- `trainer`, the same under the Hugging Face Trainer's names; its `test_f1` is the weighted one

Of multi-label rows, `accuracy` is the share of rows whose every label is right, `loss` the mean binary
cross-entropy over all entries (a row with a label), and `ece` and `reliability` are over entries.
"""


def evaluate(
    classifier: Classifier,
    examples: Examples,
    *,
    model_name: str,
    keywords: Keywords | None = None,
    thresholds: Sequence[float] | None = None,
    slices: Slices | None = None,
) -> EvaluationReport:
    """Score labelled rows once and report quality, calibration, speed and memory of that pass.

    Args:
        classifier: its labels may stand in another order than the data's; they are matched by name.
        examples: the rows, with one label each or, multi-label, with any number.
        model_name: what the report calls the classifier.
        keywords: ambiguous keywords of the data, found in other rows than these; with None,
            `ambiguity` is null, as it is for multi-label rows.
        thresholds: of multi-label rows, the least probability with which a row is given a label, one for each of
            the classifier's labels, in its order; with None, 0.5 each.
        slices: for each way to break the report down, the slice of every row; see `slice_texts`.

    Returns:
        The report; `json.dumps` writes it as it is, and it holds no NaN.

    Raises:
        DataError: the data has no rows.
        LabelError: the classifier's labels are not the data's, or as many as the thresholds.
        ModelError: what the classifier returns are not probabilities, or it gives one label where the data has
            any number, or the reverse.
    """
    if not len(examples):
        raise DataError(f"{examples.name} has no rows to evaluate on; name a file or split that has some")
    check_multi_label(classifier, examples.multi_label)
    columns = label_columns(classifier.labels, examples.labels.names)
    measurement = measure(classifier, examples.texts)
    check_probabilities(measurement.probabilities, (len(examples), len(columns)), examples.multi_label)
    probabilities = measurement.probabilities[:, columns]
    quality = _quality(probabilities, examples, _thresholds(thresholds, columns) if examples.multi_label else None)
    return {
        "model": model_name,
        "dataset": describe_dataset(examples),
        **quality,
        "ambiguity": _ambiguity(keywords, examples, probabilities) if keywords and not examples.multi_label else None,
        "slices": measure_slices(slices, *_rows(probabilities, examples, thresholds, columns)) if slices else None,
        "runtime_seconds": measurement.runtime_seconds,
        "samples_per_second": measurement.samples_per_second,
        "memory": measurement.memory,
        "trainer": _trainer(quality, measurement),
    }


def _rows(
    probabilities: NDArray[Any], examples: Examples, thresholds: Sequence[float] | None, columns: list[int]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each row is right, and its loss."""
    truth = examples.label_ids
    if examples.multi_label:
        correct = ((probabilities >= _thresholds(thresholds, columns)) == truth).all(1)
    else:
        correct = probabilities.argmax(1) == truth
    return correct, row_losses(probabilities, truth)


def check_multi_label(classifier: Classifier, multi_label: bool) -> None:
    """Hold what a classifier says of itself in its attribute `multi_label`, if it has one, against the data.

    Raises:
        ModelError: the classifier gives any number of labels and the data has one a row, or the reverse.
    """
    if is_multi_label(classifier, default=multi_label) == multi_label:
        return
    if multi_label:
        raise ModelError(
            "the model gives one label a text, the data is read as multi-label; "
            "name a multi-label model, or leave multi-label out"
        )
    raise ModelError(
        "the model is multi-label, the data is read as one label a row; read the data as multi-label (--multi-label)"
    )


def _thresholds(thresholds: Sequence[float] | None, columns: list[int]) -> NDArray[np.float64]:
    if thresholds is None:
        return np.full(len(columns), 0.5)
    if len(thresholds) != len(columns):
        raise LabelError(f"got {len(thresholds)} thresholds for {len(columns)} labels; give one for each label")
    return np.array(thresholds, np.float64)[columns]


def label_columns(got: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where each wanted label stands among those that a classifier has.

    Raises:
        LabelError: the two are not the same labels.
    """
    if set(got) != set(wanted):
        raise LabelError(
            f"the model's labels are {', '.join(got)}, but the data's are {', '.join(wanted)}; "
            "evaluate a model on data with its own labels"
        )
    return [got.index(name) for name in wanted]


def check_probabilities(probabilities: NDArray[Any], shape: tuple[int, int], multi_label: bool) -> None:
    """Refuse what a classifier returned if it is not probabilities of this shape.

    Raises:
        ModelError: names the first row that is wrong.
    """
    if probabilities.shape != shape:
        raise ModelError(f"the model returned probabilities of shape {probabilities.shape}, expected {shape}")
    good = (probabilities >= 0).all(1)
    good &= (probabilities <= 1).all(1) if multi_label else np.abs(probabilities.sum(1) - 1) < 1e-3
    if not good.all():
        row = int(np.argmin(good))
        wanted = "between 0 and 1" if multi_label else "that sum to 1; a multi-label model needs multi-label data"
        raise ModelError(f"the model's row {row} is {probabilities[row].tolist()}, not probabilities {wanted}")


def describe_dataset(examples: Examples) -> dict[str, Any]:
    """What a report or a comparison says of its rows: name, split, rows, fingerprint."""
    return {
        "name": examples.name,
        "split": examples.split,
        "rows": len(examples),
        "fingerprint": examples.fingerprint,
    }


def _quality(probabilities: NDArray[Any], examples: Examples, thresholds: NDArray[np.float64] | None) -> dict[str, Any]:
    truth, labels = examples.label_ids, examples.labels.names
    losses = row_losses(probabilities, truth)
    if thresholds is None:
        matrix = confusion_matrix(truth, probabilities.argmax(1), len(labels))
        confusion = {"labels": list(labels), "matrix": matrix.tolist()}
        counts, intervals = confusion_counts(matrix), bootstrap_intervals(matrix, losses)
    else:
        confusion, given = None, probabilities >= thresholds
        counts, intervals = indicator_counts(truth, given), multi_label_intervals(truth, given, losses)
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


def _ambiguity(keywords: Keywords, examples: Examples, probabilities: NDArray[Any]) -> dict[str, Any]:
    correct = probabilities.argmax(1) == examples.label_ids
    contains = keywords.contains(examples.texts)
    columns = label_columns(keywords.labels, examples.labels.names)
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
