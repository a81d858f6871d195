"""Train a classifier from a recipe: writes a checkpoint, its model card and its report.

Every key of the recipe is a flag too, and a flag wins over the recipe.

examples:
  emoscope train recipes/compact.toml --data DIR --output runs/compact
  emoscope train recipes/compact.toml --data DIR --output runs/seed1 --seed 1 --epochs 4
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emoscope.training.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command; one more for each key of a recipe."""
    from dataclasses import fields

    from emoscope.training.config import CompactConfig, key_types

    parser.add_argument(
        "recipe", nargs="?", type=Path, metavar="RECIPE.toml", help="recipe (default: every default)"
    )
    parser.add_argument(
        "--data", required=True, metavar="D", help="folder with the splits train and validation"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="checkpoint folder to write"
    )
    keys = parser.add_argument_group("recipe keys")
    types = key_types(CompactConfig)
    for field in fields(CompactConfig):
        keys.add_argument(
            "--" + field.name.replace("_", "-"),
            type=types[field.name],
            default=argparse.SUPPRESS,
            metavar=types[field.name].__name__.upper(),
            help=f"{field.metadata['help']} (default: {field.default})",
        )


def run(args: argparse.Namespace) -> int:
    """Train, with a progress bar, and print the headline of the report."""
    from emoscope.data import load_splits
    from emoscope.training import train_compact
    from emoscope.training.config import CompactConfig, configure, key_types, read_recipe

    recipe = read_recipe(args.recipe) if args.recipe else {}
    flags = {name: value for name, value in vars(args).items() if name in key_types(CompactConfig)}
    config = configure(CompactConfig, recipe | flags)
    splits = load_splits(args.data)
    with _bar() as show:
        report = train_compact(config, splits, args.output, progress=show)
    print(
        f"{args.output}: accuracy {report['accuracy']:.4f}, macro F1 {report['f1_macro']:.4f}, "
        f"loss {report['loss']:.4f} on {report['dataset']['split']}"
    )
    return 0
