"""A distillation run: teachers and texts with and without labels in, a student's complete checkpoint folder out."""

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
from emoscope.training.augmentation import augmented_copies
from emoscope.training.compact_training import InitialStudent, TeacherScores, train_compact
from emoscope.training.config import (
    DISTILLED,
    AnyConfig,
    CompactStudentConfig,
    EncoderStudentConfig,
    StudentConfig,
    kind_of,
)
from emoscope.training.corpus import Corpus
from emoscope.training.encoder_student import EncoderStudent
from emoscope.training.encoder_training import EncoderRun
from emoscope.training.progress import OnProgress, no_progress
from emoscope.training.run_folder import CHECKPOINTS, finished_report, run_folder
from emoscope.training.soft_targets import soft_targets
from emoscope.training.teachers import find_teachers
from emoscope.training.trainer import check_compact, check_splits, finish, read_extra_data, run_identity
from emoscope.training.unlabelled import read_unlabelled

Fit = Callable[[Corpus, Path, TeacherScores], None]
"""Trains a student on a corpus and writes its checkpoint into a folder; the teachers can score more texts meanwhile."""


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
        splits: "train" and "validation", with one label per row.
        output: the folder to write.
        classifiers: teachers in memory, by the names that the recipe uses. Such a teacher is identified by its name
            alone: if another one takes its name, a resumed run still uses the stored probabilities of the first.
        resume: continue an interrupted run of the same recipe on the same rows, to the same result. Stored
            probabilities of the teachers are used again, and the student continues from its last complete epoch. If
            there is no such run, start a new one. A finished run is left as it is.
        report_to: "tensorboard" or "none"; for encoders only.
        progress: called after each chunk of texts that a teacher has scored, then after each step.

    Returns:
        The report on validation.

    Raises:
        DataError: a split is missing, or extra data or unlabelled texts cannot be read.
        LabelError: a teacher has other labels than the data.
        ModelError: a teacher or an encoder cannot be found or used.
        RecipeError: the recipe has no teachers, `output` is in use, or the run to resume is a different one.
    """
    check_splits(splits)
    train = splits["train"]
    config = _checked(config, train)
    extra_data = read_extra_data(config, splits)
    labels = extra_data[0].labels if extra_data else train.labels
    teachers = find_teachers(config.teachers, labels, classifiers or {})
    unlabelled = read_unlabelled(config.unlabelled, config.unlabelled_column)
    encoder, fit = _student(config, splits, resume, report_to, progress)
    identity = run_identity(config, splits, extra_data) | {
        "teachers": " ".join(teacher.checksum for teacher in teachers),
        "unlabelled texts": texts_digest(unlabelled),
    }
    if resume and (report := finished_report(output, identity)) is not None:
        return EvaluationReport(report)
    with run_folder(output, identity, resume) as folder:
        corpus = Corpus.of(train).with_unlabelled(unlabelled, config.unlabelled_epochs)
        copies = augmented_copies(config, corpus.texts, encoder, config.seed)
        epochs = config.extra_epochs if isinstance(config, CompactStudentConfig) else 0
        corpus = corpus.with_copies(copies).with_extra_data(extra_data, epochs, config.label_shift)
        scores = folder / CHECKPOINTS / "scores"
        teacher_scores = partial(
            soft_targets, teachers, temperature=config.soft_temperature, folder=scores, progress=progress
        )
        fit(replace(corpus, soft_targets=teacher_scores(corpus.texts)), folder, teacher_scores)
    return finish(config, splits, folder, output, corpus)


def _checked(config: AnyConfig, train: Examples) -> StudentConfig:
    """The recipe, if it can be distilled from on these rows and in this process; otherwise a RecipeError."""
    if not isinstance(config, CompactStudentConfig | EncoderStudentConfig):
        raise RecipeError(
            f"a recipe of kind {kind_of(config)} has no teachers, so it is one for emoscope train; "
            f"emoscope distill takes the kinds {', '.join(DISTILLED)}"
        )
    if train.multi_label:
        raise RecipeError("a student gives one label per text; multi-label data can only be used by emoscope train")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RecipeError("emoscope distill runs in one process; start it without torchrun")
    return config


def _student(
    config: StudentConfig, splits: Mapping[str, Examples], resume: bool, report_to: str, progress: OnProgress
) -> tuple[Path, Fit]:
    """The folder of the encoder that the student starts from, and the function that trains the student."""
    if isinstance(config, CompactStudentConfig):
        check_compact(splits, report_to)
        initial = InitialStudent.read(config)
        return initial.encoder, partial(train_compact, config, initial, progress=progress)
    student = EncoderStudent.read(config, splits["train"].labels)

    def fit(corpus: Corpus, folder: Path, _: TeacherScores) -> None:
        run = EncoderRun(config, folder, resume, report_to, progress, stage="student")
        student.train(run, corpus, splits["validation"])

    return student.source, fit
