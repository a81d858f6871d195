"""Raw results of the benchmarks as JSON, with the machine, commit, packages and seed they were measured with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def write(
    name: str,
    results: dict[str, Any],
    *,
    packages: tuple[str, ...],
    seed: int | None = None,
    folder: Path = RESULTS,
) -> Path:
    """Write `FOLDER/NAME.json` and return its path."""
    record = {
        "benchmark": name,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "machine": machine(),
        "packages": {package: version(package) for package in packages},
        "seed": seed,
        "results": results,
    }
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path


def machine() -> dict[str, Any]:
    """Processor, number of usable cores, vector instruction sets, system and Python version."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    values = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in values.items()}
    flags = fields.get("flags", "").split()
    return {
        "processor": fields.get("model name", platform.processor()),
        "cores": len(os.sched_getaffinity(0)),
        "instructions": [flag for flag in ("avx2", "avx512f", "avx512_vnni") if flag in flags],
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _git(*args: str) -> str:
    return subprocess.run(
        ["git", *args], capture_output=True, text=True, check=False, cwd=RESULTS.parent
    ).stdout.strip()
