"""Loads a checkpoint, a folder with `config.json` and weights, as a runtime or a module."""

from __future__ import annotations

from pathlib import Path

import torch

from emoscope.compact import load_checkpoint
from emoscope.compact.checkpoint import MODEL_TYPE
from emoscope.errors import ModelError
from emoscope.manifest import read_json
from emoscope.torch_runtime.architectures import pack
from emoscope.torch_runtime.checks import existing_device
from emoscope.torch_runtime.modules import CompactClassifier, SequenceClassifier, TransformersClassifier
from emoscope.torch_runtime.packed_model import PackedModel
from emoscope.torch_runtime.pretrained import load_sequence_classifier
from emoscope.torch_runtime.torch_model import TorchModel, count_parameters

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Precisions by name."""


def load_runtime(folder: Path, *, device: str = "cpu", dtype: str | None = None) -> PackedModel | TorchModel:
    """The checkpoint as a runtime: packed if its architecture is one of the four, otherwise `transformers`' own module.

    Args:
        folder: `config.json` and weights.
        device: "cpu", "cuda", or "cuda:1" for the second GPU.
        dtype: a name in `DTYPES`; None for float16 if the model is packed and on CUDA, otherwise float32.

    Raises:
        ModelError: this machine has no such device, there is no such precision, or as for `load_module`.
    """
    existing_device(device)
    if dtype not in {None, *DTYPES}:
        raise ModelError(f"there is no dtype {dtype!r}; allowed: {', '.join(DTYPES)}")
    module = load_module(folder)
    encoder = pack(module.model) if isinstance(module, TransformersClassifier) else None
    if encoder is None:
        return TorchModel(module, device=device, dtype=DTYPES[dtype or "float32"])
    parameters = count_parameters(module)
    return PackedModel(encoder, parameters=parameters, device=device, dtype=DTYPES[dtype] if dtype else None)


def load_module(folder: Path) -> SequenceClassifier:
    """The checkpoint's module, in float32 and evaluation mode, on the CPU.

    Raises:
        ModelError: the checkpoint cannot be read, its architecture is unknown, or it has no classification head.
    """
    config = read_json(folder / "config.json")
    if config.get("model_type") == MODEL_TYPE:
        return CompactClassifier(load_checkpoint(folder).model)
    return TransformersClassifier(load_sequence_classifier(folder))
