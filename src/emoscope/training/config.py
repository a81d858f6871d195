"""Recipes: frozen dataclasses declared once, from which TOML keys and command-line flags are derived."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints

from emoscope.errors import RecipeError

STRINGS = tuple[str, ...]
"""Type of a recipe key with any number of strings: a list in TOML, several values after its flag."""


def key(
    default: Any, help: str, minimum: float = -math.inf, maximum: float = math.inf, *, formerly: str | None = None
) -> Any:
    """A recipe key.

    Args:
        default: its default value.
        help: the line that explains it.
        minimum: smallest value allowed.
        maximum: largest value allowed.
        formerly: its name in emoscope 0.1, which recipes and flags may still use.
    """
    metadata = {"help": help, "range": (minimum, maximum), "formerly": formerly}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class CompactConfig:
    """Recipe of the compact student."""

    embeddings: str = key(
        "sentence-transformers/all-MiniLM-L6-v2",
        "pretrained encoder whose tokenizer and word-piece embeddings the student starts from: a Hub id or a folder",
        formerly="vectors",
    )
    extra_data: tuple[str, ...] = key(
        (),
        "tables of extra labelled texts, divided among the epochs: each text is used in one epoch",
        formerly="further",
    )
    recombined: float = key(
        0.0,
        "texts recombined from parts of the training rows, per row and epoch; for data where one word decides a label",
        0.0,
        formerly="spliced",
    )
    dimension: int = key(128, "principal components kept of the word-piece embeddings", 1)
    hidden: int = key(64, "GRU units per direction", 1)
    embedding_std: float = key(
        1.0, "standard deviation that the initial embeddings are scaled to", 1e-6, formerly="vector_std"
    )
    max_length: int = key(512, "longest input in tokens; longer texts are read in windows", 3)
    epochs: int = key(5, "passes over the training rows", 1)
    batch_size: int = key(64, "texts per step", 1)
    learning_rate: float = key(2e-3, "highest learning rate of the one-cycle schedule", 0.0, 10.0)
    warmup: float = key(0.1, "share of the steps before the highest learning rate", 0.0, 0.99)
    weight_decay: float = key(0.01, "AdamW's weight decay of the layers' matrices", 0.0)
    gradient_clip: float = key(1.0, "largest norm of a gradient", 1e-6)
    word_dropout: float = key(
        0.1, "probability that the embedding of a word piece is set to zero in a training step", 0.0, 0.99
    )
    dropout: float = key(0.3, "dropout of the pooled text", 0.0, 0.99)
    label_smoothing: float = key(0.02, "share of each target spread evenly over the labels", 0.0, 0.99)
    adversarial_radius: float = key(
        3.0, "length of the adversarial perturbation of a text's embeddings; 0 for none", 0.0
    )
    calibration_share: float = key(0.1, "share of the training rows that the temperature is fitted on", 0.01, 0.9)
    seed: int = key(0, "seed of every random choice", 0, 2**32 - 1)


@dataclass(frozen=True)
class EncoderConfig:
    """Recipe of a fine-tuned encoder. The defaults are those of the public model card of DistilBERT on `emotion`."""

    model: str = key("distilbert-base-uncased", "pretrained encoder to fine-tune: a Hub id or a folder")
    epochs: int = key(8, "passes over the training rows", 1)
    batch_size: int = key(64, "texts per step and device", 1)
    learning_rate: float = key(2e-5, "highest learning rate; after the warm-up it falls linearly to zero", 0.0, 10.0)
    warmup: float = key(0.0, "share of the steps before the highest learning rate", 0.0, 0.99)
    weight_decay: float = key(0.01, "AdamW's weight decay of the matrices", 0.0)
    max_length: int = key(512, "longest input in tokens; longer training texts are truncated", 3)
    normalizer: str = key(
        "raw",
        "form that texts are brought to: raw (unchanged), plain or marked (lower-case words)",
        formerly="text_form",
    )
    patience: int = key(0, "stop after this many epochs without a better weighted F1; 0 for never", 0)
    seed: int = key(42, "seed of every random choice", 0, 2**32 - 1)


@dataclass(frozen=True)
class Distillation:
    """The keys of a student's recipe: its teachers, its additional texts and its loss."""

    teachers: tuple[str, ...] = key(
        (),
        "models whose mean probabilities the student learns: bundled, model folders, checkpoints, Hub ids, or folders "
        "that emoscope train --folds wrote",
    )
    unlabelled: tuple[str, ...] = key(
        (), "files of texts without labels: .txt with one text per line, .csv, .tsv, .jsonl, .parquet"
    )
    unlabelled_column: str = key("text", "column of the texts in those tables; a number where there is no header")
    soft_weight: float = key(0.9, "weight of the loss on the teachers' probabilities, which every text has", 0.0)
    soft_temperature: float = key(2.0, "temperature that softens the teachers' and the student's probabilities", 0.01)
    hard_weight: float = key(0.1, "weight of the loss on labels, which the labelled texts have", 0.0)
    copies: int = key(0, "augmented copies of each text, labelled or not", 0)
    copy_drop: float = key(0.1, "probability that a word is missing from a copy", 0.0, 1.0)
    copy_mask: float = key(0.1, "probability that a word of a copy is replaced by [MASK]", 0.0, 1.0)
    copy_swap: float = key(
        0.1,
        "probability that a word of a copy is replaced by a word with a similar embedding in the encoder",
        0.0,
        1.0,
        formerly="copy_neighbour",
    )
    copy_span: float = key(0.25, "probability that a copy is a random contiguous part of the text", 0.0, 1.0)


@dataclass(frozen=True)
class CompactStudentConfig(Distillation, CompactConfig):
    """Recipe of the compact student that learns from teachers."""

    reader_weight: float = key(
        0.2, "weight of the keyword reader beside the teachers, on training rows and recombined texts", 0.0, 1.0
    )


@dataclass(frozen=True)
class EncoderStudentConfig(Distillation, EncoderConfig):
    """Recipe of an encoder made of some layers of `model`, a fine-tuned encoder."""

    model: str = key(
        "bhadresh-savani/bert-base-uncased-emotion",
        "fine-tuned encoder whose layers the student is made of: a Hub id or a folder",
    )
    layers: int = key(0, "layers taken from the model, evenly spaced; 0 for half of them", 0)
    cosine_weight: float = key(0.1, "weight of the cosine distance between the last hidden states of the two", 0.0)
    label_smoothing: float = key(0.0, "share of each label's target spread evenly over the labels", 0.0, 0.99)


AnyConfig: TypeAlias = CompactConfig | EncoderConfig
StudentConfig: TypeAlias = CompactStudentConfig | EncoderStudentConfig

TRAINED: dict[str, type[AnyConfig]] = {"compact": CompactConfig, "encoder": EncoderConfig}
"""Kinds of recipes for `emoscope train`, by the value of the key `kind`."""

DISTILLED: dict[str, type[AnyConfig]] = {
    "compact-student": CompactStudentConfig,
    "encoder-student": EncoderStudentConfig,
}
"""Kinds of recipes for `emoscope distill`."""

KINDS = TRAINED | DISTILLED

FORMER_KEYS: dict[str, str] = {
    field.metadata["formerly"]: field.name
    for config_class in KINDS.values()
    for field in dataclasses.fields(config_class)
    if field.metadata["formerly"]
}
"""Today's name of each key that had another one in emoscope 0.1."""


def key_types(config_class: type[AnyConfig]) -> dict[str, Any]:
    """Type of each recipe key, in the order of declaration: str, int, float or STRINGS."""
    hints = get_type_hints(config_class)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_class)}


def type_name(key_type: Any) -> str:
    """The name of a recipe key's type in messages."""
    return "list of str" if key_type == STRINGS else str(key_type.__name__)


def read_recipe(path: Path) -> dict[str, Any]:
    """The keys of a recipe file under today's names.

    Raises:
        RecipeError: the file is missing or not TOML, or has a key under both its names.
    """
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        recipe: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"recipe {path} cannot be read: {error}") from error
    return _renamed(recipe)


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, each under today's name of its key."""
    if twice := [f"{old} and {new}" for old, new in FORMER_KEYS.items() if {old, new} <= set(values)]:
        raise RecipeError(f"recipe keys {', '.join(twice)} are two names of one key; give the second only")
    return {FORMER_KEYS.get(name, name): value for name, value in values.items()}


def kind_of(config: AnyConfig) -> str:
    """The value of the key `kind` in the recipe of a configuration."""
    return next(kind for kind, config_class in KINDS.items() if type(config) is config_class)


def recipe_text(config: AnyConfig) -> str:
    """All keys of a configuration as TOML, which `read_recipe` reads back."""
    values = {"kind": kind_of(config)} | dataclasses.asdict(config)
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def configure(values: Mapping[str, Any], kinds: Iterable[str] = TRAINED) -> AnyConfig:
    """The configuration described by recipe keys.

    Args:
        values: the keys. Without `kind`, the recipe is of the kind that has most of them.
        kinds: the kinds to prefer where several have equally many.

    Raises:
        RecipeError: the kind or a key does not exist, or a value has the wrong type or is out of range.
    """
    values = _renamed(values)
    kind = values.pop("kind") if "kind" in values else _likeliest(values, [*kinds, *KINDS])
    if not isinstance(kind, str) or kind not in KINDS:
        raise RecipeError(f"unknown kind of recipe {kind!r}; allowed: {', '.join(KINDS)}")
    types = key_types(KINDS[kind])
    unknown = sorted(set(values) - set(types))
    if unknown:
        raise RecipeError(f"unknown keys {unknown} in a recipe of kind {kind}; allowed: {', '.join(types)}")
    config = KINDS[kind](**{name: _typed(name, value, types[name]) for name, value in values.items()})
    for field in dataclasses.fields(config):
        _check_range(field.name, getattr(config, field.name), *field.metadata["range"])
    return config


def _likeliest(values: Mapping[str, Any], kinds: Iterable[str]) -> str:
    return max(kinds, key=lambda kind: len(values.keys() & key_types(KINDS[kind])))


def _check_range(name: str, value: Any, minimum: float, maximum: float) -> None:
    if isinstance(value, int | float) and not minimum <= value <= maximum:
        raise RecipeError(f"recipe key {name} must be from {minimum:g} to {maximum:g}, got {value!r}")


def _typed(name: str, value: Any, expected: Any) -> Any:
    if expected is float and type(value) is int:
        return float(value)
    if expected == STRINGS and isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    if type(value) is not expected:
        raise RecipeError(f"recipe key {name} must be of type {type_name(expected)}, got {value!r}")
    return value
