"""Runs checkpoints on torch, under the same runtime contract as `OnnxModel`. Needs the extra `torch`.

It knows no text and no label names; `EmotionClassifier.from_pretrained` combines it with a tokenizer and labels.
"""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("torch")

from emoscope.torch_runtime.gradients import IntegratedGradients
from emoscope.torch_runtime.loading import load_module, load_runtime
from emoscope.torch_runtime.modules import CompactClassifier, TransformersClassifier
from emoscope.torch_runtime.packed_model import PackedModel
from emoscope.torch_runtime.torch_model import TorchModel

__all__ = [
    "CompactClassifier",
    "IntegratedGradients",
    "PackedModel",
    "TorchModel",
    "TransformersClassifier",
    "load_module",
    "load_runtime",
]
