"""A training run from recipe and examples to a whole checkpoint folder: model, recipe, report, model card.

The run lives in `OUTPUT.partial` and is renamed when everything is there: OUTPUT is whole or not there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from emoscope.classifier import EmotionClassifier
from emoscope.data import Examples
from emoscope.errors import DataError, EmoscopeError, RecipeError
from emoscope.evaluation import Report, evaluate, fit_keywords
from emoscope.training.config import AnyConfig, CompactConfig, EncoderConfig, recipe_text
from emoscope.training.encoder import fine_tune, is_main_process
from emoscope.training.model_card import model_card
from emoscope.training.progress import OnProgress, no_progress
from emoscope.training.student import train_student

RUN_FILE = "run.json"


def train(
    config: AnyConfig,
    splits: Mapping[str, Examples],
    output: Path,
    *,
    resume: bool = False,
    report_to: str = "none",
    progress: OnProgress = no_progress,
) -> Report | None:
    """Train what the recipe describes and write its checkpoint folder.

    Args:
        config: the recipe.
        splits: "train" and "validation".
        output: the folder to write.
        resume: continue an interrupted run of the same recipe on the same rows (from its last whole epoch; the
            compact student, a matter of minutes, starts again); without one, start.
        report_to: "tensorboard" or "none"; of an encoder's run.
        progress: called after each step.

    Returns:
        The report on validation; None in the helping processes of a run on several devices.

    Raises:
        DataError: a split is missing.
        ModelError: the encoder to start from cannot be found or read.
        RecipeError: `output` is in use, or a run of another recipe or other rows is to be resumed.
    """
    _check_splits(splits)
    folder = output.with_name(output.name + ".partial")
    if is_main_process():
        _begin(output, folder, _identity(config, splits), resume)
    try:
        if isinstance(config, CompactConfig):
            _check_for_student(splits, report_to)
            train_student(config, splits, folder, progress=progress)
        else:
            fine_tune(config, splits, folder, resume=resume, report_to=report_to, progress=progress)
    except EmoscopeError:
        if is_main_process() and not any(folder.glob("checkpoints/checkpoint-*")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return _finish(config, splits, folder, output) if is_main_process() else None


def _check_splits(splits: Mapping[str, Examples]) -> None:
    missing = sorted({"train", "validation"} - set(splits))
    if missing:
        raise DataError(f"the data has no split {' and no split '.join(missing)}; it has: {', '.join(splits)}")


def _check_for_student(splits: Mapping[str, Examples], report_to: str) -> None:
    if splits["train"].multi_label:
        raise RecipeError("the compact student gives one label a text; multi-label data needs an encoder: --model")
    if report_to != "none":
        raise RecipeError(f"only an encoder's run reports to {report_to}; for the student leave --report-to out")


def _identity(config: AnyConfig, splits: Mapping[str, Examples]) -> dict[str, str]:
    rows = {f"rows of {split}": splits[split].fingerprint for split in ("train", "validation")}
    return {"recipe": recipe_text(config)} | rows


def _begin(output: Path, folder: Path, identity: dict[str, str], resume: bool) -> None:
    """Make the run's folder, or check that the one there is of the same run."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise RecipeError(f"{output} exists and is not empty; give another --output or remove it")
    file = folder / RUN_FILE
    if resume and file.is_file():
        begun = json.loads(file.read_text(encoding="utf-8"))
        changed = [name for name, value in identity.items() if begun.get(name) != value]
        if changed:
            raise RecipeError(
                f"{folder} holds a run with another {' and other '.join(changed)}; continue it "
                "with what it began with, or remove it"
            )
        return
    if file.is_file():
        raise RecipeError(f"{folder} holds an interrupted run; --resume continues it, removing it starts afresh")
    if folder.exists() and any(folder.iterdir()):
        raise RecipeError(f"{folder} is in the way, and holds no run of emoscope train; move it away")
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")


def _finish(config: AnyConfig, splits: Mapping[str, Examples], folder: Path, output: Path) -> Report:
    """Evaluate what was saved, write recipe, report and card beside it, and move everything into its place."""
    on_gpu = isinstance(config, EncoderConfig) and torch.cuda.is_available()
    classifier = EmotionClassifier.from_pretrained(folder, device="cuda" if on_gpu else "cpu")
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
    card = model_card(config, splits["train"], report, parameters=classifier.parameters)
    (folder / "README.md").write_text(card, encoding="utf-8")
    if output.exists():
        output.rmdir()
    folder.rename(output)
    shutil.rmtree(output / "checkpoints", ignore_errors=True)
    (output / RUN_FILE).unlink()
    return report
