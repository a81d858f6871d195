"""emoscope: which of six emotions an English text expresses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from emoscope.labels import EMOTIONS
from emoscope.prediction import Prediction

if TYPE_CHECKING:
    from emoscope.classifier import EmotionClassifier

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime reads it at its import, here and in the processes we start

__version__ = "0.2.0"
__all__ = ["EMOTIONS", "EmotionClassifier", "Prediction", "__version__", "frame"]


def __getattr__(name: str) -> Any:
    if name == "EmotionClassifier":
        from emoscope.classifier import EmotionClassifier

        return EmotionClassifier
    if name == "frame":
        from emoscope.frames import frame

        return frame
    raise AttributeError(f"module 'emoscope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
