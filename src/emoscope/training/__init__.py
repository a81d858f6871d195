"""Training, cross-validation, distillation: recipe and examples in, checkpoint out. Needs the extra `train`.

`config` alone works on the base install, so that the command line can list every recipe key.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from emoscope.deprecation import warn_renamed
from emoscope.errors import require_extra

__all__ = ["FoldEnsemble", "Progress", "cross_validate", "distill", "train", "train_seeds"]

_MODULES = {
    "FoldEnsemble": "fold_ensemble",
    "Progress": "progress",
    "cross_validate": "cross_validation",
    "distill": "distillation",
    "train": "trainer",
    "train_seeds": "seeds",
}


def __getattr__(name: str) -> Any:
    if name == "CrossFitted":
        warn_renamed("emoscope.training.CrossFitted", "FoldEnsemble")
        name = "FoldEnsemble"
    if name not in _MODULES:
        raise AttributeError(f"module 'emoscope.training' has no attribute {name!r}")
    require_extra("train")
    return getattr(import_module(f"emoscope.training.{_MODULES[name]}"), name)
