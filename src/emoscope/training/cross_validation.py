"""Cross-validation: each fold of the training rows is scored by a model that was trained on the other rows.

So every training row has probabilities from a model that did not see it. The report over them is the cross-validated
figure of a recipe, and a label that they contradict may be wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.classifier import EmotionClassifier
from emoscope.data import Examples
from emoscope.evaluation import EvaluationReport, evaluate
from emoscope.protocols import Classifier
from emoscope.training.config import AnyConfig
from emoscope.training.fold_ensemble import OUT_OF_FOLD_FILE, Partition
from emoscope.training.progress import OnProgress, Progress, no_progress
from emoscope.training.run_folder import FOLD, REPORT_FILE, finished_report, is_main_process, publish, run_folder
from emoscope.training.trainer import check_splits, check_trainable, device_for, run_identity, train


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

    The output holds the models in `fold-0`, `fold-1`, ..., each a checkpoint folder of its own, and beside them
    `folds.json`, `report.json` and `out_of_fold.npy` (float32 (rows, labels): the probabilities of each training row
    by the model that did not see it).

    Args:
        config: the recipe; its seed is the seed of the partition too.
        splits: "train" and "validation", on which each model is evaluated as in `train`.
        output: the folder to write.
        folds: number of folds, at least 2.
        resume: continue an interrupted run; folds that are done are kept. A finished run is left as it is.
        report_to: see `train`.
        progress: called after each step; the name of a stage begins with the fold.

    Returns:
        The report over all training rows with their out-of-fold probabilities; None in the other processes of a run on
        several devices.

    Raises:
        RecipeError: there are too few or too many folds; or see `train`.
        DataError, ModelError: see `train`.
    """
    check_trainable(config)
    check_splits(splits)
    train_rows = splits["train"]
    partition = Partition.of(train_rows, folds, config.seed)
    identity = run_identity(config, splits) | {"number of folds": str(folds)}
    if resume and (report := finished_report(output, identity)) is not None:
        return EvaluationReport(report) if is_main_process() else None
    with run_folder(output, identity, resume) as folder:
        for fold in range(folds):

            def show(step: Progress, prefix: str = f"fold {fold + 1}/{folds}, ") -> None:
                progress(replace(step, stage=prefix + step.stage))

            outside = np.array(partition.fold_of_row) != fold
            if not (folder / FOLD.format(fold)).is_dir():
                train(
                    config,
                    {"train": train_rows.subset(outside), "validation": splits["validation"]},
                    folder / FOLD.format(fold),
                    resume=resume,
                    report_to=report_to,
                    progress=show,
                )
    return _finish(config, train_rows, partition, folder, output) if is_main_process() else None


def _finish(
    config: AnyConfig, train_rows: Examples, partition: Partition, folder: Path, output: Path
) -> EvaluationReport:
    """Score each fold with the model that did not see it, write the report, and rename the folder to the output."""
    members = [
        EmotionClassifier.from_pretrained(folder / FOLD.format(fold), device=device_for(config))
        for fold in range(partition.folds)
    ]
    classifier = _OutOfFold(members, dict(zip(train_rows.texts, partition.fold_of_row, strict=True)))
    np.save(folder / OUT_OF_FOLD_FILE, classifier.predict_proba(train_rows.texts))
    report = evaluate(classifier, train_rows, model_name=output.name)
    partition.write(folder)
    (folder / REPORT_FILE).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    publish(folder, output)
    return report


class _OutOfFold:
    """A classifier of training texts that scores each with the member that did not see it."""

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
