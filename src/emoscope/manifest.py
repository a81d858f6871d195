"""`emoscope.json`: what a model folder records beyond its `config.json`, and the checksums of its files.

Checkpoints and the model folders of other projects have no such file; their `Manifest` is made from `config.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from emoscope.calibrated import UNCALIBRATED, Calibration
from emoscope.checksums import sha256
from emoscope.errors import ChecksumError, ModelError
from emoscope.files import write_atomically
from emoscope.labels import NEUTRAL, Labels

MANIFEST = "emoscope.json"
FORMAT = 2
OLD_KEYS = {
    "text_form": "normalizer",
    "label_sets": "prediction_sets",
    "clearness": "neutral",
    "self_test": "verification",
    "calibration": "calibration_report",
}
"""Keys of format 1 (emoscope 0.1) that have another name in format 2."""
MAX_LENGTH = 512
"""Longest input in tokens, unless a configuration has another."""
LARGEST_LENGTH = 10_000_000
"""Tokens of an input that no model exceeds; a larger number is a mistake, and would overflow."""
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Model types whose first position is the one after the padding token's id: RoBERTa uses 512 of its 514."""


@dataclass(frozen=True)
class Manifest:
    """The contents of `emoscope.json`.

    Attributes:
        files: SHA-256 in hex of each file, by its path inside the folder.
        normalizer: name of the normalizer that the model was trained with, a key of `text.NORMALIZERS`.
        max_length: longest input in tokens, special tokens included.
        calibration: temperature, prediction sets and neutral output; the thresholds of a multi-label model are those
            of `config.json`, where training writes them.
        calibration_report: what `emoscope calibrate` fitted, on which rows, and how well.
        parity: how far the graph is from the torch model that it was exported from.
        verification: reference texts and torch's probabilities for them, see `verification`; None if there are none.
        parameters: number of the model's parameters; None if it is not known.
        ambiguous_keywords: words that the training data uses for two labels, with the share of each, the larger first.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    normalizer: str = "raw"
    max_length: int = MAX_LENGTH
    calibration: Calibration = UNCALIBRATED
    calibration_report: Mapping[str, Any] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)
    verification: Mapping[str, Any] | None = None
    parameters: int | None = None
    ambiguous_keywords: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a folder, from `emoscope.json` or else from `config.json`; its files are checked first.

    Raises:
        ChecksumError: a file is missing or differs from its checksum in `emoscope.json`.
        LabelError: `config.json` names no labels.
        ModelError: a file cannot be read, is of a later format, or has a wrong value.
    """
    values = _current_format(path) if (path / MANIFEST).is_file() else {}
    _verify(path, values.get("files", {}))
    config = read_json(path / "config.json")
    values = values or _values_of_config(path, config)
    outputs = Labels.from_config(config).names
    keys = ("temperature", "prediction_sets", "neutral", "written")
    fitted: dict[str, Any] = {key: values.pop(key) for key in keys if key in values}
    if len(outputs) == 1 or config.get("problem_type") == "multi_label_classification":
        fitted = {
            "temperature": fitted.get("temperature", 1.0),
            "thresholds": config.get("thresholds", [0.5] * len(outputs)),
        }
    try:
        calibration = Calibration.from_json(fitted, len(outputs))
        if calibration.neutral_output and outputs[-1] != NEUTRAL:
            raise ValueError(
                f"neutral describes the last output, which must have the name {NEUTRAL}, got {outputs[-1]!r}"
            )
        return _checked(Manifest(**values, calibration=calibration))
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"{path} has a wrong value in config.json or {MANIFEST}: {error}; install or download the model again"
        ) from error


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write `emoscope.json`, with the checksum of every other file of the folder but the card, which people edit."""
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    files = {name: sha256(path / name) for name in names if name != "README.md" and not name.startswith(MANIFEST)}
    values = {**vars(replace(manifest, files=files)), "format": FORMAT}
    fitted = values.pop("calibration").to_json()
    del fitted["thresholds"]
    write_atomically(path / MANIFEST, json.dumps({**values, **fitted}, indent=2) + "\n")


def _verify(path: Path, files: Any) -> None:
    """Compare the files of a folder with their checksums."""
    if not isinstance(files, Mapping):
        raise ModelError(f"{path / MANIFEST} has files {files!r:.80}; install or download the model again")
    for name, expected in files.items():
        file = path / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ModelError(f"{path / MANIFEST} lists {name!r}; allowed: files in its own folder")
        if not _is_file(file):
            raise ChecksumError(f"{file} is missing, though {MANIFEST} lists it; install or download the model again")
        found = sha256(file)
        if found != expected:
            raise ChecksumError(
                f"{file} is damaged: its SHA-256 is {found}, {MANIFEST} has {expected}; "
                "install or download the model again"
            )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long
        return False


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object in a file.

    Raises:
        ModelError: it cannot be read, or is something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} must hold a JSON object, got {type(values).__name__}")
    return values


def _current_format(path: Path) -> dict[str, Any]:
    """The keys and values of `emoscope.json` as this format has them."""
    values = read_json(path / MANIFEST)
    number = values.pop("format", None)
    if number not in (1, FORMAT):
        raise ModelError(
            f"{path / MANIFEST} has format {number!r}, but this emoscope reads 1 and {FORMAT}; upgrade emoscope"
        )
    if number == 1:
        values = {OLD_KEYS.get(key, key): value for key, value in values.items()}
    if unknown := set(values) - set(Manifest.__dataclass_fields__) - set(Calibration.__dataclass_fields__):
        raise ModelError(f"{path / MANIFEST} has unknown keys {sorted(unknown)}")
    return values


def _values_of_config(path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a manifest in `config.json`; without a normalizer there, the others are for text generation."""
    config = {"normalizer": config["text_form"], **config} if "text_form" in config else config
    own = "normalizer" in config
    try:
        temperature = float(config.get("temperature") or 1) if own else 1.0
        max_length = _max_length(path, config, own)
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"{path}: a temperature or length in its configuration is not a number ({error})") from error
    values = {"normalizer": str(config.get("normalizer", "raw")), "max_length": max_length, "temperature": temperature}
    return values | ({"neutral": config["neutral"]} if own and "neutral" in config else {})


def _max_length(path: Path, config: Mapping[str, Any], own: bool) -> int:
    """Smallest of the limits of the configuration, the tokenizer and the position embeddings."""
    limits = [(config.get("max_length") if own else None) or MAX_LENGTH]
    if (path / "tokenizer_config.json").is_file():
        limits.append(read_json(path / "tokenizer_config.json").get("model_max_length") or MAX_LENGTH)
    if positions := config.get("max_position_embeddings"):
        after_padding = config.get("model_type") in POSITIONS_AFTER_PADDING
        limits.append(positions - (config.get("pad_token_id", 1) + 1 if after_padding else 0))
    return int(min(limits))


def _checked(manifest: Manifest) -> Manifest:
    """The manifest, if its values are of the right kinds; else ValueError."""
    allowed = {
        "normalizer": (isinstance(manifest.normalizer, str), "a name"),
        "max_length": (_is_length(manifest.max_length), f"an integer from 1 to {LARGEST_LENGTH:,}"),
        "calibration_report": (isinstance(manifest.calibration_report, Mapping), "a JSON object"),
        "parity": (isinstance(manifest.parity, Mapping), "a JSON object"),
        "verification": (isinstance(manifest.verification, Mapping | None), "a JSON object"),
        "ambiguous_keywords": (_are_shares(manifest.ambiguous_keywords), "words with the shares of two labels each"),
    }
    for name, (is_allowed, kind) in allowed.items():
        if not is_allowed:
            raise ValueError(f"{name} must be {kind}, got {getattr(manifest, name)!r:.80}")
    return manifest


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_LENGTH


def _are_shares(keywords: Any) -> bool:
    """Whether this is a mapping of words to the shares of two labels."""
    return isinstance(keywords, Mapping) and all(
        isinstance(shares, Mapping) and len(shares) == 2 and all(isinstance(s, int | float) for s in shares.values())
        for shares in keywords.values()
    )
