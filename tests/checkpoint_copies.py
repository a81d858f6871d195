"""Copies of checkpoints with other configurations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any


def copy(folder: Path, target: Path, **changes: Any) -> Path:
    """A copy of a checkpoint with other values in its config.json; None removes one."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text("utf-8")) | changes
    kept = {key: value for key, value in config.items() if value is not None}
    (target / "config.json").write_text(json.dumps(kept), encoding="utf-8")
    return target
