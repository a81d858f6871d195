"""Initial word-piece embeddings of the compact student, from a pretrained encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from emoscope.errors import ModelError
from emoscope.model_folder import resolve

NEEDED = ("tokenizer.json", "model.safetensors")


def find_encoder(name_or_path: str) -> Path:
    """Folder of an encoder given as a path or a Hub id.

    Raises:
        ModelError: the encoder cannot be found, or a file that is needed is missing.
    """
    folder = resolve(name_or_path, files=("config.json", *NEEDED))
    for name in NEEDED:
        if not (folder / name).is_file():
            raise ModelError(f"{folder} has no {name}; a student needs an encoder with {' and '.join(NEEDED)}")
    return folder


def principal_components(encoder: Path, dimension: int, std: float) -> torch.Tensor:
    """The encoder's word-piece embeddings projected onto their first principal components.

    Args:
        encoder: folder with `model.safetensors`.
        dimension: components kept, at most the width of the embeddings.
        std: standard deviation of the result over all entries.

    Returns:
        float32 (vocabulary, dimension).

    Raises:
        ModelError: the embeddings cannot be read or are narrower than `dimension`.
    """
    embeddings = word_embeddings(encoder)
    if dimension > embeddings.shape[1]:
        raise ModelError(
            f"dimension is {dimension}, but the embeddings of {encoder} have {embeddings.shape[1]}; give at most that"
        )
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    _, components = np.linalg.eigh(centred.T @ centred)
    projected = centred @ components[:, ::-1][:, :dimension]
    return torch.tensor(projected * (std / projected.std()), dtype=torch.float32)


def word_embeddings(encoder: Path) -> NDArray[np.float32]:
    """An encoder's word-piece embeddings, float32 (vocabulary, width).

    Raises:
        ModelError: `model.safetensors` cannot be read, or does not hold exactly one such tensor.
    """
    file = encoder / "model.safetensors"
    try:
        with safe_open(file, framework="np") as tensors:
            names = [name for name in tensors.keys() if name.endswith("word_embeddings.weight")]  # noqa: SIM118
            if len(names) != 1:
                raise ModelError(f"{file} must hold one tensor named ...word_embeddings.weight, found {names}")
            embeddings: NDArray[np.float32] = tensors.get_tensor(names[0])
            return embeddings
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
