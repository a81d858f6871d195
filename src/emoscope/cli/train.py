"""Train a classifier from a recipe: writes a checkpoint, its model card and its report.

A recipe describes a fine-tuned encoder or the compact student. Every key is a flag too, and a flag wins over the
recipe.
On several devices: torchrun --nproc-per-node N -m emoscope train ...

examples:
  emoscope train recipes/compact.toml --data DIR --output runs/compact
  emoscope train recipes/distilbert.toml --data dair-ai/emotion --output runs/distilbert
  emoscope train --model microsoft/MiniLM-L12-H384-uncased --data DIR --output runs/minilm --epochs 4
  emoscope train recipes/distilbert.toml --data dair-ai/emotion --output runs/distilbert --resume
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.cli.data_options import add_data_arguments, given_labels, read_splits

if TYPE_CHECKING:
    from emoscope.training import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command: its own, and one for each key of a recipe."""
    parser.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE.toml", help="default: every key's default")
    add_data_arguments(parser, default_labels="those of the data")
    parser.add_argument("--multi-label", action="store_true", help="a row has any number of labels")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="checkpoint folder to write")
    parser.add_argument("--resume", action="store_true", help="continue a run that was interrupted")
    parser.add_argument(
        "--report-to", choices=("none", "tensorboard"), default="none", help="also log the run of an encoder there"
    )
    _add_recipe_keys(parser)


def _add_recipe_keys(parser: argparse.ArgumentParser) -> None:
    from dataclasses import fields

    from emoscope.training.config import KINDS, key_types

    known: set[str] = set()
    for kind, config_class in KINDS.items():
        group = parser.add_argument_group(f"recipe keys, {kind}")
        for field in fields(config_class):
            if field.name in known:
                continue
            known.add(field.name)
            defaults = " / ".join(
                f"{getattr(other, field.name)}" for other in KINDS.values() if hasattr(other, field.name)
            )
            group.add_argument(
                "--" + field.name.replace("_", "-"),
                type=key_types(config_class)[field.name],
                default=argparse.SUPPRESS,
                metavar=key_types(config_class)[field.name].__name__.upper(),
                help=f"{field.metadata['help']} (default: {defaults})",
            )


def run(args: argparse.Namespace) -> int:
    """Train, with a progress bar, and print the headline of the report."""
    from emoscope.training import train
    from emoscope.training.config import KINDS, configure, key_types, read_recipe

    keys = {name for config_class in KINDS.values() for name in key_types(config_class)}
    flags = {name: value for name, value in vars(args).items() if name in keys}
    config = configure((read_recipe(args.recipe) if args.recipe else {}) | flags)
    splits = read_splits(args, given_labels(args))
    with _Bar() as bar:
        report = train(
            config,
            splits,
            args.output,
            resume=args.resume,
            report_to=args.report_to,
            progress=bar.show,
        )
    if report is not None:
        print(
            f"{args.output}: accuracy {report['accuracy']:.4f}, macro F1 {report['f1_macro']:.4f}, "
            f"loss {report['loss']:.4f} on {report['dataset']['split']}"
        )
    return 0


class _Bar:
    """A bar on standard error for each stage: training loss, last evaluation, speed and time left."""

    def __enter__(self) -> _Bar:
        self._stage = ""
        self._bar: Any = None
        return self

    def show(self, progress: Progress) -> None:
        from tqdm import tqdm

        if progress.stage != self._stage:
            self.__exit__()
            self._stage = progress.stage
            seconds = 0.5 if sys.stderr.isatty() else 30
            self._bar = tqdm(
                desc=progress.stage,
                total=progress.total,
                initial=progress.done - 1,
                unit="step",
                file=sys.stderr,
                mininterval=seconds,
            )
        figures = {"loss": progress.loss, **progress.metrics}
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in figures.items()}, refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
