"""Reads a checkpoint, a folder with `config.json` and weights, into a module from token ids to logits."""

from __future__ import annotations

import json
from pathlib import Path

import tokenizers
import torch
from torch import Tensor, nn

from emoscope.compact import CompactModel, load_checkpoint
from emoscope.compact.checkpoint import MODEL_TYPE
from emoscope.errors import ModelError
from emoscope.quiet import quiet_transformers


class _Compact(nn.Module):
    """A compact student over rows without padding."""

    def __init__(self, model: CompactModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        """*Shape:* int64 (rows, length) -> float32 (rows, labels)."""
        logits: Tensor = self.model(ids, torch.ones_like(ids, dtype=torch.bool))
        return logits


class _Transformer(nn.Module):
    """A sequence classifier of `transformers` over rows without padding; token types, where there are any, are 0."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        """*Shape:* int64 (rows, length) -> float32 (rows, labels)."""
        logits: Tensor = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        return logits


def read_module(folder: Path) -> nn.Module:
    """The checkpoint's module, in float32: token ids int64 (rows, length), without padding -> logits (rows, labels).

    Raises:
        ModelError: the checkpoint cannot be read, is of an unknown architecture, or has no classification head.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") == MODEL_TYPE:
        return _Compact(load_checkpoint(folder).model)
    return _Transformer(_sequence_classifier(folder))


def read_tokenizer(folder: Path) -> tokenizers.Tokenizer:
    """The tokenizer of a repository that has no `tokenizer.json`, converted by `transformers`.

    Raises:
        ModelError: there are no tokenizer files, or none that can be converted.
    """
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            backend: tokenizers.Tokenizer = tokenizer.backend_tokenizer
            return backend
    except Exception as error:  # the library raises whatever its many readers meet
        raise ModelError(
            f"no tokenizer can be made from the files in {folder} ({_first_line(error)}); "
            "add its tokenizer.json (for a spiece.model: pip install sentencepiece)"
        ) from error


def _sequence_classifier(folder: Path) -> nn.Module:
    from transformers import AutoModelForSequenceClassification

    try:
        with quiet_transformers():
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:  # the library raises whatever its many readers meet
        raise ModelError(f"no checkpoint can be read from {folder}: {_first_line(error)}") from error
    if missing := sorted(loading["missing_keys"]):
        raise ModelError(
            f"{folder} is no whole classifier, its weights lack {', '.join(missing[:3])}; "
            "fine-tune it first: emoscope train --model"
        )
    module: nn.Module = model
    return module


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
