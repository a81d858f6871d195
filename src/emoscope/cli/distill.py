"""Distil one or several models into a small one.

A student learns the mean probabilities of its teachers, which carry more information than labels and show which labels
are noise. A teacher is any model with the labels of the data: bundled, a model folder, a checkpoint, a Hub id, or a
folder that emoscope train --folds wrote, which scores each of its training rows with the model that did not see it.

The student is a compact one (kind compact-student), or an encoder made of some layers of a fine-tuned encoder, which
--model names (kind encoder-student). It learns from the train split, from files of texts without labels (--unlabelled)
and from augmented copies of both (--copies). Every recipe key is a flag too, and flags win over the recipe. --resume
continues an interrupted run, to the same result; texts that a teacher has scored are not scored again.

examples:
  emoscope train recipes/compact.toml --data DIR --output runs/folds --folds 5
  emoscope distill --teachers runs/folds --data DIR --output runs/student
  emoscope distill student.toml --teachers runs/bert runs/roberta --data DIR --output runs/student --copies 4
  emoscope distill student.toml --data DIR --output runs/student --unlabelled tweets.txt reviews.csv
  emoscope distill --model runs/bert --teachers runs/bert --data DIR --output runs/half-bert --layers 6
"""

from __future__ import annotations

import argparse

from emoscope.cli.data_options import add_data_arguments
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command, and one for each recipe key."""
    from emoscope.training.config import DISTILLED

    add_run_arguments(parser)
    add_data_arguments(parser, default_labels="those of the data")
    add_holdout_argument(parser)
    parser.add_argument("--multi-label", action="store_true", help=argparse.SUPPRESS)  # for the error message
    add_recipe_keys(parser, DISTILLED)


def run(args: argparse.Namespace) -> int:
    """Distil with progress bars and print the main figures of the report."""
    from emoscope.training import distill
    from emoscope.training.config import DISTILLED

    config = read_config(args, DISTILLED)
    splits = read_training_splits(args, config.seed)
    with noting_finished(args), ProgressBar() as bar:
        report = distill(config, splits, args.output, resume=args.resume, report_to=args.report_to, progress=bar.show)
    show(headline(args.output, report, report["dataset"]["split"]))
    return 0
