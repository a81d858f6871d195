"""Train a model from a recipe: an encoder or the compact student.

RECIPE.toml describes a pretrained encoder to fine-tune, or the compact student. Every recipe key is a flag too, and
flags win over the recipe. --resume continues an interrupted run, to the same result. To train on several devices:
torchrun --nproc-per-node N -m emoscope train ...

The data needs the splits train and validation. --holdout 0.2 makes them of one file, or takes validation out of train:
at random by the recipe's seed, every label at the same share, equal texts on one side.

--folds K cross-validates the recipe: it trains K models, each on the rows outside one of K random folds of the train
split, and each training row is scored by the model that did not see it. The report over these scores is the figure to
choose a recipe by. The folder with the K models can be a teacher of emoscope distill.

--seeds N trains N models that differ in their seed alone: the recipe's seed, the next one and so on. The mean and the
spread of their figures say how much of a difference between two recipes is chance. --holdout holds out the same rows
for all of them.

examples:
  emoscope train recipes/compact.toml --data DIR --output runs/compact
  emoscope train recipes/compact.toml --data DIR --output runs/compact-folds --folds 5
  emoscope train recipes/compact.toml --data DIR --output runs/compact-seeds --seeds 5
  emoscope train recipes/compact.toml --data rows.csv --holdout 0.2 --output runs/mine
  emoscope train recipes/distilbert.toml --data dair-ai/emotion --output runs/distilbert
  emoscope train --model microsoft/MiniLM-L12-H384-uncased --data DIR --output runs/minilm --epochs 4
  emoscope train recipes/distilbert.toml --data dair-ai/emotion --output runs/distilbert --resume
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from emoscope.cli.data_options import add_data_arguments, add_multi_label_argument
from emoscope.cli.output import show
from emoscope.cli.progress_bar import ProgressBar
from emoscope.cli.recipe_options import (
    add_holdout_argument,
    add_recipe_keys,
    add_run_arguments,
    headline,
    noting_finished,
    read_config,
    read_training_splits,
)

if TYPE_CHECKING:
    from emoscope.evaluation import EvaluationReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command, and one for each recipe key."""
    from emoscope.training.config import TRAINED

    add_run_arguments(parser)
    add_data_arguments(parser, default_labels="those of the data")
    add_holdout_argument(parser)
    add_multi_label_argument(parser)
    several = parser.add_mutually_exclusive_group()
    several.add_argument(
        "--folds", type=int, metavar="K", help="cross-validate: train K models, each on the rows outside one fold"
    )
    several.add_argument("--seeds", type=int, metavar="N", help="train N models, with the seeds from the recipe's on")
    add_recipe_keys(parser, TRAINED)


def run(args: argparse.Namespace) -> int:
    """Train with a progress bar and print the main figures of the report."""
    from emoscope.training import cross_validate, train, train_seeds
    from emoscope.training.config import TRAINED

    config = read_config(args, TRAINED)
    splits = read_training_splits(args, config.seed)
    with noting_finished(args), ProgressBar() as bar:
        options = {"resume": args.resume, "report_to": args.report_to, "progress": bar.show}
        if args.seeds is not None:
            result = train_seeds(config, splits, args.output, args.seeds, **options)
        elif args.folds is not None:
            result = cross_validate(config, splits, args.output, args.folds, **options)
        else:
            result = train(config, splits, args.output, **options)
    if result is not None:
        show(_seeds_table(result) if args.seeds is not None else _headline(args, result))
    return 0


def _headline(args: argparse.Namespace, report: EvaluationReport) -> str:
    rows = report["dataset"]["split"]
    return headline(args.output, report, rows if args.folds is None else f"{rows}, each row scored out of fold")


def _seeds_table(summary: dict[str, Any]) -> str:
    """A row for each seed, then the mean and the standard deviation."""
    metrics = summary["metrics"]
    columns = zip(*([f"{value:.4f}" for value in metric["values"]] for metric in metrics.values()), strict=True)
    rows = [[str(seed), *values] for seed, values in zip(summary["seeds"], columns, strict=True)]
    rows += [[name, *(f"{metric[name]:.4f}" for metric in metrics.values())] for name in ("mean", "std")]
    table = [["seed", *metrics], *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in table)
