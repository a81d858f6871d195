"""Quality of the recipe over several seeds, and of the installed models, on validation and on sixty real texts.

Each seed is distilled once, into OUTPUT/seedN, and read from there afterwards; the teachers are the same for all. The
sixty texts are those of tests/real_text.py. Text of other corpora is measured by benchmarks/leave_one_out.py.

Run: python benchmarks/quality.py --data DIR [--seeds 0 1] [--output DIR]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import record
from emoscope import EmotionClassifier
from emoscope.data import load_splits
from emoscope.evaluation import evaluate, fit_keywords
from emoscope.training import distill
from emoscope.training.config import configure, read_recipe

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from real_text import ITEMS

RECIPE = Path(__file__).parents[1] / "recipes" / "bundled.toml"
METRICS = ("accuracy", "f1_macro", "f1_weighted", "loss", "ece")
STATISTICS = {"mean": statistics.mean, "standard_deviation": statistics.stdev}


def main() -> None:
    args = _arguments()
    splits = load_splits(args.data)
    seeds = {seed: _report(args, splits, seed) for seed in args.seeds}
    models = {seed: EmotionClassifier.from_pretrained(args.output / f"seed{seed}") for seed in args.seeds}
    keywords = fit_keywords(splits["train"])
    installed = {name: EmotionClassifier.from_pretrained(name) for name in ("bundled", "accurate")}
    reports = {
        name: evaluate(classifier, splits["validation"], model_name=name, keywords=keywords)
        for name, classifier in installed.items()
    }
    results = {
        "dataset": reports["bundled"]["dataset"],
        "seeds": {seed: _metrics(seeds[seed], models[seed]) for seed in args.seeds},
        **{name: _metrics(reports[name], classifier) for name, classifier in installed.items()},
        "bundled_report": reports["bundled"],
    }
    if len(args.seeds) > 1:
        results |= {name: _over_seeds(results["seeds"], of) for name, of in STATISTICS.items()}
    print(json.dumps({key: value for key, value in results.items() if key != "bundled_report"}, indent=1))
    print(record.write("quality", results, packages=("emoscope", "numpy", "onnxruntime", "torch")))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--output", type=Path, default=Path("runs/quality"))
    return parser.parse_args()


def _report(args: argparse.Namespace, splits: Any, seed: int) -> dict[str, Any]:
    folder = args.output / f"seed{seed}"
    if not folder.exists():
        distill(configure(read_recipe(RECIPE) | {"seed": seed}), splits, folder, resume=True)
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def _metrics(report: dict[str, Any], classifier: EmotionClassifier) -> dict[str, float]:
    figures = {metric: report[metric] for metric in METRICS}
    figures["accuracy_without_keyword"] = report["ambiguity"]["without_keyword"]["accuracy"]
    predictions = classifier.predict([item.text for item in ITEMS])
    right = [prediction.label in item.labels for prediction, item in zip(predictions, ITEMS, strict=True)]
    figures["accuracy_sixty"] = sum(right) / len(right)
    return figures


def _over_seeds(seeds: dict[int, dict[str, float]], statistic: Callable[[list[float]], float]) -> dict[str, float]:
    metrics = next(iter(seeds.values()))
    return {metric: statistic([figures[metric] for figures in seeds.values()]) for metric in metrics}


if __name__ == "__main__":
    main()
