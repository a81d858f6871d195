"""What a model takes: bytes on disk, and the memory of a process that uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emoscope.evaluation.timing import resident_bytes
from emoscope.model_folder import GRAPHS, LIGHT_FILES, WEIGHTS, resolve

STATUS = Path("/proc/self/status")

_PROGRAM = """
import json, sys
from emoscope.classifier import EmotionClassifier
from emoscope.evaluation.footprint import highest_resident_bytes
EmotionClassifier.from_pretrained(sys.argv[1]).predict_proba(json.load(sys.stdin))
print(highest_resident_bytes())
"""


@dataclass(frozen=True)
class Footprint:
    """What a model takes; None for what was not measured.

    Attributes:
        size_bytes: see the function of that name.
        peak_rss_bytes: see the function of that name.
    """

    size_bytes: int | None = None
    peak_rss_bytes: int | None = None


def measure_footprint(name: str, texts: Sequence[str], *, memory: bool = True) -> Footprint:
    """Measure a model; without `memory` only its size on disk. Arguments as for `peak_rss_bytes`."""
    return Footprint(size_bytes(name), peak_rss_bytes(name, texts) if memory else None)


def size_bytes(name: str) -> int | None:
    """Bytes on disk of the files that a model is loaded from on a CPU: graph or weights, configuration and tokenizer.

    Links, such as those of the Hub's cache, are followed. None where no weights are found.

    Args:
        name: as `EmotionClassifier.from_pretrained` takes it.
    """
    folder = resolve(name)
    weights = next(filter(None, _weights(folder)), None)
    if weights is None:
        return None
    others = [folder / part for part in LIGHT_FILES if part != "README.md" and (folder / part).is_file()]
    return sum(file.stat().st_size for file in (*weights, *others))


def peak_rss_bytes(name: str, texts: Sequence[str]) -> int | None:
    """Highest resident memory of a new process that loads a model and scores texts, in bytes.

    The whole process counts: interpreter and libraries too. None where the process fails, or its system
    does not tell (Windows).

    Args:
        name: as `EmotionClassifier.from_pretrained` takes it.
        texts: what is scored.
    """
    command = [sys.executable, "-c", _PROGRAM, name]
    child = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=False)
    last = (child.stdout.split() or [""])[-1]
    return int(last) if child.returncode == 0 and last.isdigit() else None


def highest_resident_bytes() -> int | None:
    """The most memory that this process ever held; None where the system does not tell.

    On Linux not from `getrusage`, whose figure a process inherits from the one that started it.
    """
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return resident_bytes()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _weights(folder: Path) -> list[list[Path]]:
    """Files of each kind of weights, in the order in which they are looked for: a graph with its data, or tensors."""
    kinds = [(f"{graph}*",) for graph in GRAPHS] + [*WEIGHTS]
    return [sorted(file for pattern in kind for file in folder.glob(pattern)) for kind in kinds]
