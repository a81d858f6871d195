"""What a model folder holds, its checksums, and where a model is found.

The layout is that of transformers.js and optimum: `config.json`, `tokenizer.json`, `onnx/model.onnx`
or `onnx/model_quantized.onnx`, `README.md`; and ours, `emoscope.json`, which a foreign folder lacks.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from emoscope.errors import ChecksumError, ModelError
from emoscope.labels import Labels

BUNDLED = Path(__file__).parent / "bundled"
FORMAT = 1
MANIFEST = "emoscope.json"
GRAPHS = ("onnx/model.onnx", "onnx/model_quantized.onnx")
HUB_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "README.md", MANIFEST, *GRAPHS)

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class Manifest:
    """`emoscope.json`: what a model folder says of itself beyond `config.json`.

    Attributes:
        files: SHA-256 in hex of each file, by path inside the folder.
        text_form: the form of text the model was trained on, a name in `text.FORMS`.
        max_length: longest input in tokens, special tokens included.
        temperature: the logits are divided by it.
        parity: how far the graph is from the torch model it was exported from.
        format: version of this layout.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    text_form: str = "raw"
    max_length: int = 512
    temperature: float = 1.0
    parity: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class ModelFolder:
    """An opened model folder: every file is there and equals its recorded checksum."""

    path: Path
    config: Mapping[str, Any]
    manifest: Manifest

    @property
    def labels(self) -> Labels:
        """Label names in index order."""
        return Labels.from_config(self.config)

    @property
    def multi_label(self) -> bool:
        """Whether each label has a probability of its own (sigmoid), not one distribution (softmax)."""
        return self.config.get("problem_type") == "multi_label_classification"

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return next(self.path / name for name in GRAPHS if (self.path / name).is_file())

    @property
    def tokenizer(self) -> Path:
        """`tokenizer.json`."""
        return self.path / "tokenizer.json"


def open_folder(path: Path) -> ModelFolder:
    """Read a model folder and check its files.

    Raises:
        ModelError: a file is missing or cannot be read.
        ChecksumError: a file differs from the checksum in `emoscope.json`.
    """
    for name in ("config.json", "tokenizer.json"):
        if not (path / name).is_file():
            raise ModelError(f"{path} is not a model folder: {name} is missing")
    if not any((path / name).is_file() for name in GRAPHS):
        raise ModelError(f"{path} has no ONNX graph ({' or '.join(GRAPHS)}); make one with: emoscope export {path} OUT")
    manifest = read_manifest(path)
    _verify(path, manifest)
    return ModelFolder(path, _read_json(path / "config.json"), manifest)


def read_manifest(path: Path) -> Manifest:
    """The folder's `emoscope.json`; for a foreign folder the defaults, with its tokenizer's longest input."""
    if not (path / MANIFEST).is_file():
        return Manifest(max_length=_foreign_max_length(path))
    values = _read_json(path / MANIFEST)
    if values.get("format") != FORMAT:
        raise ModelError(
            f"{path / MANIFEST} has format {values.get('format')!r}, but this version of emoscope "
            f"reads {FORMAT}; upgrade emoscope"
        )
    unknown = set(values) - set(Manifest.__dataclass_fields__)
    if unknown:
        raise ModelError(f"{path / MANIFEST} has unknown keys {sorted(unknown)}")
    return Manifest(**values)


def write_manifest(path: Path, **values: Any) -> None:
    """Write `emoscope.json` with the checksum of every other file of the folder but the card, which people edit."""
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    files = {name: sha256(path / name) for name in names if name not in (MANIFEST, "README.md")}
    (path / MANIFEST).write_text(json.dumps(asdict(Manifest(files=files, **values)), indent=2) + "\n")


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def resolve(name_or_path: str | Path | None, *, files: Sequence[str] = HUB_FILES) -> Path:
    """Folder of a model given as None or "bundled", a path, or a Hub id.

    Args:
        name_or_path: which model.
        files: what to download of a Hub id (into the Hub's cache), as patterns.

    Raises:
        ModelError: there is no such folder, and no such model on the Hub.
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
    return _download(name_or_path, files)


def _download(hub_id: str, files: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(files)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"no folder {hub_id!r} here, and the Hub gave no such model: {reason}") from error


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


def _foreign_max_length(path: Path) -> int:
    limits = [512]
    if (path / "tokenizer_config.json").is_file():
        limits.append(_read_json(path / "tokenizer_config.json").get("model_max_length", 512))
    return int(min(limits))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} must hold a JSON object, got {type(values).__name__}")
    return values
