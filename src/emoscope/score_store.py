"""Probabilities on disk under the digest of their texts, so that an interrupted run scores nothing twice.

Knows neither the model nor what the probabilities are for.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.files import write_atomically

Score = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to probabilities, float32 (texts, labels)."""

_CHECKSUM_BYTES = 32
_SLAB = 4096  # texts joined at once for the digest


class ScoreStore:
    """A folder with one `.npy` file for each sequence of texts that was scored.

    Attributes:
        folder: the folder; it exists when the first scores are asked for.
        damaged: number of files whose content was damaged, so that the texts were scored again.
    """

    def __init__(self, folder: Path, model: str = "") -> None:
        """Name the folder; nothing is read or written.

        Args:
            folder: where the files are.
            model: identifies the model among those that share the folder; "" where there is only one.
        """
        self.folder = folder
        self._model = model
        self.damaged = 0

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob("*.npy"))

    def scores(self, texts: Sequence[str], score: Score) -> NDArray[np.float32]:
        """The probabilities of the texts: those on disk, else those that `score` returns, which are then kept."""
        digest = texts_digest(texts)
        name = hashlib.sha256(f"{self._model} {digest}".encode()).hexdigest() if self._model else digest
        file = self.folder / f"{name}.npy"
        if file.exists():
            kept = _read(file, len(texts))
            if kept is not None:
                return kept
            self.damaged += 1
        scores = score(texts)
        content = io.BytesIO()
        np.save(content, scores, allow_pickle=False)
        write_atomically(file, content.getvalue() + hashlib.sha256(content.getvalue()).digest(), durable=True)
        return scores


def _read(file: Path, rows: int) -> NDArray[np.float32] | None:
    """The scores in a file, which end with their SHA-256; None if they are damaged."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    array, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    if hashlib.sha256(array).digest() == checksum:
        scores: NDArray[np.float32] = np.load(io.BytesIO(array), allow_pickle=False)
        return scores
    return _read_of_0_1(content, rows)


def _read_of_0_1(content: bytes, rows: int) -> NDArray[np.float32] | None:
    """The scores in a file of emoscope 0.1, which has no checksum, if they can be probabilities of as many texts."""
    file = io.BytesIO(content)
    with suppress(Exception):  # a damaged header raises errors of many kinds
        scores: NDArray[np.float32] = np.load(file, allow_pickle=False)
        is_whole = file.tell() == len(content) and scores.dtype == np.float32 and scores.ndim == 2
        if is_whole and len(scores) == rows and bool(np.all((scores >= 0) & (scores <= 1)) and scores.any(1).all()):
            return scores
    return None


def texts_digest(texts: Sequence[str]) -> str:
    """SHA-256 over the lengths of the texts (int64, in characters) and the texts (UTF-8), in hex."""
    digest = hashlib.sha256(np.fromiter(map(len, texts), np.int64, len(texts)).tobytes())
    for start in range(0, len(texts), _SLAB):
        digest.update("".join(texts[start : start + _SLAB]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
