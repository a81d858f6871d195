"""Quality on corpora that a model has not seen: for each corpus, recipes are trained without it and score it.

Run: python benchmarks/leave_one_out.py --corpora runs/corpora --data DIR recipes/accurate.toml recipes/compact.toml

A corpus is a table of runs/corpora (made by `make corpora`) that a recipe names in `extra_data`; made-up texts stay in
every training. `emotion` itself is always trained on, and its validation split is scored too. A teacher named after an
earlier recipe of the same run ("runs/accurate") is the model of that recipe without the same corpus. Encoders are
exported in eight bits before they score and teach. `--leave xed+emorynlp` leaves out both at once, in one training
instead of two; the figures are then those of a harder task.

With --models, no model is trained: the models score all tables. With --only, recipes use these tables alone.

Only the labels that a corpus has compete: accuracy, macro F1 and expected calibration error are those of the
renormalized probabilities. Neutral texts are measured by the AUROC of the probability of neutral and of the highest
probability, and by the share of them for which an emotion has more than 0.8.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import record
from emoscope import EmotionClassifier
from emoscope.data import Examples, load_splits
from emoscope.evaluation.metrics import auroc, averages, confusion_matrix, expected_calibration_error
from emoscope.export import export
from emoscope.labels import EMOTIONS
from emoscope.model_folder import open_folder
from emoscope.protocols import split_neutral
from emoscope.training import distill, train
from emoscope.training.config import AnyConfig, Distillation, EncoderConfig, configure, read_recipe
from left_out_models import folder_name, load_table

CORPORA = ("goemotions", "edos", "xed", "brighter", "emorynlp")
SURE = 0.8
"""A neutral text with an emotion above this is a false claim."""
PACKAGES = ("emoscope", "torch", "transformers", "onnxruntime", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", type=Path)
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--data", help="the data set emotion, with the splits train and validation")
    parser.add_argument("--leave", nargs="+", default=CORPORA, help="corpora to leave out in turn; a+b: both at once")
    parser.add_argument("--only", nargs="+", default=None, metavar="TABLE", help="stems of the only tables to use")
    parser.add_argument("--models", nargs="+", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("runs/leave_one_out"), help="folder for the trained models")
    parser.add_argument("--result", default="leave_one_out")
    args = parser.parse_args()
    groups = {group: group.split("+") for group in args.leave}
    tables = {name: load_table(args.corpora / f"{name}.csv") for names in groups.values() for name in names}
    results: dict[str, dict[str, Any]] = {}
    for group, names in groups.items():
        models = {model: EmotionClassifier.from_pretrained(model) for model in args.models}
        if args.recipes:
            models |= trained_without(group, args)
        for (model, classifier), name in product(models.items(), names):
            results.setdefault(model, {})[name] = measure(classifier, tables[name])
            print(model, name, results[model][name], flush=True)
    for by_corpus in results.values():
        keys = ("accuracy", "f1_macro", "ece", "neutral_auroc", "neutral_sure")
        by_corpus["mean"] = {key: fmean(row[key] for row in by_corpus.values() if row[key] is not None) for key in keys}
    print(record.write(args.result, {"seed": args.seed, "only": args.only, "models": results}, packages=PACKAGES))


def trained_without(corpora: str, args: argparse.Namespace) -> dict[str, EmotionClassifier]:
    """A classifier of each recipe, by its name, trained without the corpus, or corpora joined by "+"."""
    splits = load_splits(args.data)
    folders: dict[str, Path] = {}
    for path in args.recipes:
        config = without(configure(read_recipe(path)), corpora.split("+"), args.only, folders, args.seed)
        output = args.work / (args.result if args.only else "all") / folder_name(corpora, args.seed) / path.stem
        folders[path.stem] = output
        if not output.exists():
            fit = distill if isinstance(config, Distillation) else train
            checkpoint = output.with_name(f"{path.stem}-checkpoint")
            fit(config, splits, checkpoint, resume=True)
            export(open_folder(checkpoint), output, splits["validation"], quantize=isinstance(config, EncoderConfig))
            shutil.rmtree(checkpoint / "checkpoints", ignore_errors=True)
    return {name: EmotionClassifier.from_pretrained(folder) for name, folder in folders.items()}


def without(
    config: AnyConfig, corpora: Sequence[str], only: Sequence[str] | None, folders: dict[str, Path], seed: int
) -> AnyConfig:
    """The recipe without the tables of corpora, with the teachers that were trained without them too."""
    kept = [file for file in config.extra_data if Path(file).stem not in corpora]
    if only is not None:
        kept = [file for file in kept if Path(file).stem in only]
    config = replace(config, extra_data=tuple(kept), seed=seed)
    if isinstance(config, Distillation):
        names = tuple(str(folders.get(Path(teacher).name, teacher)) for teacher in config.teachers)
        config = replace(config, teachers=names)
    return config


def measure(classifier: EmotionClassifier, table: Examples) -> dict[str, Any]:
    """The quality on a table; see the module."""
    rows, neutral = split_neutral(classifier.predict_with_neutral(table.texts), len(classifier.labels))
    is_neutral = table.label_ids == len(EMOTIONS)
    order = [classifier.labels.index(name) for name in EMOTIONS]
    present = np.unique(table.label_ids[~is_neutral])
    chosen = rows[~is_neutral][:, order][:, present]
    chosen /= chosen.sum(axis=1, keepdims=True)
    truth = np.searchsorted(present, table.label_ids[~is_neutral])
    means = averages(confusion_matrix(truth, chosen.argmax(axis=1), len(present)))
    highest = rows.max(axis=1)
    return {
        "rows": len(truth),
        "accuracy": means["accuracy"],
        "f1_macro": means["f1_macro"],
        "ece": expected_calibration_error(chosen, truth),
        "neutral_rows": int(is_neutral.sum()),
        "neutral_auroc": None if neutral is None else auroc(neutral[is_neutral], neutral[~is_neutral]),
        "max_probability_auroc": auroc(highest[~is_neutral], highest[is_neutral]),
        "neutral_sure": float((highest[is_neutral] > SURE).mean()),
    }


if __name__ == "__main__":
    main()
