"""What a model folder or a checkpoint holds, its checksums, and where a model is found.

A model folder has the layout of transformers.js and optimum: `config.json`, `tokenizer.json`, `onnx/model.onnx`
or `onnx/model_quantized.onnx`, `README.md`; and ours, `emoscope.json`, which a foreign folder lacks. A checkpoint has
`model.safetensors` (or its shards, or `pytorch_model.bin`) instead of a graph.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from emoscope.checksums import sha256, sha256_of_files
from emoscope.errors import ChecksumError, ModelError
from emoscope.files import write_atomically
from emoscope.hub import download
from emoscope.labels import Labels
from emoscope.neutral import Neutral
from emoscope.prediction_sets import PredictionSets

BUNDLED = Path(__file__).parent / "bundled"
FORMAT = 2
OLD_KEYS = {
    "text_form": "normalizer",
    "label_sets": "prediction_sets",
    "clearness": "neutral",
    "self_test": "verification",
}
"""Keys of format 1 (emoscope 0.1) that have another name now."""
MANIFEST = "emoscope.json"
GRAPHS = ("onnx/model.onnx", "onnx/model_quantized.onnx")
SAFETENSORS = ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin")
WEIGHTS = (SAFETENSORS, PICKLES)
"""Kinds of weights of a checkpoint, the better one first."""
VOCABULARIES = ("vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
TOKENIZERS = ("tokenizer.json", *VOCABULARIES)
"""Files of which one at least makes a tokenizer."""

LIGHT_FILES = (
    *("config.json", MANIFEST, "README.md", "tokenizer.json", "tokenizer_config.json"),
    *(*VOCABULARIES, "merges.txt", "special_tokens_map.json", "added_tokens.json"),
)
DECISIVE_FILES = (*(name for name in LIGHT_FILES if name != "README.md"), *GRAPHS, *SAFETENSORS, *PICKLES)
"""Files that decide what a model says, as patterns."""
LONGEST_INPUT = 512
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Model types whose first position is the one after the padding token's id: RoBERTa uses 512 of its 514."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class Manifest:
    """`emoscope.json`: what a model folder says of itself beyond `config.json`.

    Attributes:
        files: SHA-256 in hex of each file, by path inside the folder.
        normalizer: the form of text the model was trained on, a name in `text.NORMALIZERS`.
        max_length: longest input in tokens, special tokens included.
        temperature: the logits are divided by it.
        parity: how far the graph is from the torch model it was exported from.
        verification: texts and what torch said of them, as `verification.SelfTest` has them; None for a folder without.
        parameters: number of the model's parameters, if known.
        ambiguous_keywords: words that the training data uses for two labels, and the shares of these, the larger first.
        prediction_sets: coverage in percent -> least probability of each label in a set; None if not fitted.
        neutral: `centre` and `threshold` of `neutral.Neutral`; None if not fitted.
        calibration: what `emoscope calibrate` fitted, on which rows, and how well.
        format: version of this layout.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    normalizer: str = "raw"
    max_length: int = 512
    temperature: float = 1.0
    parity: Mapping[str, Any] = field(default_factory=dict)
    verification: Mapping[str, Any] | None = None
    parameters: int | None = None
    ambiguous_keywords: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    prediction_sets: Mapping[str, Sequence[float]] | None = None
    neutral: Mapping[str, Any] | None = None
    calibration: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class ModelFolder:
    """An opened model folder or checkpoint: every file is there and equals its recorded checksum."""

    path: Path
    config: Mapping[str, Any]
    manifest: Manifest

    @property
    def labels(self) -> Labels:
        """Label names in index order."""
        return Labels.from_config(self.config)

    @property
    def multi_label(self) -> bool:
        """Whether each label has a probability of its own (sigmoid), as a label alone has, not one distribution."""
        return len(self.labels) == 1 or self.config.get("problem_type") == "multi_label_classification"

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """Probability from which each label of a multi-label model applies, 0.5 unless `config.json` has its own.

        Raises:
            ModelError: `config.json` has no number for each label there.
        """
        if not self.multi_label:
            return None
        labels = len(self.labels)
        values = self.config.get("thresholds", [0.5] * labels)
        if isinstance(values, list) and len(values) == labels and all(isinstance(v, int | float) for v in values):
            return tuple(map(float, values))
        raise ModelError(f"{self.path / 'config.json'}: thresholds must be a list of {labels} numbers, got {values!r}")

    @property
    def prediction_sets(self) -> PredictionSets | None:
        """What sets of labels are made with, if it was fitted.

        Raises:
            ModelError: `emoscope.json` has something else there.
        """
        values = self.manifest.prediction_sets
        if values is None or self.multi_label:
            return None
        rows = list(values.values()) if isinstance(values, Mapping) else []
        if not rows or not all(map(str.isdecimal, values)) or not all(map(self._one_each, rows)):
            raise ModelError(
                f"{self.path / MANIFEST} has prediction_sets that cannot be read; run emoscope calibrate again"
            )
        return PredictionSets({int(percent): tuple(map(float, row)) for percent, row in values.items()})

    @property
    def neutral(self) -> Neutral | None:
        """What tells texts without a clear emotion, if it was fitted.

        Raises:
            ModelError: `emoscope.json` has something else there.
        """
        values = self.manifest.neutral
        if values is None or self.multi_label:
            return None
        known = values if isinstance(values, Mapping) else {}
        if not self._one_each(known.get("centre")) or not _is_number(known.get("threshold")):
            raise ModelError(f"{self.path / MANIFEST} has an unreadable value of neutral; run emoscope calibrate again")
        return Neutral(tuple(map(float, known["centre"])), float(known["threshold"]))

    def _one_each(self, values: Any) -> bool:
        """Whether there is a number for each label."""
        return isinstance(values, list) and len(values) == len(self.labels) and all(map(_is_number, values))

    @property
    def graph(self) -> Path | None:
        """The ONNX file, if there is one."""
        return next((self.path / name for name in GRAPHS if (self.path / name).is_file()), None)

    @property
    def has_weights(self) -> bool:
        """Whether a checkpoint's weights are there."""
        return any(holds(self.path, names) for names in WEIGHTS)

    @property
    def tokenizer(self) -> Path | None:
        """`tokenizer.json`, which older repositories lack: they have a vocabulary instead."""
        path = self.path / "tokenizer.json"
        return path if path.is_file() else None

    @property
    def names_token_types(self) -> bool:
        """Whether `tokenizer_config.json` has token types among the model's inputs; `transformers` passes them then."""
        file = self.path / "tokenizer_config.json"
        return file.is_file() and "token_type_ids" in (_read_json(file).get("model_input_names") or ())


def open_folder(path: Path) -> ModelFolder:
    """Read a model folder or a checkpoint and check its files.

    Raises:
        ModelError: a file is missing or cannot be read, or the model's outputs stand for no labels.
        ChecksumError: a file differs from the checksum in `emoscope.json`.
    """
    if not (path / "config.json").is_file():
        raise ModelError(f"{path} is not a model folder: config.json is missing")
    if not holds(path, TOKENIZERS):
        raise ModelError(f"{path} is not a model folder: tokenizer.json is missing")
    manifest = read_manifest(path)
    _verify(path, manifest)
    folder = ModelFolder(path, _read_json(path / "config.json"), manifest)
    if folder.config.get("problem_type") == "regression":
        raise ModelError(
            f"{path / 'config.json'} has problem_type 'regression', but emoscope gives probabilities of labels; "
            "allowed: single_label_classification, multi_label_classification"
        )
    if folder.graph is None and not folder.has_weights:
        raise ModelError(
            f"{path} has neither an ONNX graph ({' or '.join(GRAPHS)}) nor weights ({SAFETENSORS[0]} or {PICKLES[0]}); "
            "give a folder that emoscope export or emoscope train wrote"
        )
    return folder


def read_manifest(path: Path) -> Manifest:
    """The folder's `emoscope.json`; without one, what a checkpoint's `config.json` has of its keys, or the defaults."""
    if not (path / MANIFEST).is_file():
        return _manifest_of(path, _read_json(path / "config.json"))
    values = _read_json(path / MANIFEST)
    if values.get("format") not in (1, FORMAT):
        raise ModelError(
            f"{path / MANIFEST} has format {values.get('format')!r}, but this emoscope reads 1 and {FORMAT}; "
            "upgrade emoscope"
        )
    if values["format"] == 1:
        values = {OLD_KEYS.get(key, key): value for key, value in values.items()} | {"format": FORMAT}
    unknown = set(values) - set(Manifest.__dataclass_fields__)
    if unknown:
        raise ModelError(f"{path / MANIFEST} has unknown keys {sorted(unknown)}")
    manifest = Manifest(**values)
    _check_manifest(path / MANIFEST, manifest)
    return manifest


def _check_manifest(file: Path, manifest: Manifest) -> None:
    """Refuse values that no manifest written by emoscope has."""
    right = {
        "files": isinstance(manifest.files, Mapping),
        "normalizer": isinstance(manifest.normalizer, str),
        "max_length": isinstance(manifest.max_length, int) and manifest.max_length > 0,
        "temperature": isinstance(manifest.temperature, int | float) and 0 < manifest.temperature < math.inf,
        "verification": manifest.verification is None or isinstance(manifest.verification, Mapping),
        "calibration": isinstance(manifest.calibration, Mapping),
        "ambiguous_keywords": _are_shares(manifest.ambiguous_keywords),
    }
    for name, is_right in right.items():
        if not is_right:
            raise ModelError(f"{file} has {name} {getattr(manifest, name)!r}; install or download the model again")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_shares(keywords: Any) -> bool:
    """Whether each word has two labels with their shares."""
    return isinstance(keywords, Mapping) and all(
        isinstance(shares, Mapping) and len(shares) == 2 and all(isinstance(s, int | float) for s in shares.values())
        for shares in keywords.values()
    )


def write_manifest(path: Path, **values: Any) -> None:
    """Write `emoscope.json` with the checksum of every other file of the folder but the card, which people edit."""
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    files = {name: sha256(path / name) for name in names if name != "README.md" and not name.startswith(MANIFEST)}
    write_atomically(path / MANIFEST, json.dumps(asdict(Manifest(files=files, **values)), indent=2) + "\n")


def resolve(
    name_or_path: str | Path | None, *, files: Sequence[str] = LIGHT_FILES, one_of: Sequence[Sequence[str]] = ()
) -> Path:
    """Folder of a model given as None or "bundled", a path, or a Hub id.

    Args:
        name_or_path: which model.
        files: what to download of a Hub id (into the Hub's cache), as patterns.
        one_of: kinds of further files, as patterns; the first kind that the repository has is downloaded.

    Raises:
        ModelError: there is no such folder, and no such model on the Hub, or it cannot be downloaded.
        ChecksumError: a downloaded file is damaged; it is removed, so that the next try downloads it again.
    """
    if name_or_path is None or name_or_path == "bundled":
        return BUNDLED
    path = Path(name_or_path)
    if str(name_or_path) and path.is_dir():
        return path
    if path.exists() or isinstance(name_or_path, Path) or not _HUB_ID.fullmatch(name_or_path):
        raise ModelError(
            f"no model at {str(name_or_path)!r}; give a model folder, a Hub id like owner/name, or 'bundled'"
        )
    for kind in one_of:
        folder = download(name_or_path, [*files, *kind])
        if holds(folder, kind):
            return folder
    return download(name_or_path, files)


def holds(folder: Path, patterns: Sequence[str]) -> bool:
    """Whether a folder has a file that one of the patterns names."""
    return any(file.is_file() for pattern in patterns for file in folder.glob(pattern))


def model_checksum(path: Path) -> str:
    """SHA-256 over the names and digests of the files that decide what a model folder or a checkpoint says, in hex."""
    return sha256_of_files(path, DECISIVE_FILES)


def _verify(path: Path, manifest: Manifest) -> None:
    for name, expected in manifest.files.items():
        file = path / name
        if not file.is_file():
            raise ChecksumError(f"{file} is missing, though {MANIFEST} lists it; install or download the model again")
        found = sha256(file)
        if found != expected:
            raise ChecksumError(
                f"{file} is damaged: its SHA-256 is {found}, {MANIFEST} has {expected}; "
                "install or download the model again"
            )


def _manifest_of(path: Path, config: Mapping[str, Any]) -> Manifest:
    config = {OLD_KEYS.get(key, key): value for key, value in config.items()}
    own = "normalizer" in config  # else temperature and max_length are settings of text generation
    try:
        temperature = float(config.get("temperature") or 1) if own else 1.0
        max_length = _max_length(path, config, own)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: a temperature or a length in its configuration is no number ({error})") from error
    return Manifest(normalizer=str(config.get("normalizer", "raw")), max_length=max_length, temperature=temperature)


def _max_length(path: Path, config: Mapping[str, Any], own: bool) -> int:
    """The shortest of what config, tokenizer and position embeddings allow."""
    limits = [(config.get("max_length") if own else None) or LONGEST_INPUT]
    if (path / "tokenizer_config.json").is_file():
        limits.append(_read_json(path / "tokenizer_config.json").get("model_max_length") or LONGEST_INPUT)
    if positions := config.get("max_position_embeddings"):
        after_padding = config.get("model_type") in POSITIONS_AFTER_PADDING
        limits.append(positions - (config.get("pad_token_id", 1) + 1 if after_padding else 0))
    return int(min(limits))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} must hold a JSON object, got {type(values).__name__}")
    return values
