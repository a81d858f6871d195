"""A distillation run: teachers, labelled and unlabelled texts in, a student's whole checkpoint folder out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from emoscope.data import Examples
from emoscope.errors import RecipeError
from emoscope.evaluation import EvaluationReport
from emoscope.protocols import Classifier
from emoscope.score_store import texts_digest
from emoscope.training.augmentation import augmented_copies, check_augmentation
from emoscope.training.config import (
    DISTILLED,
    AnyConfig,
    CompactStudentConfig,
    EncoderStudentConfig,
    StudentConfig,
    kind_of,
)
from emoscope.training.corpus import Corpus
from emoscope.training.encoder import EncoderRun
from emoscope.training.encoder_student import Pair, train_encoder_student
from emoscope.training.progress import OnProgress, no_progress
from emoscope.training.run import CHECKPOINTS, run_folder
from emoscope.training.soft_targets import soft_targets
from emoscope.training.student import Start, Teach, train_student
from emoscope.training.teachers import find_teachers
from emoscope.training.trainer import check_for_compact, check_splits, finish, read_further, run_identity
from emoscope.training.unlabelled import read_unlabelled

Fit = Callable[[Corpus, Path, Teach], None]
"""Trains a student on a corpus, whose teachers may be asked more, and writes its checkpoint into a folder."""


def distill(
    config: AnyConfig,
    splits: Mapping[str, Examples],
    output: Path,
    *,
    classifiers: Mapping[str, Classifier] | None = None,
    resume: bool = False,
    report_to: str = "none",
    progress: OnProgress = no_progress,
) -> EvaluationReport:
    """Train a student of one or several teachers and write its checkpoint folder.

    Args:
        config: the recipe, of a kind with teachers.
        splits: "train" and "validation", with one label a row.
        output: the folder to write.
        classifiers: teachers in memory, by the names that the recipe has for them. One is known by its name alone: of
            another one under the same name, an interrupted run would keep the old one's probabilities.
        resume: continue an interrupted run of the same recipe on the same rows, to the same result: what the teachers
            have scored is kept, the student continues from its last whole epoch. Without one, start.
        report_to: "tensorboard" or "none"; of an encoder's run.
        progress: called after each chunk of texts that a teacher has scored, then after each step.

    Returns:
        The report on validation.

    Raises:
        DataError: a split is missing, or unlabelled texts cannot be read.
        LabelError: a teacher has other labels than the data.
        ModelError: a teacher or an encoder cannot be found or used.
        RecipeError: the recipe cannot work, `output` is in use, or another run is to be resumed.
    """
    check_splits(splits)
    train = splits["train"]
    config = _checked(config, train)
    teachers = find_teachers(config.teachers, train.labels, classifiers or {})
    unlabelled = read_unlabelled(config.unlabelled, config.unlabelled_column)
    encoder, fit = _student(config, splits, resume, report_to, progress)
    further = read_further(config, splits)
    identity = run_identity(config, splits, further) | {
        "teachers": " ".join(teacher.checksum for teacher in teachers),
        "unlabelled texts": texts_digest(unlabelled),
    }
    with run_folder(output, identity, resume) as folder:
        corpus = Corpus.of(train, unlabelled=unlabelled)
        corpus = corpus.with_copies(augmented_copies(config, corpus.texts, encoder, config.seed)).with_further(further)
        scored = folder / CHECKPOINTS / "scores"
        teach = partial(soft_targets, teachers, temperature=config.soft_temperature, folder=scored, progress=progress)
        fit(replace(corpus, soft_targets=teach(corpus.texts)), folder, teach)
    return finish(config, splits, folder, output, corpus)


def _checked(config: AnyConfig, train: Examples) -> StudentConfig:
    """The recipe, if it can work.

    Raises:
        RecipeError: it cannot.
    """
    if not isinstance(config, CompactStudentConfig | EncoderStudentConfig):
        raise RecipeError(
            f"a recipe of kind {kind_of(config)} has no teachers: emoscope train; "
            f"emoscope distill takes the kinds {', '.join(DISTILLED)}"
        )
    if train.multi_label:
        raise RecipeError("a student gives one label a text; multi-label data cannot be distilled, only trained on")
    if not config.soft_weight and not config.hard_weight:
        raise RecipeError("soft_weight and hard_weight are both 0: there is nothing to learn; give one of them")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RecipeError("emoscope distill runs in one process; start it without torchrun")
    check_augmentation(config)
    return config


def _student(
    config: StudentConfig, splits: Mapping[str, Examples], resume: bool, report_to: str, progress: OnProgress
) -> tuple[Path, Fit]:
    """The folder of the encoder that the student starts from, and what trains it.

    Raises:
        LabelError, ModelError, RecipeError: the student cannot be made.
    """
    if isinstance(config, CompactStudentConfig):
        check_for_compact(splits, report_to)
        start = Start.read(config)
        return start.encoder, partial(train_student, config, start, progress=progress)
    pair = Pair.read(config, splits["train"].labels)

    def fit(corpus: Corpus, folder: Path, _teach: Teach) -> None:
        run = EncoderRun(config, folder, resume, report_to, progress, stage="student")
        train_encoder_student(config, run, pair, corpus, splits["validation"])

    return pair.source, fit
