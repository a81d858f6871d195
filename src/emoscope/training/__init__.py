"""Training, cross-fitting, distillation: recipe and examples in, checkpoint out. Needs the extra `train`.

`config` alone works on the base install, so that the command line can show every recipe key.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from emoscope.errors import require_extra

__all__ = ["CrossFitted", "Progress", "cross_validate", "distill", "train"]

_ROOMS = {
    "CrossFitted": "crossfit",
    "Progress": "progress",
    "cross_validate": "crossfit",
    "distill": "distillation",
    "train": "trainer",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'emoscope.training' has no attribute {name!r}")
    require_extra("train")
    return getattr(import_module(f"emoscope.training.{_ROOMS[name]}"), name)
