"""Runs with several seeds: what their folder and their summary hold, and that they resume."""

import json
from dataclasses import replace

import numpy as np
import pytest

for module in ("torch", "transformers", "accelerate", "safetensors"):
    pytest.importorskip(module)

import tiny
from emoscope.cli import main
from emoscope.errors import RecipeError
from emoscope.training import train, train_seeds
from emoscope.training.config import read_recipe


@pytest.fixture(scope="module")
def two_seeds(config, splits, tmp_path_factory):
    output, steps = tmp_path_factory.mktemp("runs") / "seeds", []
    summary = train_seeds(replace(config, epochs=2, seed=7), splits, output, 2, progress=steps.append)
    return output, summary, steps


def test_summary_is_over_the_reports_of_all_seeds(two_seeds):
    output, summary, steps = two_seeds
    assert {file.name for file in output.iterdir()} == {"seed-7", "seed-8", "summary.json", "run.json"}
    assert json.loads((output / "summary.json").read_text()) == summary
    reports = [json.loads((output / name / "report.json").read_text()) for name in ("seed-7", "seed-8")]
    assert summary["seeds"] == [7, 8] and summary["dataset"] == reports[0]["dataset"]
    assert reports[0]["loss"] != reports[1]["loss"]
    for name, metric in summary["metrics"].items():
        values = [report[name] for report in reports]
        assert metric["values"] == values and (metric["min"], metric["max"]) == (min(values), max(values))
        assert metric["mean"] == pytest.approx(np.mean(values))
        assert metric["std"] == pytest.approx(np.abs(np.diff(values))[0] / np.sqrt(2))
    assert list(dict.fromkeys(step.stage.split(",")[0] for step in steps)) == ["seed 1/2", "seed 2/2"]


def test_each_model_is_that_of_its_own_recipe(two_seeds, config, splits, tmp_path):
    pytest.importorskip("tomllib")
    output, summary, _ = two_seeds
    assert read_recipe(output / "seed-8" / "recipe.toml")["seed"] == 8
    alone = train(replace(config, epochs=2, seed=8), splits, tmp_path / "alone")
    assert alone["loss"] == summary["metrics"]["loss"]["values"][1]


class StopError(Exception):
    """Interrupts a run."""


def test_interrupted_run_keeps_the_models_that_are_done(two_seeds, config, splits, tmp_path):
    _, summary, _ = two_seeds
    config, output, steps = replace(config, epochs=2, seed=7), tmp_path / "seeds", []

    def stop(step):
        if step.stage == "seed 2/2, student":
            raise StopError

    with pytest.raises(StopError):
        train_seeds(config, splits, output, 2, progress=stop)
    assert train_seeds(config, splits, output, 2, resume=True, progress=steps.append)["metrics"] == summary["metrics"]
    assert {step.stage.split(",")[0] for step in steps} == {"seed 2/2"}
    assert train_seeds(config, splits, output, 2, resume=True, progress=pytest.fail)["metrics"] == summary["metrics"]
    with pytest.raises(RecipeError, match="finished run that differs in its number of seeds"):
        train_seeds(config, splits, output, 3, resume=True)


@pytest.mark.parametrize("seeds", [-1, 0, 1])
def test_too_few_seeds_are_an_error(config, splits, tmp_path, seeds):
    with pytest.raises(RecipeError, match=f"at least 2, got {seeds}"):
        train_seeds(config, splits, tmp_path / "run", seeds)
    with pytest.raises(RecipeError, match="seed must be from 0"):
        train_seeds(replace(config, seed=2**32 - 1), splits, tmp_path / "run", 2)
    assert list(tmp_path.iterdir()) == []


def test_command_prints_a_row_for_each_seed_mean_and_spread(config, splits, tmp_path, capsys):
    for split, rows in splits.items():
        lines = [f"{text};{rows.labels.names[i]}\n" for text, i in zip(rows.texts, rows.label_ids, strict=True)]
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (tiny.COMPACT | {"epochs": 1}).items()]
    command = ["train", "--data", str(tmp_path), "--output", str(tmp_path / "run"), "--embeddings", config.embeddings]
    assert main([*command, *flags, "--seeds", "2", "--seed", "3"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    metrics = json.loads((tmp_path / "run" / "summary.json").read_text())["metrics"]
    assert [row[0] for row in rows] == ["seed", "3", "4", "mean", "std"]
    assert rows[0][1:] == list(metrics)
    assert rows[3][1:] == [f"{metric['mean']:.4f}" for metric in metrics.values()]
    assert rows[2][1] == f"{metrics['accuracy']['values'][1]:.4f}"
    with pytest.raises(SystemExit):
        main([*command, "--seeds", "2", "--folds", "2"])
