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
from emoscope.evaluation.report import check_multi_label, check_probabilities, describe_dataset, label_columns
from emoscope.labels import Labels
from emoscope.neutral import Neutral, NeutralDistance, log_odds_of
from emoscope.prediction import MIN_NEUTRAL
from emoscope.probabilities import log_probabilities, temperature_scaled

if TYPE_CHECKING:
    from emoscope.classifier import EmotionClassifier
    from emoscope.data import Examples

NEUTRAL_LABELS = Labels(("neutral", "emotional"))
"""Labels of the texts from which neutral texts are learned."""
COVERAGES = (80, 90, 95, 97)
"""Coverages of prediction sets in the report, in percent."""
REPEATS = 100
"""Random half splits on which prediction sets, and the thresholds of multi-label models, are measured."""
CURVE_POINTS = 200
HISTOGRAM_BINS = 40


@dataclass(frozen=True)
class CalibrationResult:
    """What was fitted, and how good it is.

    Attributes:
        calibration: the new calibration of the classifier.
        report: plain JSON, of a multi-label classifier as `calibrate_multi_label` describes it, else with these keys,
            shares in [0, 1]:

            - `model`; `dataset` {name, split, rows, fingerprint}; `rows`, the number of rows of each label
            - `temperature`, `loss` (nats) and `ece`, each {before, after}; `accuracy`
            - `aurc`; `selective_prediction`, from `selective_accuracy`
            - `prediction_sets` {coverage in percent: {repeats, ...}}, from `split_half_quality`; `label_coverage` by
              label name
            - `neutral`, None or {fitted_on, measured_on, auroc {neutral, max_probability}, predicted_neutral}: the two
              sets of texts, the AUROC with which both probabilities separate neutral from emotional texts of
              the second, and the shares {neutral, emotional, data} that are predicted neutral among the neutral texts,
              the emotional texts and the labelled rows
            - `curves` {reliability, risk_coverage, neutral}, which only the plots need
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
        classifier: a single-label classifier. Its probability of neutral stays as it is, unless `neutral_data` is
            given.
        examples: rows that the classifier was not trained on, some of every label; the order of the labels may differ
            from the classifier's.
        model_name: name of the classifier in the report.
        keep_temperature: do not fit the temperature. Nor is it fitted if the classifier is right on every row, as the
            loss then has no minimum.
        neutral_data: splits of texts labelled as in NEUTRAL_LABELS, for a model with an output for neutral texts; a
            model of emoscope 0.1 keeps its distance. Fitted on "train" (or the first split), measured on another split
            if there is one.

    Raises:
        DataError: a label has no row, the rows have several labels each, or the neutral data lacks neutral or emotional
            texts.
        LabelError: the classifier's labels differ from the data's.
        ModelError: the classifier is multi-label, has no output for neutral texts, or returned something other than
            probabilities.
    """
    require_rows(classifier, examples, multi_label=False)
    columns = np.array(label_columns(classifier.labels, examples.labels.names))
    truth = columns[examples.label_ids]
    before = _score(classifier, examples)
    fixed = keep_temperature or bool((before.argmax(axis=1) == truth).all())
    ratio = 1.0 if fixed else fit_temperature(log_probabilities(before), truth)
    after = temperature_scaled(before, ratio) if ratio != 1 else before
    neutral, neutral_report, histogram = classifier.calibration.neutral, None, None
    if isinstance(neutral, NeutralDistance):
        neutral = neutral.at_temperature(ratio)
    elif neutral_data:
        neutral, neutral_report, histogram = _fit_neutral(classifier, neutral_data, examples)
    temperature = classifier.calibration.temperature
    fitted = replace(
        classifier.calibration,
        temperature=temperature * ratio,
        prediction_sets=fit_prediction_sets(after, truth, classifier.labels),
        neutral=neutral,
        written=replace(classifier.calibration.written, prediction_sets=None),
    )
    report = {
        "model": model_name,
        "dataset": describe_dataset(examples),
        "rows": dict(zip(classifier.labels, np.bincount(truth, minlength=len(columns)).tolist(), strict=True)),
        "temperature": {"before": temperature, "after": fitted.temperature},
        **_quality(before, after, truth),
        "prediction_sets": {str(percent): _set_quality(classifier, after, truth, percent) for percent in COVERAGES},
        "neutral": neutral_report,
        "curves": _curves(before, after, truth) | {"neutral": histogram},
    }
    return CalibrationResult(fitted, report)


def require_rows(classifier: EmotionClassifier, examples: Examples, *, multi_label: bool) -> None:
    """Check that classifier and rows are both multi-label, or both not.

    Raises:
        DataError: both are of the other kind.
        ModelError: only one of the two is multi-label.
    """
    check_multi_label(classifier, examples.multi_label)
    if examples.multi_label != multi_label:
        kind, function = (
            ("one label", "calibrate") if multi_label else ("any number of labels", "calibrate_multi_label")
        )
        raise DataError(f"each row of {examples.name} has {kind}; call {function}")


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
    classifier: EmotionClassifier, splits: Mapping[str, Examples], data: Examples
) -> tuple[Neutral, dict[str, Any], dict[str, Any]]:
    """The fit on one split, its report (on another split if there is one), and a histogram of the probabilities."""
    before = classifier.calibration.neutral
    if not isinstance(before, Neutral):
        raise ModelError(
            "the model has no output for neutral texts, so neutral_data cannot be used; train one with extra_data that "
            "has rows labelled neutral"
        )
    names = sorted(splits, key=lambda name: name != "train")
    fitted_on, measured_on = splits[names[0]], splits[names[min(1, len(names) - 1)]]
    kinds = {id(examples): _is_neutral(examples) for examples in (fitted_on, measured_on)}
    fitted = fit_neutral(log_odds_of(classifier.neutral_proba(fitted_on.texts)), kinds[id(fitted_on)])

    def refitted(texts: list[str]) -> NDArray[np.float32]:
        return fitted.probability(log_odds_of(classifier.neutral_proba(texts)))

    probability, neutral = refitted(measured_on.texts), kinds[id(measured_on)]
    highest = classifier.predict_proba(measured_on.texts).max(axis=1)
    groups = {"neutral": probability[neutral], "emotional": probability[~neutral]}
    shares = {name: float((values >= MIN_NEUTRAL).mean()) for name, values in groups.items()}
    report = {
        "fitted_on": _described(fitted_on),
        "measured_on": _described(measured_on),
        "auroc": {
            "neutral": auroc(groups["neutral"], groups["emotional"]),
            "max_probability": auroc(highest[~neutral], highest[neutral]),
        },
        "predicted_neutral": shares | {"data": float((refitted(data.texts) >= MIN_NEUTRAL).mean())},
    }
    return before.then(fitted), report, _histogram(groups)


def _is_neutral(examples: Examples) -> NDArray[np.bool_]:
    """Which of the texts are neutral, bool (rows,)."""
    neutral: NDArray[np.bool_] = examples.label_ids == NEUTRAL_LABELS.index("neutral")
    if neutral.all() or not neutral.any():
        only = NEUTRAL_LABELS.names[0 if neutral.all() else 1]
        raise DataError(
            f"{examples.name} has only {only} texts; give texts of both labels, {' and '.join(NEUTRAL_LABELS.names)}"
        )
    return neutral


def _described(examples: Examples) -> dict[str, Any]:
    counts = np.bincount(examples.label_ids, minlength=len(NEUTRAL_LABELS)).tolist()
    return describe_dataset(examples) | dict(zip(NEUTRAL_LABELS.names, counts, strict=True))


def _histogram(groups: Mapping[str, NDArray[np.float32]]) -> dict[str, list[float]]:
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    return {
        "edges": edges.tolist(),
        **{name: np.histogram(values, edges)[0].tolist() for name, values in groups.items()},
    }


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
