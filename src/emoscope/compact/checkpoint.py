"""A compact student on disk, in the Hugging Face layout: config.json, model.safetensors, tokenizer.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from emoscope.compact.model import CompactModel, CompactShape
from emoscope.errors import ModelError
from emoscope.labels import Labels
from emoscope.manifest import read_json
from emoscope.neutral import Neutral

MODEL_TYPE = "emoscope-compact"
_REQUIRED = ("vocab_size", "embedding_size", "hidden_size", "max_length", "temperature")


@dataclass(frozen=True)
class Checkpoint:
    """A trained compact student and what it needs to read texts.

    Attributes:
        model: the module, in evaluation mode.
        labels: the names of its outputs, the neutral output included.
        tokenizer: path of its `tokenizer.json`, in any folder.
        normalizer: a name in `text.NORMALIZERS`.
        max_length: maximum number of tokens in an input.
        temperature: divisor of the logits.
        neutral: how the log-odds of the neutral output become a probability; None if the model has no such output.
    """

    model: CompactModel
    labels: Labels
    tokenizer: Path
    normalizer: str
    max_length: int
    temperature: float
    neutral: Neutral | None = None


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write the checkpoint into an existing folder."""
    shape = checkpoint.model.shape
    config = {
        "model_type": MODEL_TYPE,
        "architectures": ["CompactModel"],
        "problem_type": "single_label_classification",
        "id2label": checkpoint.labels.id2label,
        "label2id": checkpoint.labels.label2id,
        "vocab_size": shape.vocabulary,
        "embedding_size": shape.dimension,
        "hidden_size": shape.hidden,
        "max_length": checkpoint.max_length,
        "normalizer": checkpoint.normalizer,
        "temperature": checkpoint.temperature,
    }
    if checkpoint.neutral:
        config["neutral"] = asdict(checkpoint.neutral)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tensors = {name: tensor.contiguous() for name, tensor in checkpoint.model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_bytes(checkpoint.tokenizer.read_bytes())


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ModelError: a file is missing or damaged, or the checkpoint is one of another model.
    """
    try:
        config = read_json(folder / "config.json")
        tensors = load_file(folder / "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"the checkpoint in {folder} cannot be read: {error}") from error
    if config.get("model_type") != MODEL_TYPE:
        raise ModelError(f"{folder} has the model type {config.get('model_type')!r}; allowed: {MODEL_TYPE}")
    labels = Labels.from_config(config)
    if missing := [key for key in _REQUIRED if key not in config]:
        raise ModelError(f"{folder / 'config.json'} has no {', '.join(missing)}; give a checkpoint of emoscope train")
    shape = CompactShape(config["vocab_size"], config["embedding_size"], config["hidden_size"], len(labels))
    try:
        with torch.device("meta"):  # without memory, until it is known that the weights have this shape
            CompactModel(shape).load_state_dict(tensors, assign=True)
        model = CompactModel(shape)
        model.load_state_dict(tensors)
    except (RuntimeError, TypeError) as error:
        details = " ".join(str(error).split())
        raise ModelError(f"{folder}: model.safetensors does not fit config.json: {details}") from error
    return Checkpoint(
        model.eval(),
        labels,
        folder / "tokenizer.json",
        config.get("normalizer", config.get("text_form", "raw")),  # the key in emoscope 0.1
        config["max_length"],
        config["temperature"],
        Neutral(**config["neutral"]) if "neutral" in config else None,
    )
