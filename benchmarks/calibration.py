"""Calibration of the bundled model on validation: prediction sets, selective prediction, temperature.

Prediction sets are measured on validation rows that their thresholds were not fitted on: on tenths, with the
thresholds of the other nine tenths, and on halves. Calibration on texts of other kinds, and the probability of neutral,
are measured by benchmarks/leave_one_out.py. No model is trained.

Run: python benchmarks/calibration.py --data DIR
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import record
from emoscope import EmotionClassifier
from emoscope.calibration.coverage import set_quality
from emoscope.calibration.fit import conformal_thresholds, fit_temperature
from emoscope.calibration.selective import aurc, selective_accuracy
from emoscope.data import load_splits
from emoscope.evaluation.metrics import expected_calibration_error, log_loss
from emoscope.model_folder import open_folder, resolve
from emoscope.probabilities import log_probabilities, temperature_scaled

Rows = NDArray[np.float32]
Ids = NDArray[np.int64]
Thresholds = Callable[[Rows, Ids, int], tuple[float, ...]]


def main() -> None:
    args = _arguments()
    classifier = EmotionClassifier.from_pretrained(args.model)
    examples = load_splits(args.data)["validation"]
    rows, truth = classifier.predict_proba(examples.texts), examples.label_ids
    temperature = open_folder(resolve(args.model)).calibration.temperature
    results = {
        "model": args.model,
        "rows": len(truth),
        "rows_by_label": dict(zip(classifier.labels, np.bincount(truth).tolist(), strict=True)),
        "prediction_sets": _prediction_sets(rows, truth, args),
        "selective_prediction": _selective_prediction(rows, truth),
        "temperature": _temperature(rows, truth, temperature, args),
    }
    print(
        record.write(
            "calibration", results, packages=("emoscope", "onnxruntime", "numpy", "scikit-learn"), seed=args.seed
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with the validation split of emotion")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--partitions", type=int, default=100, help="random partitions in tenths")
    parser.add_argument("--halves", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _prediction_sets(rows: Rows, truth: Ids, args: argparse.Namespace) -> dict[str, Any]:
    """Quality of several kinds of sets at several coverages, on tenths and on halves."""
    kinds: dict[str, tuple[Thresholds, int, bool]] = {
        **{f"class-conditional, {percent} %": (conformal_thresholds, percent, False) for percent in (80, 90, 95, 97)},
        "class-conditional, 90 %, empty sets filled with the top label": (conformal_thresholds, 90, True),
        "one threshold for all labels, 90 %": (_marginal, 90, False),
    }
    results = {}
    for name, (fit, percent, completed) in kinds.items():
        rng = np.random.default_rng(args.seed)
        tenths = [_on_tenths(rows, truth, fit, percent, completed, rng) for _ in range(args.partitions)]
        halves = [_on_half(rows, truth, fit, percent, completed, rng) for _ in range(args.halves)]
        results[name] = {"tenths": _spread(tenths), "halves": _spread(halves)}
        print(name, {key: value["mean"] for key, value in results[name]["tenths"].items()})
    return results


def _on_tenths(rows: Rows, truth: Ids, fit: Thresholds, percent: int, completed: bool, rng: Any) -> dict[str, Any]:
    """Quality over all rows, each with the thresholds of the nine tenths that it is not in."""
    sets = np.zeros(rows.shape, np.bool_)
    for tenth in np.array_split(rng.permutation(len(truth)), 10):
        others = np.setdiff1d(np.arange(len(truth)), tenth)
        sets[tenth] = _sets(rows[tenth], fit(rows[others], truth[others], percent), completed)
    return set_quality(sets, truth)


def _on_half(rows: Rows, truth: Ids, fit: Thresholds, percent: int, completed: bool, rng: Any) -> dict[str, Any]:
    fitted_on, others = np.array_split(rng.permutation(len(truth)), 2)
    thresholds = fit(rows[fitted_on], truth[fitted_on], percent)
    return set_quality(_sets(rows[others], thresholds, completed), truth[others])


def _sets(rows: Rows, thresholds: tuple[float, ...], completed: bool) -> NDArray[np.bool_]:
    sets: NDArray[np.bool_] = rows >= np.array(thresholds)
    if completed:
        empty = ~sets.any(axis=1)
        sets[empty, rows[empty].argmax(axis=1)] = True
    return sets


def _marginal(rows: Rows, truth: Ids, percent: int) -> tuple[float, ...]:
    true_label = rows[np.arange(len(truth)), truth][:, None]
    return conformal_thresholds(true_label, np.zeros(len(truth), np.int64), percent) * rows.shape[1]


def _spread(qualities: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean, standard deviation and middle 90 % of each figure, and how often the overall coverage is near 90 %."""
    columns = {key: np.array([quality[key] for quality in qualities]) for key in qualities[0]}
    spread = {
        key: {
            "mean": values.mean(axis=0).tolist(),
            "standard_deviation": values.std(axis=0).tolist(),
            "middle_90": np.quantile(values, (0.05, 0.95), axis=0).tolist(),
        }
        for key, values in columns.items()
    }
    spread["coverage"]["share_from_0.88_to_0.92"] = np.mean(np.abs(columns["coverage"] - 0.9) <= 0.02).item()
    enough = (columns["label_coverage"] >= 0.85).all(axis=1)
    spread["label_coverage"]["share_all_from_0.85"] = np.mean(enough).item()
    return spread


def _selective_prediction(rows: Rows, truth: Ids) -> dict[str, Any]:
    """Area under the risk-coverage curve of three scores, and coverage and accuracy of the shipped rule."""
    correct = rows.argmax(axis=1) == truth
    scores = {
        "maximum probability (shipped)": rows.max(axis=1),
        "margin between the first two": np.diff(np.sort(rows, axis=1)[:, -2:], axis=1)[:, 0],
        "negative entropy": (rows * log_probabilities(rows)).sum(axis=1),
        "every error last (upper bound)": correct.astype(float),
        "random order": np.zeros(len(rows)),
    }
    points = {point.pop("threshold"): point for point in selective_accuracy(rows.max(axis=1), correct)}
    return {"aurc": {name: aurc(score, correct) for name, score in scores.items()}, "thresholds": points}


def _temperature(rows: Rows, truth: Ids, shipped: float, args: argparse.Namespace) -> dict[str, Any]:
    """Loss and calibration error on halves: without temperature, with the shipped one, with one of the other half."""
    rng = np.random.default_rng(args.seed)
    figures: dict[str, list[tuple[float, float, float]]] = {"none": [], "shipped": [], "fitted on the other half": []}
    for _ in range(100):
        fitted_on, others = np.array_split(rng.permutation(len(truth)), 2)
        ratio = fit_temperature(log_probabilities(rows[fitted_on]), truth[fitted_on])
        for name, by in (("none", 1 / shipped), ("shipped", 1.0), ("fitted on the other half", ratio)):
            new = temperature_scaled(rows[others], by)
            row = (by * shipped, log_loss(new, truth[others]), expected_calibration_error(new, truth[others]))
            figures[name].append(row)
    keys = ("temperature", "loss", "ece")
    return {name: dict(zip(keys, np.mean(values, axis=0).tolist(), strict=True)) for name, values in figures.items()}


if __name__ == "__main__":
    main()
