"""From recipe and examples to a checkpoint folder: module, tokenizer, temperature, recipe, report, model card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.calibration import fit_temperature
from emoscope.classifier import EmotionClassifier
from emoscope.compact import Checkpoint, CompactModel, CompactRuntime, save_checkpoint
from emoscope.data import Examples
from emoscope.errors import DataError, RecipeError
from emoscope.evaluation import Report, evaluate, fit_keywords
from emoscope.text import FORMS
from emoscope.tokenization import TokenBatch, Tokenizer
from emoscope.training.config import CompactConfig, write_recipe
from emoscope.training.fitting import fit
from emoscope.training.model_card import compact_card
from emoscope.training.vectors import find_encoder, principal_vectors

TEXT_FORM = "plain"


@dataclass(frozen=True)
class Progress:
    """Where a run stands: the stage ("temperature", then "student"), its steps done of all, the last step's loss."""

    stage: str
    done: int
    total: int
    loss: float


OnProgress = Callable[[Progress], None]


def train_compact(
    config: CompactConfig,
    splits: Mapping[str, Examples],
    output: Path,
    *,
    progress: OnProgress = lambda _: None,
) -> Report:
    """Train the compact student and write its checkpoint.

    The temperature is fitted on rows that its model has not seen: a second student, trained first on the other
    training rows, scores a random `calibration_share` of them. Validation rows are scored once, at the end; nothing
    is chosen on them.

    Args:
        config: the recipe.
        splits: "train", and "validation" to report on.
        output: the folder to write; it appears when everything is done.
        progress: called after each step of both trainings.

    Returns:
        The report on validation.

    Raises:
        DataError: a split is missing.
        ModelError: the encoder to start from cannot be found or read.
        RecipeError: `output` exists and holds something.
    """
    _check(splits, output)
    encoder = find_encoder(config.vectors)
    tokenizer = Tokenizer.from_file(encoder / "tokenizer.json", max_length=config.max_length)
    vectors = principal_vectors(encoder, config.dimension, config.vector_std)
    model, temperature = _fit_calibrated(vectors, tokenizer, splits["train"], config, progress)
    labels = splits["train"].labels
    checkpoint = Checkpoint(model, labels, encoder / "tokenizer.json", TEXT_FORM, config.max_length, temperature)
    classifier = EmotionClassifier(
        labels.names, tokenizer, CompactRuntime(model), text_form=FORMS[TEXT_FORM], temperature=temperature
    )
    keywords = fit_keywords(splits["train"])
    report = evaluate(classifier, splits["validation"], model_name=output.name, keywords=keywords)
    _save(checkpoint, config, splits["train"], report, output)
    return report


def _check(splits: Mapping[str, Examples], output: Path) -> None:
    missing = {"train", "validation"} - set(splits)
    if missing:
        raise DataError(f"the data has no split {' and no split '.join(sorted(missing))}; it has: {', '.join(splits)}")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise RecipeError(f"{output} exists and is not empty; give another --output or remove it")


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


def _save(checkpoint: Checkpoint, config: CompactConfig, train: Examples, report: Report, output: Path) -> None:
    """Write everything into a folder beside `output`, then rename it: `output` is whole or not there."""
    partial = output.with_name(output.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_checkpoint(checkpoint, partial)
    write_recipe(config, partial / "recipe.toml")
    (partial / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    card = compact_card(config, checkpoint, train, report)
    (partial / "README.md").write_text(card, encoding="utf-8")
    if output.exists():
        output.rmdir()
    partial.rename(output)
