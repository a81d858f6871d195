"""Exports a checkpoint to a model folder with one ONNX graph that agrees with torch. Needs the extra `export`."""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("export")

from emoscope.export.exporter import export
from emoscope.export.parity import Parity

__all__ = ["Parity", "export"]
