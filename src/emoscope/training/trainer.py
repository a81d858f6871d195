"""A training run from recipe and examples to a whole checkpoint folder: model, recipe, report, model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from emoscope.classifier import EmotionClassifier
from emoscope.data import Examples, load_examples
from emoscope.errors import DataError, RecipeError
from emoscope.evaluation import EvaluationReport, evaluate, fit_keywords
from emoscope.training.config import TRAINED, AnyConfig, CompactConfig, kind_of, recipe_text
from emoscope.training.corpus import Corpus
from emoscope.training.encoder import EncoderRun, fine_tune
from emoscope.training.model_card import model_card
from emoscope.training.progress import OnProgress, no_progress
from emoscope.training.run import is_main_process, publish, run_folder
from emoscope.training.student import Start, train_student


def train(
    config: AnyConfig,
    splits: Mapping[str, Examples],
    output: Path,
    *,
    resume: bool = False,
    report_to: str = "none",
    progress: OnProgress = no_progress,
) -> EvaluationReport | None:
    """Train what the recipe describes and write its checkpoint folder.

    Args:
        config: the recipe, of a kind without teachers.
        splits: "train" and "validation".
        output: the folder to write.
        resume: continue an interrupted run of the same recipe on the same rows from its last whole epoch, to the same
            result; without one, start.
        report_to: "tensorboard" or "none"; of an encoder's run.
        progress: called after each step.

    Returns:
        The report on validation; None in the helping processes of a run on several devices.

    Raises:
        DataError: a split is missing.
        ModelError: the encoder to start from cannot be found or read.
        RecipeError: the recipe has teachers, `output` is in use, or a run of another recipe or other rows is to be
            resumed.
    """
    check_trainable(config)
    check_splits(splits)
    further = read_further(config, splits)
    corpus = Corpus.of(splits["train"]).with_further(further)
    with run_folder(output, run_identity(config, splits, further), resume) as folder:
        if isinstance(config, CompactConfig):
            check_for_compact(splits, report_to)
            train_student(config, Start.read(config), corpus, folder, progress=progress)
        else:
            fine_tune(EncoderRun(config, folder, resume, report_to, progress), splits)
    return finish(config, splits, folder, output, corpus) if is_main_process() else None


def check_trainable(config: AnyConfig) -> None:
    """Refuse recipes with teachers.

    Raises:
        RecipeError: the recipe is one for `distill`.
    """
    if kind_of(config) not in TRAINED:
        raise RecipeError(
            f"a recipe of kind {kind_of(config)} learns from teachers: emoscope distill; "
            f"emoscope train takes the kinds {', '.join(TRAINED)}"
        )


def check_splits(splits: Mapping[str, Examples]) -> None:
    """Refuse data without the splits that a run needs, or with nothing to tell apart.

    Raises:
        DataError: train or validation is missing, or each row has the one label that there is.
    """
    missing = sorted({"train", "validation"} - set(splits))
    if missing:
        raise DataError(f"the data has no split {' and no split '.join(missing)}; it has: {', '.join(splits)}")
    train = splits["train"]
    if len(train.labels) == 1 and not train.multi_label:
        raise DataError(
            f"the data has the label {train.labels.names[0]!r} alone, so that there is nothing to learn; give rows of "
            "two labels at least, or read the data as multi-label, in which a row may have none"
        )


def check_for_compact(splits: Mapping[str, Examples], report_to: str) -> None:
    """Refuse what only an encoder's run can do.

    Raises:
        RecipeError: multi-label data, or a report to TensorBoard.
    """
    if splits["train"].multi_label:
        raise RecipeError("the compact student gives one label a text; multi-label data needs an encoder: --model")
    if report_to != "none":
        raise RecipeError(f"only an encoder's run reports to {report_to}; for the student leave --report-to out")


def read_further(config: AnyConfig, splits: Mapping[str, Examples]) -> list[Examples]:
    """The further labelled texts that a recipe names.

    Raises:
        DataError: one cannot be read, or has other labels than the train split.
    """
    files = config.further if isinstance(config, CompactConfig) else ()
    return [load_examples(file, labels=splits["train"].labels) for file in files]


def run_identity(config: AnyConfig, splits: Mapping[str, Examples], further: Sequence[Examples] = ()) -> dict[str, str]:
    """What a run is, for those that continue it: its recipe and its rows."""
    rows = {f"rows of {split}": splits[split].fingerprint for split in ("train", "validation")}
    more = {f"rows of {examples.name}": examples.fingerprint for examples in further}
    return {"recipe": recipe_text(config)} | rows | more


def device_for(config: AnyConfig) -> str:
    """Where what was trained is evaluated: an encoder on the GPU, if there is one."""
    on_gpu = not isinstance(config, CompactConfig) and torch.cuda.is_available()
    return "cuda" if on_gpu else "cpu"


def finish(
    config: AnyConfig, splits: Mapping[str, Examples], folder: Path, output: Path, corpus: Corpus
) -> EvaluationReport:
    """Evaluate what was saved, write recipe, report and card beside it, and move everything into its place.

    Args:
        config: the recipe.
        splits: "train" and "validation".
        folder: the run's.
        output: where it goes.
        corpus: what was learnt from, for the card.
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
    (folder / "recipe.toml").write_text(recipe_text(config), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    card = model_card(config, splits["train"], report, parameters=classifier.parameters, corpus=corpus)
    (folder / "README.md").write_text(card, encoding="utf-8")
    publish(folder, output)
    return report
