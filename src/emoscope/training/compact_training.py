"""Trains the compact student on a corpus: embeddings, model and temperature; writes its checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.calibrated import Calibration
from emoscope.calibration import fit_temperature
from emoscope.compact import Checkpoint, CompactModel, save_checkpoint
from emoscope.data import Examples
from emoscope.neutral import Neutral
from emoscope.text import NORMALIZERS
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime import CompactClassifier, TorchModel
from emoscope.training.config import CompactConfig, CompactStudentConfig
from emoscope.training.corpus import Corpus
from emoscope.training.embeddings import find_encoder, principal_components
from emoscope.training.keyword_reader import fit_reader
from emoscope.training.loss_plot import HISTORY_FILE
from emoscope.training.objective import geometric_mean, soften
from emoscope.training.progress import OnProgress, Progress, no_progress
from emoscope.training.recombination import recombine
from emoscope.training.run_folder import CHECKPOINTS
from emoscope.training.training_loop import TokenizedRows, fit
from emoscope.training.training_state import epoch_losses

NORMALIZER = "marked"

TeacherScores = Callable[[Sequence[str]], NDArray[np.float32]]
"""Scores texts with the teachers: softened probabilities, float32 (texts, labels)."""


@dataclass(frozen=True)
class InitialStudent:
    """A compact student before training.

    Attributes:
        encoder: folder of the pretrained encoder that it starts from.
        tokenizer: content of the encoder's `tokenizer.json` without special tokens, which a model that pools over all
            states does not need.
        embeddings: float32 (vocabulary, dimension), word-piece embeddings of the encoder.
    """

    encoder: Path
    tokenizer: str
    embeddings: torch.Tensor

    @classmethod
    def read(cls, config: CompactConfig) -> InitialStudent:
        """Read the encoder that a recipe names.

        Raises:
            ModelError: it cannot be found or read, or its embeddings are narrower than the student's.
        """
        encoder = find_encoder(config.embeddings)
        tokenizer = json.loads((encoder / "tokenizer.json").read_text(encoding="utf-8"))
        without_special_tokens = json.dumps(tokenizer | {"post_processor": None}, ensure_ascii=False)
        embeddings = principal_components(encoder, config.dimension, config.embedding_std)
        return cls(encoder, without_special_tokens, embeddings)


def train_compact(
    config: CompactConfig,
    initial: InitialStudent,
    corpus: Corpus,
    folder: Path,
    teacher_scores: TeacherScores | None = None,
    *,
    progress: OnProgress = no_progress,
) -> None:
    """Train on a corpus and write the checkpoint into `folder`.

    The temperature is fitted on rows that its model has not seen: a first student is trained without a random
    `calibration_share` of the training rows and without what was made from them, and scores those rows. No validation
    row is used. Epochs that an interrupted run left in the folder are not trained again.

    Args:
        config: the recipe.
        initial: the student before training.
        corpus: what to learn from.
        folder: an existing folder.
        teacher_scores: scores texts with the teachers of the corpus, if it has teachers.
        progress: called after each step of both trainings.
    """
    tokenizer_file = folder / "tokenizer.json"
    tokenizer_file.write_text(initial.tokenizer, encoding="utf-8")
    tokenizer = Tokenizer.from_file(tokenizer_file, max_length=config.max_length)
    corpus = corpus.normalized(NORMALIZERS[NORMALIZER])
    order = torch.randperm(corpus.train_rows, generator=torch.Generator().manual_seed(config.seed)).numpy()
    held_out, rest = corpus.hold_out(config.calibration_share, order)

    def fit_on(part: Corpus, stage: str) -> CompactModel:
        def show(done: int, total: int, loss: float) -> None:
            progress(Progress(stage, done, total, loss))

        if config.recombined:
            part = _with_recombined(part, config, teacher_scores)
        rows = _tokenized(tokenizer, part)
        return fit(initial.embeddings, rows, config, folder / CHECKPOINTS / f"{stage}.pt", show)

    neutral = Neutral() if corpus.neutral_output else None
    temperature = _temperature(fit_on(rest, "temperature"), tokenizer, held_out, Calibration(neutral=neutral))
    model = fit_on(corpus, "student")
    losses = epoch_losses(folder / CHECKPOINTS / "student.pt")
    history = [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate(losses, start=1)]
    (folder / HISTORY_FILE).write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    checkpoint = Checkpoint(model, corpus.labels, tokenizer_file, NORMALIZER, config.max_length, temperature, neutral)
    save_checkpoint(checkpoint, folder)


def _temperature(model: CompactModel, tokenizer: Tokenizer, held_out: Examples, calibration: Calibration) -> float:
    batch = tokenizer.encode(held_out.texts)
    logits = calibration.label_logits(TorchModel(CompactClassifier(model)).logits(batch))
    return fit_temperature(logits, held_out.label_ids[batch.text_index])


def _with_recombined(corpus: Corpus, config: CompactConfig, teacher_scores: TeacherScores | None) -> Corpus:
    """The corpus and recombined texts, whose soft targets are the keyword reader's probabilities.

    With teachers, the soft targets of recombined texts and of training rows are a geometric mean of the teachers' and
    the reader's.
    """
    reader = fit_reader(corpus.train, config.seed)
    texts = recombine(reader, corpus.train, round(config.recombined * config.epochs * corpus.train_rows), config.seed)
    if teacher_scores is None or not isinstance(config, CompactStudentConfig) or corpus.soft_targets is None:
        return corpus.with_recombined(texts, reader.probabilities(texts))

    def with_reader(scores: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float32]:
        read = soften(reader.probabilities(texts), config.soft_temperature)
        return geometric_mean(scores, read, config.reader_weight)

    soft_targets = corpus.soft_targets.copy()
    train = slice(corpus.train_rows)
    soft_targets[train] = with_reader(soft_targets[train], corpus.texts[train])
    corpus = replace(corpus, soft_targets=soft_targets)
    return corpus.with_recombined(texts, with_reader(teacher_scores(texts), texts))


def _tokenized(tokenizer: Tokenizer, corpus: Corpus) -> TokenizedRows:
    """The corpus as token ids; a long text becomes several rows."""
    batch = tokenizer.encode(corpus.texts)
    ids, bounds = batch.ids.tolist(), batch.offsets.tolist()
    soft_targets = corpus.soft_targets
    return TokenizedRows(
        [ids[start:stop] for start, stop in pairwise(bounds)],
        torch.from_numpy(corpus.label_ids[batch.text_index]),
        None if soft_targets is None else torch.from_numpy(soft_targets[batch.text_index]),
        len(corpus.labels),
        torch.from_numpy(corpus.epochs[batch.text_index]),
        torch.from_numpy(corpus.shifts[batch.text_index]),
    )
