"""Trains the compact student: word-piece vectors, the module, the temperature; writes its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.calibration import fit_temperature
from emoscope.compact import Checkpoint, CompactModel, CompactRuntime, save_checkpoint
from emoscope.data import Examples
from emoscope.text import FORMS
from emoscope.tokenization import TokenBatch, Tokenizer
from emoscope.training.config import CompactConfig
from emoscope.training.fitting import fit
from emoscope.training.progress import OnProgress, Progress, no_progress
from emoscope.training.vectors import find_encoder, principal_vectors

TEXT_FORM = "plain"


def train_student(
    config: CompactConfig, splits: Mapping[str, Examples], folder: Path, *, progress: OnProgress = no_progress
) -> None:
    """Train on the split "train" and write the checkpoint into `folder`.

    The temperature is fitted on rows that its model has not seen: a second student, trained first on the other
    training rows, scores a random `calibration_share` of them. No validation row is used.

    Args:
        config: the recipe.
        splits: "train"; others are not looked at.
        folder: an existing folder.
        progress: called after each step of both trainings.

    Raises:
        ModelError: the encoder to start from cannot be found or read.
    """
    train = splits["train"]
    encoder = find_encoder(config.vectors)
    tokenizer = Tokenizer.from_file(encoder / "tokenizer.json", max_length=config.max_length)
    vectors = principal_vectors(encoder, config.dimension, config.vector_std)
    model, temperature = _fit_calibrated(vectors, tokenizer, train, config, progress)
    checkpoint = Checkpoint(model, train.labels, encoder / "tokenizer.json", TEXT_FORM, config.max_length, temperature)
    save_checkpoint(checkpoint, folder)


def _fit_calibrated(
    vectors: torch.Tensor, tokenizer: Tokenizer, train: Examples, config: CompactConfig, progress: OnProgress
) -> tuple[CompactModel, float]:
    """The student of all rows, and the temperature found with a student of a part of them."""
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(config.seed)).numpy()
    held_out, rest = np.split(order, [max(1, round(config.calibration_share * len(order)))])

    def fit_on(examples: Examples, stage: str) -> CompactModel:
        batch, label_ids = _encode(tokenizer, examples)
        return fit(
            vectors,
            _rows(batch),
            torch.from_numpy(label_ids),
            len(train.labels),
            config,
            lambda done, total, loss: progress(Progress(stage, done, total, loss)),
        )

    batch, label_ids = _encode(tokenizer, train.subset(held_out))
    logits = CompactRuntime(fit_on(train.subset(rest), "temperature")).logits(batch)
    return fit_on(train, "student"), fit_temperature(logits, label_ids)


def _encode(tokenizer: Tokenizer, examples: Examples) -> tuple[TokenBatch, NDArray[np.int64]]:
    """Rows of token ids, and the label id of each: a long text is several rows with its label."""
    batch = tokenizer.encode([FORMS[TEXT_FORM](text) for text in examples.texts])
    return batch, examples.label_ids[batch.text_index]


def _rows(batch: TokenBatch) -> list[list[int]]:
    ids, bounds = batch.ids.tolist(), batch.offsets.tolist()
    return [ids[start:stop] for start, stop in pairwise(bounds)]
