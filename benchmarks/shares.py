"""Shares of emotions from 200 labels: do the intervals hold, is the bias gone, how narrow are the intervals.

Run: python benchmarks/shares.py simulation
     python benchmarks/shares.py corpora --corpora runs/corpora --data DIR --left-out runs/leave_one_out/all

`simulation` draws true shares, a model (its accuracy, confusions and confidence), 400 to 10,000 rows, and 100 to 300
labels, as a simple random sample and with `plan_sample`; a quarter of the rows or more are in each of two groups.

`corpora` takes labelled corpora as the scored rows and draws 200 of their labels again and again. Each corpus is scored
by the compact student that `benchmarks/leave_one_out.py` trained without it, and `emotion` by the bundled model.

Measured for each emotion with MIN_SHARE of the rows or more: how often the interval contains the true share, the mean
error of the estimate and of the count of predictions in points, and how much narrower the interval is than that of as
many labels in a simple random sample without predictions, by the ratio of the mean widths.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import record
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.data import load_examples
from emoscope.labelled_rows import ReadOptions, read_rows
from emoscope.labels import NEUTRAL
from emoscope.shares import Grouping, LabelledRows, Shares, draw_rows, estimate, plan_sample
from left_out_models import left_out_models

MIN_SHARE = 0.02
LABELS = 200
ROWS = (400, 1000, 3000, 10_000)
BASE = np.array([0.27, 0.30, 0.10, 0.14, 0.12, 0.07])
"""Mean shares of the emotions in the simulation."""


class Row(NamedTuple):
    """One share of one draw."""

    emotion: str
    true: float
    naive: float
    share: float
    covered: bool
    width: float
    alone: float


class Population(NamedTuple):
    """Rows with their true classes (rows,) and the probabilities of a model (rows, classes)."""

    truth: NDArray[np.int64]
    scores: NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("simulation", "corpora"))
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpora", type=Path, help="folder of labelled tables")
    parser.add_argument("--data", type=Path, help="folder of dair-ai/emotion")
    parser.add_argument("--left-out", type=Path, help="folder of the models that were trained without a corpus")
    parser.add_argument("--output", type=Path, default=record.RESULTS)
    args = parser.parse_args()
    if args.corpora and not args.left_out:
        parser.error("--corpora needs --left-out, with the models that have not seen them")
    results = simulation(args.draws, args.seed) if args.what == "simulation" else corpora(args)
    name = f"shares_{args.what}"
    print(record.write(name, results, packages=("numpy",), seed=args.seed, folder=args.output))


def simulation(draws: int, seed: int) -> dict[str, Any]:
    """The measures of both kinds of samples, overall and in groups."""
    results: dict[str, Any] = {"draws": draws}
    for kind in ("simple", "stratified"):
        rng = np.random.default_rng(seed)
        overall, groups = [], []
        for _ in range(draws):
            population = drawn_population(rng, int(rng.choice(ROWS)))
            halves = (rng.random(len(population.truth)) < rng.uniform(0.25, 0.75)).astype(int)
            sample = drawn_labels(rng, population, int(rng.integers(100, 301)), stratified=kind == "stratified")
            found = estimate(population.scores, sample, EMOTIONS, groupings=[Grouping("half", halves)])
            overall += measured(found.overall, population.truth)
            for shares in found.groups:
                groups += measured(shares, population.truth[halves == int(shares.group or 0)])
        results[kind] = summary(overall) | {"groups": summary(groups)}
    return results


def drawn_population(rng: np.random.Generator, rows: int) -> Population:
    """Rows of a random model: right on 50 to 95 % of them, with confusions and a confidence of its own."""
    shares, accuracy = rng.dirichlet(15 * BASE), rng.uniform(0.5, 0.95)
    confusion = rng.dirichlet(np.full(6, 0.5), 6) * (1 - accuracy) + np.eye(6) * accuracy
    truth = rng.choice(6, rows, p=shares)
    predicted = (confusion[truth].cumsum(1) > rng.random((rows, 1))).argmax(1)
    strength = rng.uniform(1, 4) * rng.uniform(0.3, 1, rows)
    strength *= np.where(predicted == truth, 1.0, rng.uniform(0.5, 1))
    logits = 0.4 * rng.gumbel(size=(rows, 6))
    logits = np.minimum(logits - logits.max(1, keepdims=True), -0.05)
    every = np.arange(rows)
    logits[every, predicted] = strength
    wrong = predicted != truth
    logits[every[wrong], truth[wrong]] += rng.uniform(0, 0.5) * strength[wrong]
    scores = np.exp(logits)
    return Population(truth, scores / scores.sum(1, keepdims=True))


def drawn_labels(rng: np.random.Generator, population: Population, size: int, *, stratified: bool) -> LabelledRows:
    truth, scores = population
    if not stratified:
        rows = rng.choice(len(truth), size, replace=False)
        return LabelledRows(rows, truth[rows])
    plan = plan_sample(scores.argmax(1), scores.max(1), size)
    rows = draw_rows(plan, int(rng.integers(1 << 30)))
    return LabelledRows(rows, truth[rows], plan.probability[plan.strata[rows]], plan.strata[rows])


def measured(shares: Shares, truth: NDArray[np.int64]) -> list[Row]:
    """The shares that have an interval, with the true ones."""
    true = np.bincount(truth, minlength=len(shares.classes)) / len(truth)
    rows = []
    for found, wanted in zip(shares.classes, true.tolist(), strict=True):
        if found.share is not None and found.interval and found.labels_alone:
            low, high = found.interval
            alone = found.labels_alone.high - found.labels_alone.low
            rows.append(Row(found.label, wanted, found.naive, found.share, low <= wanted <= high, high - low, alone))
    return rows


def summary(rows: list[Row]) -> dict[str, Any]:
    """The measures by emotion, and of all emotions together."""
    known = [row for row in rows if row.true >= MIN_SHARE]
    by_emotion: Mapping[str, list[Row]] = defaultdict(list)
    for row in known:
        by_emotion[row.emotion].append(row)
    ranges = {f"{low:.0%} to {high:.0%}": (low, high) for low, high in ((0, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 1))}
    shares = {
        name: {"shares": len(part), "covered": mean([row.covered for row in part])}
        for name, (low, high) in ranges.items()
        if (part := [row for row in rows if low <= row.true < high])
    }
    return measures(known) | {
        "emotions": {name: measures(part) for name, part in by_emotion.items()},
        "by_true_share": shares,
    }


def measures(rows: list[Row]) -> dict[str, Any]:
    if not rows:
        return {"shares": 0}
    narrower = [1 - row.width / row.alone for row in rows]
    return {
        "shares": len(rows),
        "true": mean([row.true for row in rows]),
        "covered": mean([row.covered for row in rows]),
        "bias_points": 100 * mean([row.share - row.true for row in rows]),
        "naive_bias_points": 100 * mean([row.naive - row.true for row in rows]),
        "naive_error_points": 100 * mean([abs(row.naive - row.true) for row in rows]),
        "narrower": 1 - mean([row.width for row in rows]) / mean([row.alone for row in rows]),
        "narrower_least": min(narrower),
        "wider_than_2_percent": mean([value < -0.02 for value in narrower]),
    }


def mean(values: list[Any]) -> float:
    return round(float(np.mean(values)), 5)


def corpora(args: argparse.Namespace) -> dict[str, Any]:
    """The measures of each corpus, with its emotions and with neutral as a class where it has neutral rows."""
    results: dict[str, Any] = {"draws": args.draws, "labels": LABELS}
    models = dict(left_out_models(args.left_out, "compact")) if args.left_out else {}
    for name, texts, labels in read_corpora(args.corpora, args.data):
        model = "bundled" if name == "emotion" else models[name]
        for classes in (EMOTIONS, (*EMOTIONS, NEUTRAL)):
            kept = [index for index, label in enumerate(labels) if label in classes]
            if len(kept) < 2 * LABELS or (classes[-1] == NEUTRAL and NEUTRAL not in labels):
                continue
            truth = np.array([classes.index(labels[index]) for index in kept])
            population = Population(truth, probabilities(model, [texts[index] for index in kept], classes))
            key = f"{name}, with neutral" if classes[-1] == NEUTRAL else name
            if name == "emotion":
                results["case"] = case(population)
            results[key] = corpus(population, classes, args.draws, args.seed)
            print(key, {k: v for k, v in results[key].items() if k != "emotions"}, flush=True)
    return results


def case(population: Population) -> list[dict[str, Any]]:
    """One estimate, as `emoscope sample` and `emoscope estimate` make it, beside the true shares."""
    truth, scores = population
    plan = plan_sample(scores.argmax(1), scores.max(1), LABELS)
    rows = draw_rows(plan)
    labels = LabelledRows(rows, truth[rows], plan.probability[plan.strata[rows]], plan.strata[rows])
    found = estimate(scores, labels, EMOTIONS).overall.classes
    true = (np.bincount(truth, minlength=len(EMOTIONS)) / len(truth)).tolist()
    return [share.to_json() | {"true": value} for share, value in zip(found, true, strict=True)]


def read_corpora(tables: Path | None, data: Path | None) -> Iterator[tuple[str, list[str], list[str]]]:
    if data:
        examples = load_examples(data / "validation.txt")
        yield "emotion", list(examples.texts), [EMOTIONS[index] for index in examples.label_ids]
    for file in sorted(tables.glob("*.csv")) if tables else ():
        if not file.stem.endswith("_few"):
            rows = list(read_rows(file, ReadOptions()))
            yield file.stem, [row.text for row in rows], [row.label for row in rows]


def probabilities(model: str | Path, texts: list[str], classes: tuple[str, ...]) -> NDArray[np.float64]:
    classifier = EmotionClassifier.from_pretrained(model)
    scores = np.asarray(classifier.predict_proba(texts), np.float64)
    if len(classes) == len(EMOTIONS):
        return scores
    neutral = np.asarray(classifier.neutral_proba(texts), np.float64)[:, None]
    return np.hstack([scores * (1 - neutral), neutral])


def corpus(population: Population, classes: tuple[str, ...], draws: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(draws):
        sample = drawn_labels(rng, population, LABELS, stratified=True)
        rows += measured(estimate(population.scores, sample, classes).overall, population.truth)
    accuracy = float((population.scores.argmax(1) == population.truth).mean())
    return {"rows": len(population.truth), "accuracy": round(accuracy, 4)} | summary(rows)


if __name__ == "__main__":
    main()
