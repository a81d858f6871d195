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
from emoscope.text import NORMALIZERS

STRINGS = tuple[str, ...]
"""Type of a recipe key with any number of strings: a list in TOML, several values after its flag."""

PRECISIONS = ("auto", "float32", "bfloat16")
FORMER_KEYS = {
    "vectors": "embeddings",
    "vector_std": "embedding_std",
    "further": "extra_data",
    "spliced": "recombined",
    "text_form": "normalizer",
    "copy_neighbour": "copy_swap",
}
"""Keys of emoscope 0.1 that have another name today; recipes and flags may still use them."""


def key(default: Any, help: str, minimum: float = -math.inf, maximum: float = math.inf) -> Any:
    """A recipe key: its default, the line that explains it, and the smallest and largest value allowed."""
    return dataclasses.field(default=default, metadata={"help": help, "range": (minimum, maximum)})


class Recipe:
    """Base class of recipes, which are valid when they exist."""

    def __post_init__(self) -> None:
        """Raise a RecipeError if a number is out of range."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value, (minimum, maximum) = getattr(self, field.name), field.metadata["range"]
            if isinstance(value, int | float) and not minimum <= value <= maximum:
                raise RecipeError(f"recipe key {field.name} must be from {minimum:g} to {maximum:g}, got {value!r}")


@dataclass(frozen=True)
class CompactConfig(Recipe):
    """Recipe of the compact student."""

    embeddings: str = key(
        "sentence-transformers/all-MiniLM-L6-v2",
        "pretrained encoder whose tokenizer and word-piece embeddings the student starts from: a Hub id or a folder",
    )
    extra_data: tuple[str, ...] = key(
        (), "tables of extra labelled texts, some of them neutral; each text is used in some epochs: extra_epochs"
    )
    label_shift: float = key(
        0.0, "how far extra data are shifted by their label shares, so that sources do not contradict: 0 to 1", 0.0, 1.0
    )
    extra_epochs: int = key(1, "epochs that each text of extra_data is used in; 0 for all", 0)
    recombined: float = key(
        0.0, "texts made of parts of training rows, per row and epoch; for data where one word decides a label", 0.0
    )
    dimension: int = key(128, "principal components kept of the word-piece embeddings", 1)
    hidden: int = key(64, "GRU units per direction", 1)
    embedding_std: float = key(1.0, "standard deviation that the initial embeddings are scaled to", 1e-6)
    max_length: int = key(512, "longest input in tokens; longer texts are read in windows", 3)
    epochs: int = key(5, "passes over the training rows", 1)
    batch_size: int = key(64, "texts per step", 1)
    learning_rate: float = key(2e-3, "highest learning rate of the one-cycle schedule", 0.0, 10.0)
    warmup: float = key(0.1, "share of the steps before the highest learning rate", 0.0, 0.99)
    weight_decay: float = key(0.01, "AdamW's weight decay of the layers' matrices", 0.0)
    gradient_clip: float = key(1.0, "largest norm of a gradient", 1e-6)
    word_dropout: float = key(0.1, "share of word pieces whose embedding is zero in a training step", 0.0, 0.99)
    dropout: float = key(0.3, "dropout of the pooled text", 0.0, 0.99)
    label_smoothing: float = key(0.02, "share of each target spread evenly over the labels", 0.0, 0.99)
    adversarial_radius: float = key(3.0, "length of the adversarial change of a text's embeddings; 0 for none", 0.0)
    calibration_share: float = key(0.1, "share of the training rows that the temperature is fitted on", 0.01, 0.9)
    seed: int = key(0, "seed of every random choice", 0, 2**32 - 1)


@dataclass(frozen=True)
class EncoderConfig(Recipe):
    """Recipe of a fine-tuned encoder. The defaults are those of the public model card of DistilBERT on `emotion`."""

    model: str = key("distilbert-base-uncased", "pretrained encoder to fine-tune: a Hub id or a folder")
    extra_data: tuple[str, ...] = key((), "tables of extra labelled texts, used in every epoch; some may be neutral")
    label_shift: float = key(
        0.0, "how far extra data are shifted by their label shares, so that sources do not contradict: 0 to 1", 0.0, 1.0
    )
    repeats: int = key(1, "times that each training row is used in an epoch, to outweigh extra data", 1)
    label_smoothing: float = key(0.0, "share of each target spread evenly over the labels", 0.0, 0.99)
    epochs: int = key(8, "passes over the training rows", 1)
    batch_size: int = key(64, "texts per step and device", 1)
    learning_rate: float = key(2e-5, "highest learning rate; after the warm-up it falls linearly to zero", 0.0, 10.0)
    warmup: float = key(0.0, "share of the steps before the highest learning rate", 0.0, 0.99)
    weight_decay: float = key(0.01, "AdamW's weight decay of the matrices", 0.0)
    max_length: int = key(512, "longest input in tokens; longer training texts are truncated", 3)
    normalizer: str = key(
        "raw", "form that texts are brought to: raw (unchanged), written (lower case, fixed), plain or marked (words)"
    )
    precision: str = key("auto", "of the products: float32, bfloat16, or auto, which is bfloat16 on a GPU that has it")
    patience: int = key(0, "stop after this many epochs without a better weighted F1; 0 for never", 0)
    seed: int = key(42, "seed of every random choice", 0, 2**32 - 1)

    def __post_init__(self) -> None:
        """Raise a RecipeError if a number is out of range, or a name does not exist."""
        super().__post_init__()
        if self.normalizer not in NORMALIZERS:
            raise RecipeError(f"unknown normalizer {self.normalizer!r}; allowed: {', '.join(NORMALIZERS)}")
        if self.precision not in PRECISIONS:
            raise RecipeError(f"unknown precision {self.precision!r}; allowed: {', '.join(PRECISIONS)}")


@dataclass(frozen=True)
class Distillation(Recipe):
    """The keys of a student's recipe: its teachers, its additional texts and its loss."""

    teachers: tuple[str, ...] = key(
        (),
        "models whose mean probabilities the student learns: bundled, model folders, checkpoints, Hub ids, or folders "
        "that emoscope train --folds wrote",
    )
    unlabelled: tuple[str, ...] = key(
        (), "files of texts without labels: .txt (a text per line), .csv, .tsv, .jsonl, .parquet"
    )
    unlabelled_column: str = key("text", "column of the texts in those tables; a number where there is no header")
    soft_weight: float = key(0.9, "weight of the loss on the teachers' probabilities, which every text has", 0.0)
    soft_temperature: float = key(2.0, "temperature that softens the teachers' and the student's probabilities", 0.01)
    hard_weight: float = key(0.1, "weight of the loss on labels, which the labelled texts have", 0.0)
    unlabelled_epochs: int = key(0, "epochs that each text without a label is used in; 0 for all", 0)
    copies: int = key(0, "augmented copies of each text, labelled or not", 0)
    copy_drop: float = key(0.1, "probability that a word is missing from a copy", 0.0, 1.0)
    copy_mask: float = key(0.1, "probability that a word of a copy is replaced by [MASK]", 0.0, 1.0)
    copy_swap: float = key(
        0.1, "probability that a word of a copy is replaced by one with a similar embedding", 0.0, 1.0
    )
    copy_span: float = key(0.25, "probability that a copy is a random contiguous part of the text", 0.0, 1.0)

    def __post_init__(self) -> None:
        """Raise a RecipeError if a number is out of range, the loss has no term, or copies cannot be made."""
        super().__post_init__()
        if not self.soft_weight and not self.hard_weight:
            raise RecipeError("soft_weight and hard_weight are both 0, so there is nothing to learn; give one of them")
        changed = self.copy_drop + self.copy_mask + self.copy_swap
        if changed > 1:
            raise RecipeError(f"copy_drop, copy_mask and copy_swap must sum to 1 at most, got {changed:g}")
        if self.copies and not changed + self.copy_span:
            raise RecipeError(
                "the copies would equal their texts; give at least one of copy_drop, copy_mask, copy_swap and copy_span"
            )


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


def key_types(config_class: type[AnyConfig]) -> dict[str, Any]:
    """Type of each recipe key, in the order of declaration: str, int, float or STRINGS."""
    hints = get_type_hints(config_class)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_class)}


def read_recipe(path: Path) -> dict[str, Any]:
    """The keys of a recipe file under today's names.

    Raises:
        RecipeError: the file is missing or not TOML, or has a key under both its names.
    """
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        recipe: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
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


def portable(config: AnyConfig) -> AnyConfig:
    """The configuration with the names of files and folders instead of absolute paths, which hold on one machine only.

    Relative paths stay as they are: they reproduce the run in a folder with the same files.
    """
    return dataclasses.replace(config, **{name: named(value) for name, value in dataclasses.asdict(config).items()})


def named(value: Any) -> Any:
    """The name of a file or folder instead of its absolute path; any other value as it is."""
    if isinstance(value, tuple):
        return tuple(map(named, value))
    return Path(value).name if isinstance(value, str) and Path(value).expanduser().is_absolute() else value


def configure(values: Mapping[str, Any], kinds: Iterable[str] = TRAINED) -> AnyConfig:
    """The configuration described by recipe keys.

    Args:
        values: the keys. Without `kind`, the recipe is of the kind that has most of them.
        kinds: the kinds to prefer where several have equally many.

    Raises:
        RecipeError: the kind or a key does not exist, or a value has the wrong type or is out of range.
    """
    values = _renamed(values)
    likeliest = max([*kinds, *KINDS], key=lambda kind: len(values.keys() & key_types(KINDS[kind])))
    kind = values.pop("kind", likeliest)
    if not isinstance(kind, str) or kind not in KINDS:
        raise RecipeError(f"unknown kind of recipe {kind!r}; allowed: {', '.join(KINDS)}")
    types = key_types(KINDS[kind])
    unknown = sorted(set(values) - set(types))
    if unknown:
        raise RecipeError(f"unknown keys {unknown} in a recipe of kind {kind}; allowed: {', '.join(types)}")
    return KINDS[kind](**{name: _typed(name, value, types[name]) for name, value in values.items()})


def _typed(name: str, value: Any, expected: Any) -> Any:
    if expected is float and type(value) is int:
        return float(value)
    if expected == STRINGS and isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    if type(value) is not expected:
        type_name = "list of str" if expected == STRINGS else expected.__name__
        raise RecipeError(f"recipe key {name} must be of type {type_name}, got {value!r}")
    return value
