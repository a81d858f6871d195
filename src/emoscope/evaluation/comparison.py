"""Compare classifiers on the same rows in one run: quality, paired tests, speed, size and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError, EmoscopeError, ModelError, first_line
from emoscope.evaluation.footprint import Footprint
from emoscope.evaluation.intervals import LEVEL, RESAMPLES
from emoscope.evaluation.notebook import comparison_html
from emoscope.evaluation.published import is_emotion, published
from emoscope.evaluation.report import (
    check_multi_label,
    check_probabilities,
    describe_dataset,
    label_columns,
    measure_quality,
    thresholds_in_order,
)
from emoscope.evaluation.significance import ALPHA, POWER, holm, mcnemar, paired_bootstrap, sample_size
from emoscope.evaluation.timing import WARM_UP_TEXTS
from emoscope.protocols import Classifier, parameters_of, thresholds_of

if TYPE_CHECKING:
    from emoscope.classifier import EmotionClassifier
    from emoscope.data import Examples


class Comparison(dict[str, Any]):
    """What `compare` returns, a dictionary with these keys; it contains no NaN, and shares are in [0, 1].

    - `dataset` {name, split, rows, fingerprint}
    - `models`, a list of {model, accuracy, f1_macro, f1_weighted, loss (nats), ece, intervals {metric: {low,
      high}}, samples_per_second {median, low, high, rounds}, parameters, size_bytes, peak_rss_bytes}; the
      last three are null if unknown
    - `pairs`, a list of {a, b, mcnemar {only_a, only_b, p, p_holm}, sample_size {rows, detectable}, accuracy and
      f1_macro {difference (a minus b), low, high, p, p_holm}, verdict}: "tie" unless McNemar's `p_holm` is below
      0.05, else which model is better; `sample_size` as in `SampleSize`; low, high, p and p_holm of a difference are
      null if the two models differ on too few rows
    - `settings` {level, alpha, power, correction, resamples, seed, rounds, speed_texts}
    - `published`, the model card's own table, not measured here; null for other data than `dair-ai/emotion`

    For multi-label rows, a row is right if all its labels are.
    """

    def _repr_html_(self) -> str:
        """For notebooks."""
        return comparison_html(self)


SPEED_TEXTS = 512
ROUNDS = 3
QUALITY = ("accuracy", "f1_macro", "f1_weighted", "loss", "ece", "intervals")
"""Keys of an evaluation report that a comparison has for each model."""
TESTS = ("mcnemar", "accuracy", "f1_macro")
"""Tests of each pair whose p-values are corrected over all pairs."""


def compare(
    classifiers: Mapping[str, Classifier],
    examples: Examples,
    *,
    rounds: int = ROUNDS,
    speed_texts: int = SPEED_TEXTS,
    seed: int = 0,
    footprints: Mapping[str, Footprint] | None = None,
) -> Comparison:
    """Score the same rows with every classifier, test each pair, and time the classifiers in turns.

    The rounds of the timing go A B C A B C ..., so that a machine that slows down slows all of them. Every classifier
    has scored all rows before, so its caches are warm.

    Args:
        classifiers: name -> classifier; each has the data's labels, in any order.
        examples: single-label or multi-label rows.
        rounds: how often each classifier is timed.
        speed_texts: number of texts that are timed, at most; the first rows.
        seed: seed of the bootstrap.
        footprints: name -> size and memory, for the classifiers for which they are known.

    Returns:
        See `Comparison`.

    Raises:
        DataError, LabelError: see `check_comparable`.
        ModelError: a classifier fails, or returns something other than probabilities.
        ValueError: there is no classifier, or `rounds` or `speed_texts` is below 1.
    """
    if not classifiers or rounds < 1 or speed_texts < 1:
        raise ValueError("compare needs at least one classifier, one round and one text to time")
    check_comparable(classifiers, examples)
    timed = examples.texts[:speed_texts]
    scored = {name: _score(name, classifier, examples) for name, classifier in classifiers.items()}
    speeds = _speeds(classifiers, timed, rounds)
    models = []
    for name, classifier in classifiers.items():
        quality = measure_quality(scored[name], examples, _thresholds(classifier, examples), seed=seed)
        models.append(
            {
                "model": name,
                **{key: quality[key] for key in QUALITY},
                "samples_per_second": speeds[name],
                "parameters": parameters_of(classifier),
                **asdict((footprints or {}).get(name, Footprint())),
            }
        )
    settings = {"level": LEVEL, "resamples": RESAMPLES, "alpha": ALPHA, "power": POWER, "correction": "Holm"}
    predicted = {name: _predicted(scored[name], classifiers[name], examples) for name in classifiers}
    dataset = describe_dataset(examples)
    comparison = {
        "dataset": dataset,
        "models": models,
        "pairs": _pairs(predicted, examples, seed),
        "settings": settings | {"seed": seed, "rounds": rounds, "speed_texts": len(timed)},
        "published": published() if is_emotion(dataset) else None,
    }
    return Comparison(comparison)


def load_classifiers(names: Sequence[str]) -> dict[str, EmotionClassifier]:
    """Load models to compare; all have the same labels.

    Args:
        names: as `EmotionClassifier.from_pretrained` takes them.

    Raises:
        ModelError: a name is given twice, or a model cannot be loaded; any other EmoscopeError of the loading
            is raised with the name of the model before its message.
        LabelError: two models have different labels.
    """
    classifiers: dict[str, EmotionClassifier] = {}
    for name in names:
        if name in classifiers:
            raise ModelError(f"model {name!r} is given twice; give each model once")
        classifiers[name] = _load(name)
        first, *_ = classifiers
        label_columns(classifiers[name].labels, classifiers[first].labels, f"model {name!r}", repr(first))
    return classifiers


def check_comparable(classifiers: Mapping[str, Classifier], examples: Examples) -> None:
    """Check that the classifiers fit the data, before anything is scored.

    Raises:
        DataError: the data has no rows.
        LabelError: a classifier's labels differ from the data's.
        ModelError: a classifier is multi-label and the data is not, or the reverse.
    """
    if not len(examples):
        raise DataError(f"{examples.name} has no rows to compare on; name a file or split that has some")
    for name, classifier in classifiers.items():
        label_columns(classifier.labels, examples.labels.names, f"model {name!r}")
        try:
            check_multi_label(classifier, examples.multi_label)
        except ModelError as error:
            raise ModelError(f"model {name!r}: {error}") from None


def _load(name: str) -> EmotionClassifier:
    from emoscope.classifier import EmotionClassifier

    try:
        return EmotionClassifier.from_pretrained(name)
    except EmoscopeError as error:
        raise type(error)(f"model {name!r}: {error}") from error


def _score(name: str, classifier: Classifier, examples: Examples) -> NDArray[Any]:
    """Checked probabilities (rows, labels), with the columns in the order of the data's labels."""
    try:
        rows = classifier.predict_proba(examples.texts)
    except Exception as error:
        raise ModelError(f"model {name!r} cannot score {examples.name}: {first_line(error)}") from error
    columns = label_columns(classifier.labels, examples.labels.names)
    shape = len(examples), len(columns)
    check_probabilities(rows, shape, multi_label=examples.multi_label, model=f"model {name!r}")
    return rows[:, columns]


def _thresholds(classifier: Classifier, examples: Examples) -> NDArray[np.float64] | None:
    """For multi-label rows, the threshold of each of the data's labels."""
    columns = label_columns(classifier.labels, examples.labels.names)
    return thresholds_in_order(thresholds_of(classifier), columns) if examples.multi_label else None


def _predicted(rows: NDArray[Any], classifier: Classifier, examples: Examples) -> NDArray[Any]:
    """Label ids (rows,) of probabilities; for multi-label rows whether each label applies, bool (rows, labels)."""
    thresholds = _thresholds(classifier, examples)
    predicted: NDArray[Any] = rows.argmax(1) if thresholds is None else rows >= thresholds
    return predicted


def _pairs(predicted: Mapping[str, NDArray[Any]], examples: Examples, seed: int) -> list[dict[str, Any]]:
    pairs = [
        {"a": a, "b": b, **_tests(predicted[a], predicted[b], examples, seed)} for a, b in combinations(predicted, 2)
    ]
    for test in TESTS:
        p_values = {i: pair[test]["p"] for i, pair in enumerate(pairs) if pair[test]["p"] is not None}
        corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
        for i, pair in enumerate(pairs):
            pair[test]["p_holm"] = corrected.get(i)
    for pair in pairs:
        pair["verdict"] = _verdict(pair)
    return pairs


def _tests(a: NDArray[Any], b: NDArray[Any], examples: Examples, seed: int) -> dict[str, Any]:
    truth = examples.label_ids
    differences = paired_bootstrap(truth, a, b, len(examples.labels), seed=seed)
    right_a, right_b = ((rows == truth).reshape(len(truth), -1).all(1) for rows in (a, b))
    test = mcnemar(right_a, right_b)
    return {
        "mcnemar": asdict(test),
        "sample_size": asdict(sample_size(test.only_a, test.only_b, len(truth))),
        **{metric: asdict(difference) for metric, difference in differences.items()},
    }


def _verdict(pair: Mapping[str, Any]) -> str:
    test = pair["mcnemar"]
    if test["p_holm"] >= ALPHA:
        return "tie"
    return f"{pair['a'] if test['only_a'] > test['only_b'] else pair['b']} better"


def _speeds(classifiers: Mapping[str, Classifier], texts: Sequence[str], rounds: int) -> dict[str, dict[str, Any]]:
    """Texts per second of each classifier, measured in turns."""
    for classifier in classifiers.values():
        classifier.predict_proba(texts[:WARM_UP_TEXTS])
    speeds: dict[str, list[float]] = {name: [] for name in classifiers}
    for _ in range(rounds):
        for name, classifier in classifiers.items():
            start = perf_counter()
            classifier.predict_proba(texts)
            speeds[name].append(len(texts) / (perf_counter() - start))
    return {
        name: {"median": median(values), "low": min(values), "high": max(values), "rounds": values}
        for name, values in speeds.items()
    }
