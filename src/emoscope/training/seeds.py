"""Several runs of one recipe that differ in their seed alone: how much of a figure is chance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from emoscope.data import Examples
from emoscope.errors import RecipeError
from emoscope.training.config import AnyConfig
from emoscope.training.progress import OnProgress, Progress, no_progress
from emoscope.training.run_folder import REPORT_FILE, SEED, finished_report, is_main_process, publish, run_folder
from emoscope.training.trainer import check_splits, check_trainable, run_identity, train

SUMMARY_FILE = "summary.json"
METRICS = ("accuracy", "f1_macro", "f1_weighted", "loss", "ece")
"""Keys of a report that the summary has."""


def train_seeds(
    config: AnyConfig,
    splits: Mapping[str, Examples],
    output: Path,
    seeds: int,
    *,
    resume: bool = False,
    report_to: str = "none",
    progress: OnProgress = no_progress,
) -> dict[str, Any] | None:
    """Train a model with each of several seeds, on the same rows.

    The output holds the models in `seed-42`, `seed-43`, ..., each a checkpoint folder of its own, and beside them
    `summary.json`.

    Args:
        config: the recipe; its seed is the first one.
        splits: "train" and "validation".
        output: the folder to write.
        seeds: number of seeds, at least 2.
        resume: continue an interrupted run; models that are done are kept. A finished run is left as it is.
        report_to: see `train`.
        progress: called after each step; the name of a stage begins with the seed.

    Returns:
        The summary: `dataset`, `seeds`, and `metrics` {metric: {mean, std, min, max, values}}, where std is the sample
        standard deviation and the values are in the order of the seeds; None in the other processes of a run on several
        devices.

    Raises:
        RecipeError: there are fewer than 2 seeds; or see `train`.
        DataError, ModelError: see `train`.
    """
    check_trainable(config)
    check_splits(splits)
    if seeds < 2:
        raise RecipeError(f"the number of seeds must be at least 2, got {seeds}; one model is trained without --seeds")
    configs = [replace(config, seed=config.seed + number) for number in range(seeds)]
    identity = run_identity(config, splits) | {"number of seeds": str(seeds)}
    if resume and (summary := finished_report(output, identity, SUMMARY_FILE)) is not None:
        return summary if is_main_process() else None
    with run_folder(output, identity, resume) as folder:
        for number, one in enumerate(configs, start=1):

            def show(step: Progress, prefix: str = f"seed {number}/{seeds}, ") -> None:
                progress(replace(step, stage=prefix + step.stage))

            own = folder / SEED.format(one.seed)
            if not own.is_dir():
                train(one, splits, own, resume=resume, report_to=report_to, progress=show)
    return _finish([one.seed for one in configs], folder, output) if is_main_process() else None


def _finish(seeds: list[int], folder: Path, output: Path) -> dict[str, Any]:
    """Summarize the reports, and rename the folder to the output."""
    files = [folder / SEED.format(seed) / REPORT_FILE for seed in seeds]
    reports = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    metrics = {name: _spread([report[name] for report in reports]) for name in METRICS}
    summary = {"dataset": reports[0]["dataset"], "seeds": seeds, "metrics": metrics}
    (folder / SUMMARY_FILE).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    publish(folder, output)
    return summary


def _spread(values: list[float]) -> dict[str, Any]:
    mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
    return {"mean": mean, "std": std, "min": min(values), "max": max(values), "values": values}
