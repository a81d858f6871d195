"""Size of a model on disk, and peak memory of a process that uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from emoscope.model_folder import GRAPHS, LIGHT_FILES, WEIGHTS, resolve

_PROGRAM = """
import json, sys
from emoscope.classifier import EmotionClassifier
from emoscope.evaluation.timing import resident_bytes
EmotionClassifier.from_pretrained(sys.argv[1]).predict_proba(json.load(sys.stdin))
print(resident_bytes(peak=True))
"""


@dataclass(frozen=True)
class Footprint:
    """Size and memory of a model; None for what was not measured.

    Attributes:
        size_bytes: see the function `size_bytes`.
        peak_rss_bytes: see the function `peak_rss_bytes`.
    """

    size_bytes: int | None = None
    peak_rss_bytes: int | None = None


def measure_footprint(name: str, texts: Sequence[str], *, memory: bool = True) -> Footprint:
    """Measure a model; without `memory`, only its size on disk. Other arguments as in `peak_rss_bytes`."""
    return Footprint(size_bytes(name), peak_rss_bytes(name, texts) if memory else None)


def size_bytes(name: str) -> int | None:
    """Bytes on disk of the files that a model is loaded from on a CPU: graph or weights, configuration and tokenizer.

    Links, such as those of the Hub's cache, are followed. None if there are no weights.

    Args:
        name: as `EmotionClassifier.from_pretrained` takes it.
    """
    folder = resolve(name)
    kinds = [(f"{graph}*",) for graph in GRAPHS] + [*WEIGHTS]  # a graph has its data beside it
    files = ([file for pattern in kind for file in folder.glob(pattern)] for kind in kinds)
    weights = next(filter(None, files), None)
    if weights is None:
        return None
    others = [folder / part for part in LIGHT_FILES if part != "README.md" and (folder / part).is_file()]
    return sum(file.stat().st_size for file in (*weights, *others))


def peak_rss_bytes(name: str, texts: Sequence[str]) -> int | None:
    """Peak resident memory, in bytes, of a new process that loads a model and scores texts.

    The whole process counts, including interpreter and libraries. None if the process fails, or if the system does not
    report its memory (Windows).

    Args:
        name: as `EmotionClassifier.from_pretrained` takes it.
        texts: the texts to score.
    """
    command = [sys.executable, "-c", _PROGRAM, name]
    child = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=False)
    last = (child.stdout.split() or [""])[-1]
    return int(last) if child.returncode == 0 and last.isdigit() else None
