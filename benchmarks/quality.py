"""Quality of the recipe over several seeds, and of the bundled model, on validation and on other kinds of text.

Each seed is trained once, into OUTPUT/seedN, and read from there afterwards. The other kinds of text are the raw rows
of GoEmotions' dev split whose only label is one of the six, and the sixty texts of tests/real_text.py.

Run: python benchmarks/quality.py --data DIR --goemotions DIR [--embeddings ENCODER] [--seeds 0 1] [--output DIR]
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
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.data import load_examples, load_splits
from emoscope.evaluation import evaluate, fit_keywords
from emoscope.labels import Labels
from emoscope.training import train
from emoscope.training.config import configure, read_recipe

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from real_text import ITEMS

RECIPE = Path(__file__).parents[1] / "recipes" / "compact.toml"
METRICS = ("accuracy", "f1_macro", "f1_weighted", "loss", "ece")
STATISTICS = {"mean": statistics.mean, "standard_deviation": statistics.stdev}


def main() -> None:
    args = _arguments()
    splits = load_splits(args.data)
    real_text = _real_text(args.goemotions)
    seeds = {seed: _report(args, splits, seed) for seed in args.seeds}
    models = {seed: EmotionClassifier.from_pretrained(args.output / f"seed{seed}") for seed in args.seeds}
    keywords = fit_keywords(splits["train"])
    bundled = evaluate(
        EmotionClassifier.from_pretrained(), splits["validation"], model_name="bundled", keywords=keywords
    )
    results = {
        "dataset": bundled["dataset"],
        "seeds": {seed: _metrics(seeds[seed], models[seed], real_text) for seed in args.seeds},
        "bundled": _metrics(bundled, EmotionClassifier.from_pretrained(), real_text),
        "bundled_report": bundled,
    }
    results |= {name: _over_seeds(results["seeds"], of) for name, of in STATISTICS.items()}
    print(json.dumps({key: results[key] for key in ("seeds", "mean", "standard_deviation", "bundled")}, indent=1))
    print(record.write("quality", results, packages=("emoscope", "numpy", "onnxruntime", "torch")))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--goemotions", type=Path, required=True)
    parser.add_argument("--embeddings")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--output", type=Path, default=Path("runs/quality"))
    return parser.parse_args()


def _report(args: argparse.Namespace, splits: Any, seed: int) -> dict[str, Any]:
    folder = args.output / f"seed{seed}"
    if not folder.exists():
        recipe = read_recipe(RECIPE) | {"seed": seed} | ({"embeddings": args.embeddings} if args.embeddings else {})
        train(configure(recipe), splits, folder)
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def _real_text(goemotions: Path) -> dict[str, list[tuple[str, frozenset[str]]]]:
    """Texts of other kinds, each with the labels that count as right."""
    names = Labels((goemotions / "labels.txt").read_text(encoding="utf-8").split())
    rows = load_examples(goemotions / "dev.tsv", labels=names, multi_label=True, text_column=0, label_column=1)
    single = [
        (text, names.names[row.argmax()])
        for text, row in zip(rows.texts, rows.label_ids, strict=True)
        if row.sum() == 1
    ]
    return {
        "goemotions": [(text, frozenset({name})) for text, name in single if name in EMOTIONS],
        "sixty": [(item.text, item.labels) for item in ITEMS],
    }


def _metrics(report: dict[str, Any], classifier: EmotionClassifier, real_text: dict[str, Any]) -> dict[str, float]:
    figures = {metric: report[metric] for metric in METRICS}
    figures["accuracy_without_keyword"] = report["ambiguity"]["without_keyword"]["accuracy"]
    for name, rows in real_text.items():
        predictions = classifier.predict([text for text, _ in rows])
        right = [prediction.label in allowed for prediction, (_, allowed) in zip(predictions, rows, strict=True)]
        figures[f"accuracy_{name}"] = sum(right) / len(right)
    return figures


def _over_seeds(seeds: dict[int, dict[str, float]], statistic: Callable[[list[float]], float]) -> dict[str, float]:
    metrics = next(iter(seeds.values()))
    return {metric: statistic([figures[metric] for figures in seeds.values()]) for metric in metrics}


if __name__ == "__main__":
    main()
