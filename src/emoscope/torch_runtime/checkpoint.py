"""Reads a checkpoint, a folder with `config.json` and weights, into a module from token ids to logits."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import tokenizers
import torch
from torch import Tensor

from emoscope.compact import CompactModel, load_checkpoint
from emoscope.compact.checkpoint import MODEL_TYPE
from emoscope.errors import ModelError
from emoscope.pretrained import read_fast_tokenizer, read_sequence_classifier
from emoscope.torch_runtime.architectures import pack
from emoscope.torch_runtime.model import DTYPES, EmbeddedModule, TorchModel, count_parameters, existing_device
from emoscope.torch_runtime.stream import PackedModel


class _Compact(EmbeddedModule):
    """A compact student over rows without padding."""

    def __init__(self, model: CompactModel) -> None:
        super().__init__()
        self.model = model

    @property
    def vocabulary(self) -> int:
        """Number of ids that have a vector."""
        return self.model.shape.vocabulary

    def forward(self, ids: Tensor) -> Tensor:
        """*Shape:* int64 (rows, length) -> float32 (rows, labels)."""
        return self.from_embedded(self.embed(ids))

    def embed(self, ids: Tensor) -> Tensor:
        """*Shape:* int64 (rows, length) -> float32 (rows, length, dimension)."""
        return self.model.embed(ids)

    def from_embedded(self, embedded: Tensor) -> Tensor:
        """*Shape:* float32 (rows, length, dimension) -> float32 (rows, labels)."""
        mask = torch.ones(embedded.shape[:2], dtype=torch.bool, device=embedded.device)
        return self.model.classify(embedded, mask)


class _Transformer(EmbeddedModule):
    """A sequence classifier of `transformers` over rows without padding; token types, where there are any, are 0."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    @property
    def vocabulary(self) -> int:
        """Number of ids that have a vector, where the model says so."""
        return int(getattr(self.model.get_input_embeddings(), "num_embeddings", sys.maxsize))

    def forward(self, ids: Tensor) -> Tensor:
        """*Shape:* int64 (rows, length) -> float32 (rows, labels)."""
        logits: Tensor = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        return logits

    def embed(self, ids: Tensor) -> Tensor:
        """*Shape:* int64 (rows, length) -> float32 (rows, length, size); positions are added later."""
        vectors: Tensor = self.model.get_input_embeddings()(ids)
        return vectors

    def from_embedded(self, embedded: Tensor) -> Tensor:
        """*Shape:* float32 (rows, length, size) -> float32 (rows, labels)."""
        mask = torch.ones(embedded.shape[:2], dtype=torch.int64, device=embedded.device)
        logits: Tensor = self.model(inputs_embeds=embedded, attention_mask=mask).logits
        return logits


def read_model(folder: Path, *, device: str = "cpu", dtype: str | None = None) -> PackedModel | TorchModel:
    """The checkpoint under the runtime contract: packed where it is one of the four families, else as it is.

    Args:
        folder: `config.json` and weights.
        device: "cpu", "cuda", or "cuda:1" for the second GPU.
        dtype: a name in `DTYPES`; None for float16 where it is packed and on CUDA, else float32.

    Raises:
        ModelError: there is no such device here, or no such precision, or as `read_module`.
    """
    existing_device(device)
    if dtype not in {None, *DTYPES}:
        raise ModelError(f"there is no dtype {dtype!r}; allowed: {', '.join(DTYPES)}")
    module = read_module(folder)
    encoder = pack(module.model) if isinstance(module, _Transformer) else None
    if encoder is None:
        return TorchModel(module, device=device, dtype=DTYPES[dtype or "float32"])
    precision = DTYPES[dtype] if dtype else None
    return PackedModel(encoder, parameters=count_parameters(module), device=device, dtype=precision)


def read_module(folder: Path) -> EmbeddedModule:
    """The checkpoint's module, in float32: token ids int64 (rows, length), without padding -> logits (rows, labels).

    Raises:
        ModelError: the checkpoint cannot be read, is of an unknown architecture, or has no classification head.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") == MODEL_TYPE:
        return _Compact(load_checkpoint(folder).model)
    return _Transformer(read_sequence_classifier(folder))


def read_tokenizer(folder: Path) -> tokenizers.Tokenizer:
    """The tokenizer of a repository that has no `tokenizer.json`, converted by `transformers`.

    Raises:
        ModelError: there are no tokenizer files, or none that can be converted.
    """
    tokenizer: tokenizers.Tokenizer = read_fast_tokenizer(folder).backend_tokenizer
    return tokenizer
