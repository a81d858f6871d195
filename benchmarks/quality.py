"""Quality of the recipe over several seeds, and of the bundled model, on validation.

Each seed is trained once into OUTPUT/seedN and taken from there the next time.
Run: python benchmarks/quality.py --data DIR [--vectors ENCODER] [--seeds 0 1 2] [--output runs/quality]
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import record
from emoscope import EmotionClassifier
from emoscope.data import load_splits
from emoscope.evaluation import evaluate, fit_keywords
from emoscope.training import train
from emoscope.training.config import configure, read_recipe

RECIPE = Path(__file__).parents[1] / "recipes" / "compact.toml"
METRICS = ("accuracy", "f1_macro", "f1_weighted", "loss", "ece")


def main() -> None:
    args = _arguments()
    splits = load_splits(args.data)
    seeds = {seed: _report(args, splits, seed) for seed in args.seeds}
    keywords = fit_keywords(splits["train"])
    bundled = evaluate(
        EmotionClassifier.from_pretrained(), splits["validation"], model_name="bundled", keywords=keywords
    )
    results = {
        "dataset": bundled["dataset"],
        "seeds": {seed: _metrics(report) for seed, report in seeds.items()},
        "mean": _over_seeds(seeds, statistics.mean),
        "standard_deviation": _over_seeds(seeds, statistics.stdev),
        "bundled": _metrics(bundled),
        "bundled_report": bundled,
    }
    print(json.dumps({key: results[key] for key in ("seeds", "mean", "standard_deviation", "bundled")}, indent=1))
    print(record.write("quality", results, packages=("emoscope", "numpy", "onnxruntime", "torch")))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--vectors")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=Path("runs/quality"))
    return parser.parse_args()


def _report(args: argparse.Namespace, splits: Any, seed: int) -> dict[str, Any]:
    folder = args.output / f"seed{seed}"
    if not folder.exists():
        recipe = read_recipe(RECIPE) | {"seed": seed} | ({"vectors": args.vectors} if args.vectors else {})
        train(configure(recipe), splits, folder)
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def _metrics(report: dict[str, Any]) -> dict[str, float]:
    return {metric: report[metric] for metric in METRICS}


def _over_seeds(seeds: dict[int, dict[str, Any]], statistic: Any) -> dict[str, float]:
    return {metric: statistic([report[metric] for report in seeds.values()]) for metric in METRICS}


if __name__ == "__main__":
    main()
