"""Distil one or several models into a small one.

A student learns the probabilities of its teachers, which say more than labels do and know which labels are noise. A
teacher is any model with the data's labels: bundled, a model folder, a checkpoint, a Hub id, or a folder that
emoscope train --folds wrote, whose models judge only the training rows that they did not see. Several are averaged.

The student is the compact one (kind compact-student), or an encoder made of a fine-tuned one's own layers (kind
encoder-student: --model is that one). It learns from the train split, from files of texts without labels
(--unlabelled) and from augmented copies of both (--copies). Every key of a recipe is a flag too, and a flag wins over
the recipe. What the teachers have scored is kept until the run is done: --resume continues a run that was
interrupted, to the same result.

examples:
  emoscope train recipes/compact.toml --data DIR --output runs/folds --folds 5
  emoscope distill --teachers runs/folds --data DIR --output runs/student
  emoscope distill student.toml --teachers runs/bert runs/roberta --data DIR --output runs/student --copies 4
  emoscope distill student.toml --data DIR --output runs/student --unlabelled tweets.txt reviews.csv
  emoscope distill --model runs/bert --teachers runs/bert --data DIR --output runs/half-bert --layers 6
"""

from __future__ import annotations

import argparse

from emoscope.cli.data_options import add_data_arguments, given_labels, read_splits
from emoscope.cli.progress_bar import ProgressBar
from emoscope.cli.recipe_options import add_recipe_keys, add_run_arguments, headline, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command: its own, and one for each key of a recipe."""
    from emoscope.training.config import DISTILLED

    add_run_arguments(parser)
    add_data_arguments(parser, default_labels="those of the data")
    parser.add_argument("--multi-label", action="store_true", help=argparse.SUPPRESS)  # refused, and told why
    add_recipe_keys(parser, DISTILLED)


def run(args: argparse.Namespace) -> int:
    """Distil, with progress bars, and print the headline of the report."""
    from emoscope.training import distill
    from emoscope.training.config import DISTILLED

    config = read_config(args, DISTILLED)
    splits = read_splits(args, given_labels(args))
    with ProgressBar() as bar:
        report = distill(config, splits, args.output, resume=args.resume, report_to=args.report_to, progress=bar.show)
    print(headline(args.output, report, report["dataset"]["split"]))
    return 0
