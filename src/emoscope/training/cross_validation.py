"""Cross-fitting: a model for each fold of the training rows, trained on the others, and what it says of its fold.

So every training row has probabilities of a model that did not see it: the report over them is the cross-validated
figure of a recipe, and a label that they contradict may be noise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.classifier import EmotionClassifier
from emoscope.data import Examples
from emoscope.errors import ModelError
from emoscope.evaluation import EvaluationReport, evaluate
from emoscope.model_folder import open_folder
from emoscope.protocols import Classifier
from emoscope.training.config import AnyConfig
from emoscope.training.folds import Folds, text_digest
from emoscope.training.progress import OnProgress, Progress, no_progress
from emoscope.training.run import FOLD, is_main_process, publish, run_folder
from emoscope.training.trainer import check_splits, check_trainable, device_for, run_identity, train

HELD_OUT_FILE = "held_out.npy"


class CrossFitted:
    """The models of all folds as one classifier, which knows the rows that they were trained on.

    Attributes:
        labels: label names in index order.
    """

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        """Open a folder that `cross_validate` wrote; the models are loaded when the first text needs them.

        Raises:
            ModelError: the folder is not whole.
        """
        self._folds = Folds.read(folder)
        self._members = [open_folder(folder / FOLD.format(fold)) for fold in range(self._folds.folds)]
        self._device = device
        self._held_out = _read_held_out(folder / HELD_OUT_FILE, self._folds)
        self.labels = self._members[0].labels.names
        if any(member.labels.names != self.labels for member in self._members):
            raise ModelError(f"{folder} has folds with different labels; train the folds again")

    @cached_property
    def members(self) -> list[EmotionClassifier]:
        """The models of the folds."""
        return [EmotionClassifier.from_pretrained(member.path, device=self._device) for member in self._members]

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Mean of the members' probabilities, float32 (len(texts), len(labels))."""
        mean: NDArray[np.float32] = np.mean([member.predict_proba(texts) for member in self.members], axis=0)
        return mean

    def held_out(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What models say that did not see the texts, float32 (len(texts), len(labels)).

        A text that stands in the training rows has the probabilities of the member of its fold, as they were when
        the folds were trained; any other text has the mean of the members.
        """
        rows = [self._row_of_text.get(text_digest(text), -1) for text in texts]
        result = self._held_out[rows]
        new = [position for position, row in enumerate(rows) if row < 0]
        if new:
            result[new] = self.predict_proba([texts[position] for position in new])
        return result

    @cached_property
    def _row_of_text(self) -> dict[str, int]:
        return {digest: row for row, digest in enumerate(self._folds.text_digests)}


def cross_validate(
    config: AnyConfig,
    splits: Mapping[str, Examples],
    output: Path,
    folds: int,
    *,
    resume: bool = False,
    report_to: str = "none",
    progress: OnProgress = no_progress,
) -> EvaluationReport | None:
    """Train a model for each fold of the train split, on the rows outside it.

    Writes the models into `fold-0`, `fold-1`, ... of the output, each a checkpoint folder of its own; beside them
    `folds.json`, `held_out.npy` (float32 (rows, labels): the probabilities of each training row by the model that did
    not see it) and `report.json`.

    Args:
        config: the recipe; its seed is that of the partition too.
        splits: "train" and "validation", on which each model is evaluated as `train` does it.
        output: the folder to write.
        folds: how many, 2 at least.
        resume: continue an interrupted run; folds that are done stay.
        report_to: see `train`.
        progress: called after each step; its stages begin with the fold.

    Returns:
        The report over all training rows with the held-out probabilities; None in the helping processes of a run on
        several devices.

    Raises:
        RecipeError: too few or too many folds, and what `train` raises.
        DataError, ModelError: see `train`.
    """
    check_trainable(config)
    check_splits(splits)
    train_rows = splits["train"]
    partition = Folds.of(train_rows, folds, config.seed)
    with run_folder(output, run_identity(config, splits) | {"number of folds": str(folds)}, resume) as folder:
        for fold in range(folds):
            outside = np.array(partition.fold_of_row) != fold
            if not (folder / FOLD.format(fold)).is_dir():
                train(
                    config,
                    {"train": train_rows.subset(outside), "validation": splits["validation"]},
                    folder / FOLD.format(fold),
                    resume=resume,
                    report_to=report_to,
                    progress=_named(f"fold {fold + 1}/{folds}", progress),
                )
    return _finish(config, train_rows, partition, folder, output) if is_main_process() else None


def _named(fold: str, progress: OnProgress) -> OnProgress:
    def show(step: Progress) -> None:
        progress(replace(step, stage=f"{fold}, {step.stage}"))

    return show


def _finish(config: AnyConfig, train_rows: Examples, partition: Folds, folder: Path, output: Path) -> EvaluationReport:
    """Score each fold with the model that did not see it, report, and move everything into its place."""
    members = [
        EmotionClassifier.from_pretrained(folder / FOLD.format(fold), device=device_for(config))
        for fold in range(partition.folds)
    ]
    unseeing = _Unseeing(members, dict(zip(train_rows.texts, partition.fold_of_row, strict=True)))
    np.save(folder / HELD_OUT_FILE, unseeing.predict_proba(train_rows.texts))
    report = evaluate(unseeing, train_rows, model_name=output.name)
    partition.write(folder)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    publish(folder, output)
    return report


class _Unseeing:
    """Scores training texts, each with the member that did not see it."""

    def __init__(self, members: Sequence[Classifier], fold_of_text: Mapping[str, int]) -> None:
        self.labels = members[0].labels
        self._members = members
        self._fold_of_text = fold_of_text

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        folds = np.array([self._fold_of_text[text] for text in texts])
        result = np.empty((len(texts), len(self.labels)), np.float32)
        for fold, member in enumerate(self._members):
            rows = np.flatnonzero(folds == fold)
            result[rows] = member.predict_proba([texts[row] for row in rows.tolist()])
        return result


def _read_held_out(file: Path, folds: Folds) -> NDArray[np.float32]:
    try:
        held_out: NDArray[np.float32] = np.load(file)
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read ({error}); train the folds again") from error
    if held_out.ndim != 2 or len(held_out) != len(folds.fold_of_row):
        raise ModelError(f"{file} has shape {held_out.shape}, but there are {len(folds.fold_of_row)} rows")
    return held_out
