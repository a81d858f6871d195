"""Model folders and checkpoints: the files in them, and where a model is found.

A model folder has the layout of transformers.js and optimum: `config.json`, `tokenizer.json`, `onnx/model.onnx` or
`onnx/model_quantized.onnx`, `README.md`; and emoscope's own `emoscope.json`, which folders of others lack. A checkpoint
has `model.safetensors` (or its shards, or `pytorch_model.bin`) instead of a graph.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoscope.calibrated import Calibration
from emoscope.checksums import sha256_of_files
from emoscope.errors import ModelError, require_extra
from emoscope.familiarity import KNOWN_WORDS, KnownWords
from emoscope.hub import download
from emoscope.labels import Labels
from emoscope.manifest import MANIFEST, Manifest, read_json, read_manifest
from emoscope.text import NORMALIZERS

BUNDLED = Path(__file__).parent / "bundled"
INSTALLED = ("bundled", "accurate")
"""Names of models that are installed as packages."""
BUNDLED_IN_0_1 = "e9945ffa1d6a48cb49e849adaac2aea946ec043ac00448d9e952a97bbca5a8eb"
"""`model_checksum` of the bundled model in emoscope 0.1: the same model with a manifest of format 1."""
GRAPHS = ("onnx/model.onnx", "onnx/model_quantized.onnx")
SAFETENSORS = ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin")
WEIGHTS = (SAFETENSORS, PICKLES)
"""File patterns of the weights of a checkpoint, the preferred kind first."""
VOCABULARIES = ("vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
TOKENIZERS = ("tokenizer.json", *VOCABULARIES)
"""Files from which a tokenizer can be read; one is enough."""

LIGHT_FILES = (
    *("config.json", MANIFEST, "README.md", KNOWN_WORDS, "tokenizer.json", "tokenizer_config.json"),
    *(*VOCABULARIES, "merges.txt", "special_tokens_map.json", "added_tokens.json"),
)
CASCADE = "cascade.json"
"""In the folder of the accurate model: the checksum of the bundled model, and thresholds of a cascade of both."""
DECISIVE_FILES = (CASCADE, *(name for name in LIGHT_FILES if name != "README.md"), *GRAPHS, *SAFETENSORS, *PICKLES)
"""Patterns of the files that determine the outputs of a model."""

AGREEMENT = 0.99
"""Share of texts for which a cascade gives the answer of the accurate model, unless another share is asked for."""
_CASCADE_NAME = re.compile(r"cascade(?::(\d*\.?\d+))?")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class ModelFolder:
    """An opened model folder or checkpoint, whose files have been compared with their checksums.

    Attributes:
        path: the folder.
        config: contents of `config.json`.
        manifest: contents of `emoscope.json`, or what replaces it.
    """

    path: Path
    config: Mapping[str, Any]
    manifest: Manifest

    @property
    def labels(self) -> Labels:
        """Label names in index order, without the neutral output."""
        outputs = Labels.from_config(self.config)
        return Labels(outputs.names[:-1]) if self.calibration.neutral_output else outputs

    @property
    def calibration(self) -> Calibration:
        """Temperature, thresholds, prediction sets and neutral output of the model."""
        return self.manifest.calibration

    @property
    def normalizer(self) -> Callable[[str], str]:
        """The normalizer that the manifest names.

        Raises:
            ModelError: there is no such normalizer.
        """
        name = self.manifest.normalizer
        if name not in NORMALIZERS:
            raise ModelError(f"{self.path} has the normalizer {name!r}; allowed: {', '.join(NORMALIZERS)}")
        return NORMALIZERS[name]

    @property
    def graph(self) -> Path | None:
        """The ONNX file; None if there is none."""
        return next((self.path / name for name in GRAPHS if (self.path / name).is_file()), None)

    @property
    def has_weights(self) -> bool:
        """Whether the folder has the weights of a checkpoint."""
        return any(holds(self.path, names) for names in WEIGHTS)

    @property
    def tokenizer(self) -> Path | None:
        """`tokenizer.json`; None in older repositories, which have a vocabulary instead."""
        path = self.path / "tokenizer.json"
        return path if path.is_file() else None

    @property
    def known_words(self) -> KnownWords | None:
        """Words of the texts that the model learnt from; None if the folder does not record them."""
        return KnownWords.read(self.path)

    @property
    def names_token_types(self) -> bool:
        """Whether `tokenizer_config.json` names token types as an input, so that `transformers` passes them."""
        file = self.path / "tokenizer_config.json"
        names = read_json(file).get("model_input_names") if file.is_file() else None
        return isinstance(names, list) and "token_type_ids" in names


def open_folder(path: Path) -> ModelFolder:
    """Read a model folder or a checkpoint and check its files.

    Raises:
        ModelError: a file is missing or cannot be read, or the model is not a classifier.
        LabelError: `config.json` names no labels.
        ChecksumError: a file differs from its checksum in `emoscope.json`.
    """
    if not (path / "config.json").is_file():
        raise ModelError(f"{path} is not a model folder: config.json is missing")
    if not holds(path, TOKENIZERS):
        raise ModelError(f"{path} is not a model folder: tokenizer.json is missing")
    manifest = read_manifest(path)
    folder = ModelFolder(path, read_json(path / "config.json"), manifest)
    if folder.config.get("problem_type") == "regression":
        raise ModelError(
            f"{path / 'config.json'} has problem_type 'regression', but emoscope runs classifiers; "
            "allowed: single_label_classification, multi_label_classification"
        )
    if folder.graph is None and not folder.has_weights:
        raise ModelError(
            f"{path} has neither an ONNX graph ({' or '.join(GRAPHS)}) nor weights ({SAFETENSORS[0]} or {PICKLES[0]}); "
            "give a folder that emoscope export or emoscope train wrote"
        )
    return folder


def resolve(
    name_or_path: str | Path | None, *, files: Sequence[str] = LIGHT_FILES, one_of: Sequence[Sequence[str]] = ()
) -> Path:
    """The folder of a model, which is downloaded first if it is on the Hub.

    Args:
        name_or_path: None or "bundled", "accurate", a path, or a Hub id.
        files: patterns of the files to download from the Hub into its cache.
        one_of: patterns of several kinds of files; the first kind that the repository has is downloaded as well.

    Raises:
        ModelError: there is no such folder, and no such model on the Hub, or it cannot be downloaded.
        MissingExtraError: the accurate model is not installed.
        ChecksumError: a downloaded file is damaged; it is removed, so that the next attempt downloads it again.
    """
    if name_or_path is None or name_or_path == "bundled":
        return BUNDLED
    if name_or_path == "accurate":
        return _accurate()
    if cascade_agreement(name_or_path) is not None:
        raise ModelError(f"{name_or_path} is two models, and this needs one; give 'bundled' or 'accurate'")
    path = Path(name_or_path)
    if str(name_or_path) and path.is_dir():
        return path
    if path.exists() or isinstance(name_or_path, Path) or not _HUB_ID.fullmatch(name_or_path):
        raise ModelError(
            f"no model at {str(name_or_path)!r}; give a model folder, a Hub id like owner/name, 'bundled' or 'accurate'"
        )
    for kind in one_of:
        folder = download(name_or_path, [*files, *kind])
        if holds(folder, kind):
            return folder
    return download(name_or_path, files)


def cascade_agreement(name: str | Path | None) -> float | None:
    """The share that the name of a cascade asks for: "cascade" or, for 95 %, "cascade:0.95"; None for other names."""
    match = _CASCADE_NAME.fullmatch(name) if isinstance(name, str) else None
    return match and float(match[1] or AGREEMENT)


def _accurate() -> Path:
    """The model folder in the package `emoscope_accurate`."""
    require_extra("accurate")
    import emoscope_accurate

    return Path(emoscope_accurate.__file__).parent / "model"


def holds(folder: Path, patterns: Sequence[str]) -> bool:
    """Whether a folder has a file that matches one of the patterns."""
    return any(file.is_file() for pattern in patterns for file in folder.glob(pattern))


def model_checksum(path: Path) -> str:
    """SHA-256 in hex over the names and digests of the files that determine the outputs of a model."""
    return sha256_of_files(path, DECISIVE_FILES)


def current_checksum(recorded: str) -> str:
    """A `model_checksum` that an earlier release recorded (other text around it stays) as this release computes it."""
    return recorded.replace(BUNDLED_IN_0_1, model_checksum(BUNDLED)) if BUNDLED_IN_0_1 in recorded else recorded
