"""The teachers' soft targets, stored on disk chunk by chunk so that an interrupted run scores no text twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.score_store import ScoreStore
from emoscope.training.objective import soften
from emoscope.training.progress import OnProgress, Progress
from emoscope.training.teachers import Teacher

CHUNK = 1024
"""Texts scored and stored at once."""


def soft_targets(
    teachers: Sequence[Teacher], texts: Sequence[str], temperature: float, folder: Path, progress: OnProgress
) -> NDArray[np.float32]:
    """Mean of the teachers' softened probabilities.

    Args:
        teachers: at least one.
        texts: any number of texts.
        temperature: see `soften`.
        folder: where probabilities are stored, and read from if they are there.
        progress: called before the first chunk and after each, with one stage per teacher.

    Returns:
        float32 (texts, labels).

    Raises:
        ModelError: a teacher cannot be loaded, or does not return probabilities.
    """
    folder.mkdir(parents=True, exist_ok=True)
    softened = []
    for number, teacher in enumerate(teachers, start=1):
        stage, store = f"teacher {number}/{len(teachers)}", ScoreStore(folder, teacher.checksum)
        scorer, chunks = teacher.scorer(), []
        progress(Progress(stage, 0, len(texts), unit="text"))
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            chunks.append(store.scores(chunk, scorer))
            progress(Progress(stage, start + len(chunk), len(texts), unit="text"))
        softened.append(soften(np.concatenate(chunks), temperature))
    mean: NDArray[np.float32] = np.mean(softened, axis=0)
    return mean
