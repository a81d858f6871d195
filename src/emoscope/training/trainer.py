"""A training run, from a recipe and examples to a complete checkpoint folder: model, recipe, report, model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from emoscope.classifier import EmotionClassifier
from emoscope.data import Examples, load_examples
from emoscope.errors import DataError, RecipeError
from emoscope.evaluation import EvaluationReport, evaluate, fit_keywords
from emoscope.familiarity import KnownWords
from emoscope.labels import NEUTRAL, Labels
from emoscope.training.compact_training import InitialStudent, train_compact
from emoscope.training.config import TRAINED, AnyConfig, CompactConfig, kind_of, portable, recipe_text
from emoscope.training.corpus import Corpus
from emoscope.training.encoder_training import EncoderRun, fine_tune
from emoscope.training.loss_plot import plot_losses
from emoscope.training.model_card import model_card
from emoscope.training.progress import OnProgress, no_progress
from emoscope.training.run_folder import REPORT_FILE, finished_report, is_main_process, publish, run_folder


def train(
    config: AnyConfig,
    splits: Mapping[str, Examples],
    output: Path,
    *,
    resume: bool = False,
    report_to: str = "none",
    progress: OnProgress = no_progress,
) -> EvaluationReport | None:
    """Train the model that the recipe describes and write its checkpoint folder.

    Args:
        config: the recipe, of a kind without teachers.
        splits: "train" and "validation".
        output: the folder to write.
        resume: continue an interrupted run of the same recipe on the same rows from its last complete epoch, to the
            same result; if there is none, start a new run. A finished run is left as it is.
        report_to: "tensorboard" or "none"; for encoders only.
        progress: called after each step.

    Returns:
        The report on validation; None in the other processes of a run on several devices.

    Raises:
        DataError: a split is missing, or extra data cannot be read.
        ModelError: the encoder to start from cannot be found or read.
        RecipeError: the recipe has teachers, `output` is in use, or the run to resume has another recipe or other rows.
    """
    check_trainable(config)
    check_splits(splits)
    extra_data = read_extra_data(config, splits)
    epochs = config.extra_epochs if isinstance(config, CompactConfig) else 0
    corpus = Corpus.of(splits["train"]).with_extra_data(extra_data, epochs, config.label_shift)
    identity = run_identity(config, splits, extra_data)
    if resume and (report := finished_report(output, identity)) is not None:
        return EvaluationReport(report) if is_main_process() else None
    with run_folder(output, identity, resume) as folder:
        if isinstance(config, CompactConfig):
            check_compact(splits, report_to)
            train_compact(config, InitialStudent.read(config), corpus, folder, progress=progress)
        else:
            fine_tune(EncoderRun(config, folder, resume, report_to, progress), corpus, splits["validation"])
    return finish(config, splits, folder, output, corpus) if is_main_process() else None


def check_trainable(config: AnyConfig) -> None:
    """Raise a RecipeError if the recipe has teachers."""
    if kind_of(config) not in TRAINED:
        raise RecipeError(
            f"a recipe of kind {kind_of(config)} has teachers, so it is one for emoscope distill; "
            f"emoscope train takes the kinds {', '.join(TRAINED)}"
        )


def check_splits(splits: Mapping[str, Examples]) -> None:
    """Raise a DataError if train or validation is missing, or if there is only one label, which every row has."""
    missing = sorted({"train", "validation"} - set(splits))
    if missing:
        raise DataError(f"the data has no split {' and no split '.join(missing)}; it has: {', '.join(splits)}")
    train = splits["train"]
    if len(train.labels) == 1 and not train.multi_label:
        raise DataError(
            f"the data has only the label {train.labels.names[0]!r}, so there is nothing to learn; give rows with at "
            "least two labels, or read the data as multi-label, where a row may have none"
        )


def check_compact(splits: Mapping[str, Examples], report_to: str) -> None:
    """Raise a RecipeError for what only encoders can do: multi-label data, and a report to TensorBoard."""
    if splits["train"].multi_label:
        raise RecipeError("the compact student gives one label per text; multi-label data needs an encoder: --model")
    if report_to != "none":
        raise RecipeError(f"only an encoder's run can report to {report_to}; leave out --report-to")


def read_extra_data(config: AnyConfig, splits: Mapping[str, Examples]) -> list[Examples]:
    """The extra labelled texts that a recipe names.

    Their labels are those of the train split or, if a row is labelled neutral and that split has no such label, these
    and neutral.

    Raises:
        DataError: they cannot be read, or have other labels.
        RecipeError: the train split is multi-label.
    """
    labels = splits["train"].labels
    if config.extra_data and splits["train"].multi_label:
        raise RecipeError("extra_data has one label per text, so it cannot extend multi-label data; leave it out")
    if NEUTRAL in labels.names:
        return [load_examples(file, labels=labels) for file in config.extra_data]
    outputs = Labels((*labels.names, NEUTRAL))
    tables = [load_examples(file, labels=outputs) for file in config.extra_data]
    if any((rows.label_ids == len(labels)).any() for rows in tables):
        return tables
    return [replace(rows, labels=labels) for rows in tables]


def run_identity(
    config: AnyConfig, splits: Mapping[str, Examples], extra_data: Sequence[Examples] = ()
) -> dict[str, str]:
    """What a run must have in common with the run that it resumes: recipe and rows."""
    rows = {f"rows of {split}": splits[split].fingerprint for split in ("train", "validation")}
    extra = {f"rows of {examples.name}": examples.fingerprint for examples in extra_data}
    return {"recipe": recipe_text(config)} | rows | extra


def device_for(config: AnyConfig) -> str:
    """The device to evaluate a trained model on: the GPU for an encoder, if there is one."""
    on_gpu = not isinstance(config, CompactConfig) and torch.cuda.is_available()
    return "cuda" if on_gpu else "cpu"


def finish(
    config: AnyConfig, splits: Mapping[str, Examples], folder: Path, output: Path, corpus: Corpus
) -> EvaluationReport:
    """Evaluate the saved model, write recipe, report and card beside it, and rename the folder to the output.

    Args:
        config: the recipe.
        splits: "train" and "validation".
        folder: folder of the run.
        output: its name when it is complete.
        corpus: what the model learnt from.
    """
    classifier = EmotionClassifier.from_pretrained(folder, device=device_for(config))
    keywords = None if splits["train"].multi_label else fit_keywords(splits["train"])
    report = evaluate(
        classifier,
        splits["validation"],
        model_name=output.name,
        keywords=keywords,
        thresholds=classifier.thresholds,
    )
    if known := KnownWords.of(corpus.labelled_texts):
        known.write(folder)
    (folder / "recipe.toml").write_text(recipe_text(portable(config)), encoding="utf-8")
    (folder / REPORT_FILE).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    card = model_card(config, corpus, report, classifier.parameters)
    (folder / "README.md").write_text(card, encoding="utf-8")
    plot_losses(folder)
    publish(folder, output)
    return report
