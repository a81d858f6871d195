"""First word-piece vectors of the compact student, from a pretrained encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from emoscope.errors import ModelError
from emoscope.model_folder import resolve

ENCODER_FILES = ("config.json", "tokenizer.json", "model.safetensors")


def find_encoder(name_or_path: str) -> Path:
    """Folder of an encoder given as a path or a Hub id.

    Raises:
        ModelError: there is none, or a file that is needed is not there.
    """
    folder = resolve(name_or_path, files=ENCODER_FILES)
    for name in ("tokenizer.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} is no encoder to start from: {name} is missing")
    return folder


def principal_vectors(encoder: Path, dimension: int, std: float) -> torch.Tensor:
    """The encoder's word-piece embeddings on their first principal components.

    Args:
        encoder: folder with `model.safetensors`.
        dimension: components kept, at most the encoder's width.
        std: standard deviation of the result over all entries.

    Returns:
        float32 (vocabulary, dimension).

    Raises:
        ModelError: no word-piece embeddings there, or they are narrower than `dimension`.
    """
    embeddings = word_embeddings(encoder / "model.safetensors")
    if dimension > embeddings.shape[1]:
        raise ModelError(
            f"dimension is {dimension}, but {encoder} has vectors of {embeddings.shape[1]}; give at most that"
        )
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    _, components = np.linalg.eigh(centred.T @ centred)
    projected = centred @ components[:, ::-1][:, :dimension]
    return torch.tensor(projected * (std / projected.std()), dtype=torch.float32)


def word_embeddings(file: Path) -> NDArray[np.float32]:
    """The tensor of an encoder's word-piece embeddings, float32 (vocabulary, width).

    Raises:
        ModelError: the file cannot be read, or does not hold exactly one.
    """
    try:
        with safe_open(file, framework="np") as tensors:
            names = [name for name in tensors.keys() if name.endswith("word_embeddings.weight")]  # noqa: SIM118
            if len(names) != 1:
                raise ModelError(f"{file} must hold one tensor ...word_embeddings.weight, found {names}")
            embeddings: NDArray[np.float32] = tensors.get_tensor(names[0])
            return embeddings
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
