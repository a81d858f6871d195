"""Recipes: frozen dataclasses declared once, from which TOML keys and command-line flags are derived."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from emoscope.errors import RecipeError

Config = TypeVar("Config", bound="CompactConfig")


def key(default: Any, help: str) -> Any:
    """A recipe key with its default and the line that explains it."""
    return dataclasses.field(default=default, metadata={"help": help})


def key_types(config_class: type[Config]) -> dict[str, type]:
    """Type of each recipe key, in the order of declaration."""
    hints = get_type_hints(config_class)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_class)}


def read_recipe(path: Path) -> dict[str, Any]:
    """The keys of a recipe file.

    Raises:
        RecipeError: no such file, or not TOML.
    """
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"recipe {path} cannot be read: {error}") from error


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
    import json

    return str(value).lower() if isinstance(value, bool) else json.dumps(value)
