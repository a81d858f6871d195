"""The compact student: its torch module and its checkpoint. Needs the extra `compact`.

This folder is to the compact student what `transformers` is to DistilBERT: the definition that training, export and
torch_runtime share. It knows no recipe and no ONNX.
"""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("compact")

from emoscope.compact.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from emoscope.compact.model import CompactModel, CompactShape, pad

__all__ = ["Checkpoint", "CompactModel", "CompactShape", "load_checkpoint", "pad", "save_checkpoint"]
