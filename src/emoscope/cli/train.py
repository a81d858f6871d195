"""Train a classifier from a recipe: writes a checkpoint, its model card and its report.

Every key of the recipe is a flag too, and a flag wins over the recipe.

examples:
  emoscope train recipes/compact.toml --data DIR --output runs/compact
  emoscope train recipes/compact.toml --data DIR --output runs/seed1 --seed 1 --epochs 4
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoscope.training import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command: its own, and one for each key of a recipe."""
    from dataclasses import fields

    from emoscope.training.config import CompactConfig, key_types

    parser.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE.toml", help="default: every key's default")
    parser.add_argument(
        "--data", required=True, metavar="D", help="folder of splits or Hub id, with train and validation"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="checkpoint folder to write")
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
    with _Bar() as bar:
        report = train_compact(config, load_splits(args.data), args.output, progress=bar.show)
    print(
        f"{args.output}: accuracy {report['accuracy']:.4f}, macro F1 {report['f1_macro']:.4f}, "
        f"loss {report['loss']:.4f} on {report['dataset']['split']}"
    )
    return 0


class _Bar:
    """A bar on standard error for each stage, with the training loss, the speed and the time left."""

    def __enter__(self) -> _Bar:
        self._stage = ""
        self._bar: Any = None
        return self

    def show(self, progress: Progress) -> None:
        from tqdm import tqdm

        if progress.stage != self._stage:
            self.__exit__()
            self._stage = progress.stage
            self._bar = tqdm(
                total=progress.total,
                desc=progress.stage,
                unit="step",
                file=sys.stderr,
                mininterval=0.5 if sys.stderr.isatty() else 30,
            )
        self._bar.set_postfix(loss=f"{progress.loss:.3f}", refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
