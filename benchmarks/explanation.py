"""Faithfulness and speed of explanations: deletion and insertion curves, and texts per second.

Words are removed from each text, those with the largest weights first (deletion), or put into it (insertion), while the
probability of the label is followed from all words to none, or from none to all. The area under that curve, over the
share of the words, is compared with that of random orders on the same texts (Petsiuk et al., "RISE", 2018). A faithful
order has a small area under deletion and a large one under insertion. Run: python benchmarks/explanation.py --data DIR
With a checkpoint's gradients: --model runs/minilm --texts 60 --rounds 1 --result explanation_minilm --methods ...
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import record
from emoscope import EmotionClassifier
from emoscope.data import load_splits
from emoscope.evaluation.keywords import Keywords, fit_keywords
from emoscope.explanation import METHODS, Explanation, Words
from emoscope.token_attribution import INTEGRATED_GRADIENTS

Orders = list[NDArray[np.int64]]


def main() -> None:
    args = _arguments()
    splits = load_splits(args.data)
    texts = splits[args.split].texts[: args.texts]
    classifier = EmotionClassifier.from_pretrained(args.model)
    results: dict[str, Any] = {"model": args.model, "split": args.split, "texts": len(texts)}
    keywords = fit_keywords(splits["train"])
    classifier.ambiguous_keywords = {word: {"": 0.5, " ": 0.5} for word in keywords.ambiguous}
    explanations, rates = _explained(classifier, texts, args)
    generator = np.random.default_rng(args.seed)
    random = [
        _areas(
            classifier, explanations["loo"], [generator.permutation(len(each.words)) for each in explanations["loo"]]
        )
        for _ in range(args.random_orders)
    ]
    results["random"] = {name: np.mean([areas[name] for areas in random]).item() for name in random[0]}
    results["random_deletion_range"] = [f(areas["deletion"] for areas in random) for f in (min, max)]
    for method, explained in explanations.items():
        results[method] = _compared(_areas(classifier, explained, _orders(explained)), results["random"])
        results[method]["ambiguous_keywords"] = _named(explained, keywords, texts)
        if method == INTEGRATED_GRADIENTS:
            errors = np.abs([each.convergence_delta for each in explained if each.convergence_delta is not None])
            results[method]["convergence_delta"] = {"mean": errors.mean().item(), "largest": errors.max().item()}
        results[method]["texts_per_second"] = rates[method]
        results[method]["texts_per_second_median"] = statistics.median(rates[method])
        print(method, results[method])
    print("random", results["random"])
    print(record.write(args.result, results, packages=("emoscope", "onnxruntime", "numpy"), seed=args.seed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--texts", type=int, default=2_000)
    parser.add_argument("--random-orders", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=[*METHODS, INTEGRATED_GRADIENTS])
    parser.add_argument("--result", default="explanation")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _orders(explanations: Sequence[Explanation]) -> Orders:
    return [np.argsort([-word.weight for word in each.words], kind="stable") for each in explanations]


def _areas(classifier: EmotionClassifier, explanations: Sequence[Explanation], orders: Orders) -> dict[str, float]:
    """Mean area under the curves of texts with words, for deletion and for insertion."""
    deletion, insertion = [], []
    for each, order in zip(explanations, orders, strict=True):
        if len(order):
            place = np.argsort(order)
            step = np.arange(len(order) + 1)[:, None]
            deletion.append((each, place >= step))
            insertion.append((each, place < step))
    return {"deletion": _area(classifier, deletion), "insertion": _area(classifier, insertion)}


def _area(classifier: EmotionClassifier, curves: Sequence[tuple[Explanation, NDArray[np.bool_]]]) -> float:
    perturbed = [Words(each.text).keep(mask) for each, masks in curves for mask in masks]
    rows = classifier.predict_proba(perturbed)
    stops = np.cumsum([0, *(len(masks) for _, masks in curves)])
    areas = []
    for (each, _), (start, stop) in zip(curves, pairwise(stops.tolist()), strict=True):
        heights = rows[start:stop, classifier.labels.index(each.label)].astype(np.float64)
        areas.append((heights[1:] + heights[:-1]).mean() / 2)
    return float(np.mean(areas))


def _compared(areas: dict[str, float], random: dict[str, float]) -> dict[str, Any]:
    return areas | {f"{name}_to_random": areas[name] / random[name] for name in areas}


def _named(explained: Sequence[Explanation], keywords: Keywords, texts: Sequence[str]) -> dict[str, int]:
    """How often an ambiguous keyword is named, and how often one decides by the statistics of the training split."""
    named = np.array([each.ambiguous.word if each.ambiguous else "" for each in explained])
    decides = keywords.decides(texts)
    return {
        "decided": int(decides.sum()),
        "named": int((named != "").sum()),
        "the_same": int((decides & (named == np.array([keywords.keyword(text) for text in texts]))).sum()),
    }


def _explained(
    classifier: EmotionClassifier, texts: Sequence[str], args: argparse.Namespace
) -> tuple[dict[str, list[Explanation]], dict[str, list[float]]]:
    """Explanations by every method, and texts a second of each round; the methods take turns."""
    explanations: dict[str, list[Explanation]] = {}
    rates: dict[str, list[float]] = {method: [] for method in args.methods}
    for method in args.methods:
        classifier.explain(texts[:8], method=method)
    for _ in range(args.rounds):
        for method in args.methods:
            start = time.perf_counter()
            explanations[method] = classifier.explain(texts, method=method, seed=args.seed)
            rates[method].append(len(texts) / (time.perf_counter() - start))
    return explanations, rates


if __name__ == "__main__":
    main()
