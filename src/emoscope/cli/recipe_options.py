"""The flags that `train` and `distill` share: the run, and one flag for each recipe key."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.cli.data_options import given_labels, read_splits
from emoscope.cli.numbers import number
from emoscope.cli.output import show
from emoscope.errors import DataError

if TYPE_CHECKING:
    from emoscope.data import Examples
    from emoscope.evaluation import EvaluationReport
    from emoscope.training.config import AnyConfig


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a run: recipe, output folder, resuming, logging."""
    parser.add_argument(
        "recipe",
        nargs="?",
        type=Path,
        metavar="RECIPE.toml",
        help="recipe file; without one, every key has its default",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="checkpoint folder to write")
    parser.add_argument(
        "--resume", action="store_true", help="continue an interrupted run; a finished one is left as it is"
    )
    parser.add_argument(
        "--report-to",
        choices=("none", "tensorboard"),
        default="none",
        help="also log the run of an encoder to TensorBoard",
    )


def add_holdout_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag that makes a validation split."""
    parser.add_argument(
        "--holdout",
        type=number(float, 0.001, 0.9),
        metavar="SHARE",
        help="for data without a validation split: hold out this share of the rows, such as 0.2",
    )


def read_training_splits(args: argparse.Namespace, seed: int) -> dict[str, Examples]:
    """The splits of --data, with the validation split that --holdout makes.

    Raises:
        DataError: there is no validation split, and no --holdout.
    """
    from emoscope.data import hold_out

    splits = read_splits(args, given_labels(args))
    if args.holdout:
        splits = hold_out(splits, args.holdout, seed)
        rows, held_out = len(splits["train"]), len(splits["validation"])
        print(f"{rows:,} rows to train on, {held_out:,} held out (seed {seed})", file=sys.stderr)
    if "validation" not in splits:
        raise DataError(
            f"the data has no validation split, only: {', '.join(splits)}; hold out some of its rows: --holdout 0.2"
        )
    return splits


def add_recipe_keys(parser: argparse.ArgumentParser, kinds: Mapping[str, type[AnyConfig]]) -> None:
    """Add one flag for each recipe key of these kinds, and a hidden one for a key's former name."""
    from dataclasses import fields

    from emoscope.training.config import FORMER_KEYS, STRINGS, key_types

    known: set[str] = set()
    for kind, config_class in kinds.items():
        group, types = parser.add_argument_group(f"recipe keys, {kind}"), key_types(config_class)
        for field in [field for field in fields(config_class) if field.name not in known]:
            known.add(name := field.name)
            several = types[name] == STRINGS
            options: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
            options |= {"type": str, "nargs": "+"} if several else {"type": types[name]}
            options["metavar"] = options["type"].__name__.upper()
            defaults = [str(getattr(other, name)) for other in kinds.values() if hasattr(other, name)]
            default = "none" if several else " / ".join(dict.fromkeys(defaults))
            flags = {name: f"{field.metadata['help']} (default: {default})"}
            flags |= {former: argparse.SUPPRESS for former, current in FORMER_KEYS.items() if current == name}
            for flag, help in flags.items():
                group.add_argument("--" + flag.replace("_", "-"), help=help, **options)


def read_config(args: argparse.Namespace, kinds: Mapping[str, type[AnyConfig]]) -> AnyConfig:
    """The recipe named on the command line, updated by the flags of its keys.

    Raises:
        RecipeError: the recipe cannot be read, or a key or value is wrong.
    """
    from emoscope.training.config import configure, key_types, read_recipe

    keys = {name for config_class in kinds.values() for name in key_types(config_class)}
    flags = {name: value for name, value in vars(args).items() if name in keys}
    return configure((read_recipe(args.recipe) if args.recipe else {}) | flags, kinds)


@contextmanager
def noting_finished(args: argparse.Namespace) -> Iterator[None]:
    """Say after a run that it was finished before it was resumed, if it was."""
    finished = args.resume and (args.output / "run.json").is_file()
    yield
    if finished:
        show(f"{args.output}: this run is finished, nothing was trained; its report:", sys.stderr)


def headline(output: Path, report: EvaluationReport, rows: str) -> str:
    """One line with the main figures of a report."""
    return (
        f"{output}: accuracy {report['accuracy']:.4f}, macro F1 {report['f1_macro']:.4f}, "
        f"loss {report['loss']:.4f} on {rows}"
    )
