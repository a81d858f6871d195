"""Trains the compact student: word-piece vectors, the module, the temperature; writes its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch

from emoscope.calibration import fit_temperature
from emoscope.compact import Checkpoint, CompactModel, CompactRuntime, save_checkpoint
from emoscope.data import Examples
from emoscope.text import FORMS
from emoscope.tokenization import TokenBatch, Tokenizer
from emoscope.training.config import CompactConfig, Distillation
from emoscope.training.corpus import Corpus
from emoscope.training.fitting import Rows, fit
from emoscope.training.keyword_reader import fit_reader, splice
from emoscope.training.objective import NO_LABEL, soften
from emoscope.training.progress import OnProgress, Progress, no_progress
from emoscope.training.run import CHECKPOINTS
from emoscope.training.vectors import find_encoder, principal_vectors

TEXT_FORM = "plain"


@dataclass(frozen=True)
class Start:
    """What a compact student starts from.

    Attributes:
        encoder: folder of a pretrained encoder.
        tokenizer: its tokenizer, to the longest input of the recipe.
        vectors: float32 (vocabulary, dimension), its word-piece vectors.
    """

    encoder: Path
    tokenizer: Tokenizer
    vectors: torch.Tensor

    @classmethod
    def read(cls, config: CompactConfig) -> Start:
        """Find and read the encoder of a recipe.

        Raises:
            ModelError: it cannot be found or read, or its vectors are narrower than the student's.
        """
        encoder = find_encoder(config.vectors)
        tokenizer = Tokenizer.from_file(encoder / "tokenizer.json", max_length=config.max_length)
        return cls(encoder, tokenizer, principal_vectors(encoder, config.dimension, config.vector_std))


def train_student(
    config: CompactConfig, start: Start, corpus: Corpus, folder: Path, *, progress: OnProgress = no_progress
) -> None:
    """Train on a corpus and write the checkpoint into `folder`.

    The temperature is fitted on rows that its model has not seen: a second student, trained first without them and
    without what was made from them, scores a random `calibration_share` of the training rows. No validation row is
    used. Where the folder holds epochs of an interrupted run, they are not trained again.

    Args:
        config: the recipe.
        start: what it starts from.
        corpus: what to learn from.
        folder: an existing folder.
        progress: called after each step of both trainings.
    """
    corpus = corpus.in_form(FORMS[TEXT_FORM])
    order = torch.randperm(corpus.train_rows, generator=torch.Generator().manual_seed(config.seed)).numpy()
    held_out, rest = corpus.held_out(config.calibration_share, order)

    def fit_on(part: Corpus, stage: str) -> CompactModel:
        def show(done: int, total: int, loss: float) -> None:
            progress(Progress(stage, done, total, loss))

        rows = _rows(start.tokenizer, part)
        if config.spliced:
            rows = _with_spliced(rows, start.tokenizer, part.train, config)
        return fit(start.vectors, rows, config, folder / CHECKPOINTS / f"{stage}.pt", show)

    temperature = _temperature(fit_on(rest, "temperature"), start.tokenizer, held_out)
    model = fit_on(corpus, "student")
    tokenizer = start.encoder / "tokenizer.json"
    save_checkpoint(Checkpoint(model, corpus.labels, tokenizer, TEXT_FORM, config.max_length, temperature), folder)


def _temperature(model: CompactModel, tokenizer: Tokenizer, held_out: Examples) -> float:
    batch = tokenizer.encode(held_out.texts)
    return fit_temperature(CompactRuntime(model).logits(batch), held_out.label_ids[batch.text_index])


def _rows(tokenizer: Tokenizer, corpus: Corpus) -> Rows:
    """Rows of token ids with the targets of their texts: a long text is several rows."""
    batch = tokenizer.encode(corpus.texts)
    soft_targets = corpus.soft_targets
    return Rows(
        _token_ids(batch),
        torch.from_numpy(corpus.label_ids[batch.text_index]),
        None if soft_targets is None else torch.from_numpy(soft_targets[batch.text_index]),
        len(corpus.labels),
        len(batch.lengths),
    )


def _with_spliced(rows: Rows, tokenizer: Tokenizer, train: Examples, config: CompactConfig) -> Rows:
    """The rows, and after them spliced texts with what a reader of keywords says of them, to be dealt out."""
    reader = fit_reader(train, config.seed)
    texts = splice(reader, train, round(config.spliced * config.epochs * len(train)), config.seed)
    batch = tokenizer.encode(texts)
    temperature = config.soft_temperature if isinstance(config, Distillation) else 1.0
    says = torch.from_numpy(soften(reader.probabilities(texts), temperature)[batch.text_index])
    given = torch.zeros(len(rows.token_ids), rows.labels) if rows.soft_targets is None else rows.soft_targets
    return Rows(
        rows.token_ids + _token_ids(batch),
        torch.cat([rows.label_ids, torch.full((len(batch.lengths),), NO_LABEL)]),
        torch.cat([given, says]),
        rows.labels,
        rows.recurring,
    )


def _token_ids(batch: TokenBatch) -> list[list[int]]:
    ids, bounds = batch.ids.tolist(), batch.offsets.tolist()
    return [ids[start:stop] for start, stop in pairwise(bounds)]
