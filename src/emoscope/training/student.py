"""Trains the compact student: word-piece vectors, the module, the temperature; writes its checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.calibration import fit_temperature
from emoscope.compact import Checkpoint, CompactModel, CompactRuntime, save_checkpoint
from emoscope.data import Examples
from emoscope.text import NORMALIZERS
from emoscope.tokenization import Tokenizer
from emoscope.training.config import CompactConfig, CompactStudentConfig
from emoscope.training.corpus import Corpus
from emoscope.training.embeddings import find_encoder, principal_vectors
from emoscope.training.fitting import Rows, fit
from emoscope.training.keyword_reader import fit_reader, splice
from emoscope.training.objective import geometric_mean, soften
from emoscope.training.progress import OnProgress, Progress, no_progress
from emoscope.training.run import CHECKPOINTS

TEXT_FORM = "marked"

Teach = Callable[[Sequence[str]], NDArray[np.float32]]
"""What teachers say of texts: softened probabilities, float32 (texts, labels)."""


@dataclass(frozen=True)
class Start:
    """What a compact student starts from.

    Attributes:
        encoder: folder of a pretrained encoder.
        tokenizer: content of its `tokenizer.json`, less the special tokens: who reads every state needs none.
        vectors: float32 (vocabulary, dimension), its word-piece vectors.
    """

    encoder: Path
    tokenizer: str
    vectors: torch.Tensor

    @classmethod
    def read(cls, config: CompactConfig) -> Start:
        """Find and read the encoder of a recipe.

        Raises:
            ModelError: it cannot be found or read, or its vectors are narrower than the student's.
        """
        encoder = find_encoder(config.vectors)
        tokenizer = json.loads((encoder / "tokenizer.json").read_text(encoding="utf-8"))
        bare = json.dumps(tokenizer | {"post_processor": None}, ensure_ascii=False)
        return cls(encoder, bare, principal_vectors(encoder, config.dimension, config.vector_std))


def train_student(
    config: CompactConfig,
    start: Start,
    corpus: Corpus,
    folder: Path,
    teach: Teach | None = None,
    *,
    progress: OnProgress = no_progress,
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
        teach: what the teachers of the corpus say of texts, if it has teachers.
        progress: called after each step of both trainings.
    """
    tokenizer_file = folder / "tokenizer.json"
    tokenizer_file.write_text(start.tokenizer, encoding="utf-8")
    tokenizer = Tokenizer.from_file(tokenizer_file, max_length=config.max_length)
    corpus = corpus.in_form(NORMALIZERS[TEXT_FORM])
    order = torch.randperm(corpus.train_rows, generator=torch.Generator().manual_seed(config.seed)).numpy()
    held_out, rest = corpus.held_out(config.calibration_share, order)

    def fit_on(part: Corpus, stage: str) -> CompactModel:
        def show(done: int, total: int, loss: float) -> None:
            progress(Progress(stage, done, total, loss))

        if config.spliced:
            part = _with_spliced(part, config, teach)
        rows = _rows(tokenizer, part)
        return fit(start.vectors, rows, config, folder / CHECKPOINTS / f"{stage}.pt", show)

    temperature = _temperature(fit_on(rest, "temperature"), tokenizer, held_out)
    model = fit_on(corpus, "student")
    save_checkpoint(Checkpoint(model, corpus.labels, tokenizer_file, TEXT_FORM, config.max_length, temperature), folder)


def _temperature(model: CompactModel, tokenizer: Tokenizer, held_out: Examples) -> float:
    batch = tokenizer.encode(held_out.texts)
    return fit_temperature(CompactRuntime(model).logits(batch), held_out.label_ids[batch.text_index])


def _with_spliced(corpus: Corpus, config: CompactConfig, teach: Teach | None) -> Corpus:
    """The corpus and spliced texts with what a reader of keywords says of them, to be dealt out.

    Where there are teachers, theirs is said of both spliced texts and training rows, leaning towards the reader's.
    """
    reader = fit_reader(corpus.train, config.seed)
    texts = splice(reader, corpus.train, round(config.spliced * config.epochs * corpus.train_rows), config.seed)
    if teach is None or not isinstance(config, CompactStudentConfig) or corpus.soft_targets is None:
        return corpus.with_made_up(texts, reader.probabilities(texts))

    def leaning(said: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float32]:
        read = soften(reader.probabilities(texts), config.soft_temperature)
        return geometric_mean(said, read, config.reader_weight)

    soft_targets = corpus.soft_targets.copy()
    train = slice(corpus.train_rows)
    soft_targets[train] = leaning(soft_targets[train], corpus.texts[train])
    return replace(corpus, soft_targets=soft_targets).with_made_up(texts, leaning(teach(texts), texts))


def _rows(tokenizer: Tokenizer, corpus: Corpus) -> Rows:
    """Rows of token ids with the targets of their texts: a long text is several rows."""
    batch = tokenizer.encode(corpus.texts)
    ids, bounds = batch.ids.tolist(), batch.offsets.tolist()
    soft_targets = corpus.soft_targets
    return Rows(
        [ids[start:stop] for start, stop in pairwise(bounds)],
        torch.from_numpy(corpus.label_ids[batch.text_index]),
        None if soft_targets is None else torch.from_numpy(soft_targets[batch.text_index]),
        len(corpus.labels),
        int((batch.text_index < len(corpus) - corpus.dealt_out).sum()),
    )
