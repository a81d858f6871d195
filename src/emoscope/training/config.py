"""Recipes: frozen dataclasses declared once, from which TOML keys and command-line flags are derived."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from emoscope.errors import RecipeError

Config = TypeVar("Config", bound="CompactConfig")


def key(default: Any, help: str) -> Any:
    """A recipe key with its default and the line that explains it."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class CompactConfig:
    """Recipe of the compact student."""

    vectors: str = key(
        "sentence-transformers/all-MiniLM-L6-v2",
        "encoder whose word-piece vectors and tokenizer the student starts from: a Hub id or a folder",
    )
    dimension: int = key(128, "principal components kept of a word-piece vector")
    hidden: int = key(64, "GRU units a direction")
    vector_std: float = key(1.0, "standard deviation that the first vectors are scaled to")
    max_length: int = key(512, "longest input in tokens; longer texts are read in windows")
    epochs: int = key(5, "passes over the training rows")
    batch_size: int = key(64, "texts a step")
    learning_rate: float = key(2e-3, "highest learning rate of the one-cycle schedule")
    warmup: float = key(0.1, "share of the steps until the highest learning rate")
    weight_decay: float = key(0.01, "AdamW's decay of the layers' matrices")
    gradient_clip: float = key(1.0, "largest norm of a gradient")
    word_dropout: float = key(0.1, "probability that a word piece's vector is zero in a training step")
    dropout: float = key(0.3, "dropout of the pooled text")
    label_smoothing: float = key(0.02, "share of each target spread evenly over the labels")
    adversarial_radius: float = key(3.0, "length of the adversarial shift of a text's vectors; 0 for none")
    calibration_share: float = key(0.1, "share of the training rows that the temperature is fitted on")
    seed: int = key(0, "seed of every random choice")


def key_types(config_class: type[Config]) -> dict[str, type]:
    """Type of each recipe key, in the order of declaration."""
    hints = get_type_hints(config_class)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_class)}


def read_recipe(path: Path) -> dict[str, Any]:
    """The keys of a recipe file.

    Raises:
        RecipeError: no such file, or not TOML.
    """
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        recipe: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"recipe {path} cannot be read: {error}") from error
    return recipe


def write_recipe(config: CompactConfig, path: Path) -> None:
    """Write every key of a configuration as a recipe that `read_recipe` reads back."""
    lines = [f"{name} = {_toml(value)}" for name, value in dataclasses.asdict(config).items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def configure(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    """A configuration from recipe keys.

    Raises:
        RecipeError: a key that does not exist, or a value of another type.
    """
    types = key_types(config_class)
    unknown = sorted(set(values) - set(types))
    if unknown:
        raise RecipeError(f"unknown recipe keys {unknown}; allowed: {', '.join(types)}")
    return config_class(**{name: _typed(name, value, types[name]) for name, value in values.items()})


def _typed(name: str, value: Any, expected: type) -> Any:
    if expected is float and type(value) is int:
        return float(value)
    if type(value) is not expected:
        raise RecipeError(f"recipe key {name} must be a {expected.__name__}, got {value!r}")
    return value


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else json.dumps(value)
