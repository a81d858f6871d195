"""The flags of commands that make a model from a recipe, and the recipe that they give."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoscope.evaluation import EvaluationReport
    from emoscope.training.config import AnyConfig


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of a run: its recipe, its output, whether it continues, where it reports."""
    parser.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE.toml", help="default: every key's default")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="checkpoint folder to write")
    parser.add_argument("--resume", action="store_true", help="continue a run that was interrupted")
    parser.add_argument(
        "--report-to", choices=("none", "tensorboard"), default="none", help="also log the run of an encoder there"
    )


def add_recipe_keys(parser: argparse.ArgumentParser, kinds: Mapping[str, type[AnyConfig]]) -> None:
    """One flag for each key of the recipes of some kinds."""
    from dataclasses import fields

    known: set[str] = set()
    for kind, config_class in kinds.items():
        group = parser.add_argument_group(f"recipe keys, {kind}")
        for field in fields(config_class):
            if field.name not in known:
                known.add(field.name)
                _add_key(group, field, config_class, kinds)


def _add_key(group: Any, field: Any, config_class: type[AnyConfig], kinds: Mapping[str, type[AnyConfig]]) -> None:
    from emoscope.training.config import STRINGS, key_types

    key_type = key_types(config_class)[field.name]
    listed = key_type == STRINGS
    defaults = [str(getattr(other, field.name)) for other in kinds.values() if hasattr(other, field.name)]
    shown = "none" if listed else " / ".join(dict.fromkeys(defaults))
    group.add_argument(
        "--" + field.name.replace("_", "-"),
        type=str if listed else key_type,
        nargs="+" if listed else None,
        default=argparse.SUPPRESS,
        metavar="STR" if listed else key_type.__name__.upper(),
        help=f"{field.metadata['help']} (default: {shown})",
    )


def read_config(args: argparse.Namespace, kinds: Mapping[str, type[AnyConfig]]) -> AnyConfig:
    """The recipe that the flags name, with the flags of its keys over it.

    Raises:
        RecipeError: it cannot be read, or has a wrong key or value.
    """
    from emoscope.training.config import configure, key_types, read_recipe

    keys = {name for config_class in kinds.values() for name in key_types(config_class)}
    flags = {name: value for name, value in vars(args).items() if name in keys}
    return configure((read_recipe(args.recipe) if args.recipe else {}) | flags, kinds)


def headline(output: Path, report: EvaluationReport, rows: str) -> str:
    """One line with the figures of a report."""
    return (
        f"{output}: accuracy {report['accuracy']:.4f}, macro F1 {report['f1_macro']:.4f}, "
        f"loss {report['loss']:.4f} on {rows}"
    )
