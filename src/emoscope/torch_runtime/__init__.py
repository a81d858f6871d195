"""Checkpoints on torch, under the same runtime contract as `OnnxModel`. Needs the extra `torch`.

It knows no text and no label; `EmotionClassifier.from_pretrained` composes it with the rest.
"""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("torch")

from emoscope.torch_runtime.checkpoint import read_model, read_module, read_tokenizer
from emoscope.torch_runtime.gradients import IntegratedGradients
from emoscope.torch_runtime.model import TorchModel
from emoscope.torch_runtime.stream import PackedModel

__all__ = ["IntegratedGradients", "PackedModel", "TorchModel", "read_model", "read_module", "read_tokenizer"]
