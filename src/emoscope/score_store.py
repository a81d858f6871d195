"""Probabilities on disk under the digest of their texts, so that an interrupted run scores nothing twice.

Knows neither the model nor what the probabilities are for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.files import staged_file

Score = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to probabilities, float32 (texts, labels)."""

_SLAB = 4096  # texts joined at once for the digest


class ScoreStore:
    """A folder with one `.npy` file for each sequence of texts that was scored.

    Attributes:
        folder: the folder; it exists when the first scores are asked for.
    """

    def __init__(self, folder: Path, model: str = "") -> None:
        """Name the folder; nothing is read or written.

        Args:
            folder: where the files are.
            model: identifies the model among those that share the folder; "" where there is only one.
        """
        self.folder = folder
        self._model = model

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob("*.npy"))

    def scores(self, texts: Sequence[str], score: Score) -> NDArray[np.float32]:
        """The probabilities of the texts: those on disk, else those that `score` returns, which are then kept."""
        digest = texts_digest(texts)
        name = hashlib.sha256(f"{self._model} {digest}".encode()).hexdigest() if self._model else digest
        file = self.folder / f"{name}.npy"
        with suppress(OSError, ValueError, EOFError):  # it is missing or damaged
            kept: NDArray[np.float32] = np.load(file, allow_pickle=False)
            return kept
        scores = score(texts)
        with staged_file(file, durable=True) as new, new.open("wb") as content:
            np.save(content, scores, allow_pickle=False)
        return scores


def texts_digest(texts: Sequence[str]) -> str:
    """SHA-256 over the lengths of the texts (int64, in characters) and the texts (UTF-8), in hex."""
    digest = hashlib.sha256(np.fromiter(map(len, texts), np.int64, len(texts)).tobytes())
    for start in range(0, len(texts), _SLAB):
        digest.update("".join(texts[start : start + _SLAB]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
