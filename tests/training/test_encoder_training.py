"""Fine-tuning of encoders, on the tiny checkpoints of the small Hub."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "transformers", "accelerate", "datasets"):
    pytest.importorskip(module)

import torch
from huggingface_hub import ModelCard

import tiny
from emoscope import EmotionClassifier
from emoscope.calibration import tune_thresholds
from emoscope.errors import ModelError, RecipeError
from emoscope.training import train
from emoscope.training.config import EncoderConfig
from emoscope.training.encoder_training import _newest_complete
from hub.repositories import ARCHITECTURES

METRICS = ("accuracy", "f1_macro", "f1_weighted", "loss", "confusion")


@pytest.fixture(scope="module")
def config(hub):
    encoder = hub.repository(ARCHITECTURES[0].encoder).folder
    return EncoderConfig(model=str(encoder), epochs=4, batch_size=16, learning_rate=3e-3, max_length=32)


@pytest.fixture(scope="module")
def undisturbed(config, splits, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "encoder"
    steps = []
    report = train(config, splits, output, report_to="tensorboard", progress=steps.append)
    return output, report, steps


def test_it_learns_what_can_be_learnt(config, tmp_path):
    splits = {"train": tiny.examples("train", repeat=2), "validation": tiny.examples("validation")}
    report = train(replace(config, epochs=15), splits, tmp_path / "run")
    assert report["accuracy"] > 0.6


def test_multi_label_thresholds_are_tuned_on_validation(config, splits, tmp_path):
    def with_second_label(rows):
        indicators = np.eye(6, dtype=bool)[rows.label_ids]
        indicators[:, 0] |= np.arange(len(rows)) % 3 == 0
        return replace(rows, label_ids=indicators)

    both = {name: with_second_label(rows) for name, rows in splits.items()}
    report = train(replace(config, epochs=2), both, tmp_path / "run")
    classifier = EmotionClassifier.from_pretrained(tmp_path / "run")
    scores = classifier.predict_proba(both["validation"].texts)
    assert report["thresholds"] == dict(zip(classifier.labels, classifier.thresholds, strict=True))
    assert list(classifier.thresholds) == pytest.approx(tune_thresholds(scores, both["validation"].label_ids), abs=1e-4)
    assert ModelCard.load(tmp_path / "run" / "README.md").data.eval_results
    given = [set(prediction.labels) for prediction in classifier.predict(both["validation"].texts)]
    expected = [
        {name for name, t, p in zip(classifier.labels, classifier.thresholds, row, strict=True) if p >= t}
        for row in scores.tolist()
    ]
    assert given == expected


def test_folder_holds_a_complete_checkpoint(undisturbed):
    output, report, _ = undisturbed
    names = {file.name for file in output.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "recipe.toml", "report.json", "README.md"} <= names
    assert not names & {"checkpoints", "training_args.bin"}
    assert json.loads((output / "report.json").read_text()) == report
    assert json.loads((output / "config.json").read_text())["id2label"]["1"] == "joy"
    assert list((output / "tensorboard").glob("events.*"))
    assert not list(output.parent.glob("*.partial"))


def test_no_file_names_the_folder_of_the_local_encoder(undisturbed, config):
    output, _, _ = undisturbed
    for file in (file for file in output.rglob("*") if file.is_file()):
        assert config.model.encode() not in file.read_bytes(), file.name
    assert f"`{Path(config.model).name}`, fine-tuned" in (output / "README.md").read_text()


def test_best_epoch_is_kept(undisturbed):
    output, report, _ = undisturbed
    history = json.loads((output / "history.json").read_text())
    best = max(entry["eval_f1_weighted"] for entry in history if "eval_f1_weighted" in entry)
    assert report["f1_weighted"] == pytest.approx(best, abs=1e-6)


def test_transformers_loads_the_folder_with_equal_scores(undisturbed):
    from transformers import pipeline

    output, _, _ = undisturbed
    texts = ["i feel happy today", "they made me feel angry and then very sad"]
    theirs = pipeline("text-classification", model=str(output), top_k=None, device="cpu")(texts)
    for ours, expected in zip(EmotionClassifier.from_pretrained(output)(texts), theirs, strict=True):
        assert [row["label"] for row in ours] == [row["label"] for row in expected]
        assert [row["score"] for row in ours] == pytest.approx([row["score"] for row in expected], abs=1e-5)


def test_card_has_every_measured_metric(undisturbed):
    output, report, _ = undisturbed
    card = ModelCard.load(output / "README.md")
    values = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert values["Accuracy"] == report["accuracy"]
    assert values["Weighted recall"] == report["recall_weighted"]
    assert len(values) == 9
    assert card.data.base_model is None
    assert "was kept, so the results are slightly higher" in card.content


def test_progress_reaches_the_last_step_with_metrics(undisturbed):
    steps = undisturbed[2]
    assert steps[-1].done == steps[-1].total == 4 * 8
    assert set(steps[-1].metrics) == {"accuracy", "f1_weighted"}
    assert [step.done for step in steps] == sorted(step.done for step in steps)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.encoder)
def test_every_architecture_trains(hub, architecture, splits, tmp_path):
    config = EncoderConfig(
        model=str(hub.repository(architecture.encoder).folder), epochs=1, batch_size=16, max_length=32
    )
    report = train(config, splits, tmp_path / "run")
    assert report["dataset"]["rows"] == 120
    assert EmotionClassifier.from_pretrained(tmp_path / "run").labels[5] == "surprise"


def test_patience_stops_early(config, splits, tmp_path):
    hopeless = replace(config, learning_rate=0.0, patience=1, epochs=6)
    train(hopeless, splits, tmp_path / "run")
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert max(entry["epoch"] for entry in history) == 2


def _train_in_child(config, splits, output, seconds):
    """Train; SIGKILL ends this process so many seconds after its first step, if it has not finished by then."""
    kill = threading.Timer(seconds or 0.0, os.kill, (os.getpid(), signal.SIGKILL))
    kill.daemon = True

    def start(_step):
        if seconds and not kill.is_alive():
            kill.start()

    torch.set_num_threads(1)
    train(config, splits, output, resume=True, progress=start)


def test_run_killed_ten_times_and_resumed_ends_with_the_same_metrics(config, splits, undisturbed, tmp_path):
    """SIGKILL at random moments; the forkserver imports torch once for all the runs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["emoscope.training.trainer", "transformers.models.distilbert"])
    output, kills, random_seconds = tmp_path / "run", 0, random.Random(0)
    while not output.exists():
        seconds = random_seconds.uniform(0.05, 0.8) if kills < 10 else None
        process = context.Process(target=_train_in_child, args=(config, splits, output, seconds))
        process.start()
        process.join(300)
        assert process.exitcode in (0, -signal.SIGKILL)
        if kills < 10:
            kills += 1
            shutil.rmtree(output, ignore_errors=True)  # finished before it could be killed: start again
    report = json.loads((output / "report.json").read_text())
    assert {name: report[name] for name in METRICS} == {name: undisturbed[1][name] for name in METRICS}


class StopError(Exception):
    """Interrupts a run."""


def test_interrupted_run_is_refused_without_resume_and_with_another_recipe(config, splits, tmp_path):
    def stop(progress):
        if progress.done == 12:
            raise StopError

    with pytest.raises(StopError):
        train(config, splits, tmp_path / "run", progress=stop)
    with pytest.raises(RecipeError, match="--resume continues it"):
        train(config, splits, tmp_path / "run")
    with pytest.raises(RecipeError, match="differs in its recipe;"):
        train(replace(config, seed=7), splits, tmp_path / "run", resume=True)
    fewer = {**splits, "train": splits["train"].subset(range(60))}
    with pytest.raises(RecipeError, match="differs in its rows of train;"):
        train(config, fewer, tmp_path / "run", resume=True)


def test_incomplete_checkpoint_is_skipped(tmp_path):
    for step, content in ((8, '{"global_step": 8}'), (16, '{"global_s'), (24, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if content is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(content)
    assert _newest_complete(tmp_path) == str(tmp_path / "checkpoint-8")
    assert _newest_complete(tmp_path / "nothing") is None


def test_missing_encoder_is_an_error(splits, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        train(EncoderConfig(model=str(tmp_path / "empty")), splits, tmp_path / "run")


def test_two_processes_through_torchrun(config, splits, tmp_path):
    for split, rows in splits.items():
        lines = [f"{text};{rows.labels.names[i]}\n" for text, i in zip(rows.texts, rows.label_ids, strict=True)]
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    run = ["--model", config.model, "--data", str(tmp_path), "--output", str(tmp_path / "run")]
    flags = ["--epochs", "2", "--batch-size", "8", "--learning-rate", "0.003", "--max-length", "32"]
    result = subprocess.run(
        [*torchrun, "-m", "emoscope", "train", *run, *flags],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.count("macro F1") == 1
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert max(entry["step"] for entry in history) == 2 * 8


def test_failed_start_leaves_nothing_behind(config, splits, tmp_path):
    with pytest.raises(ModelError):
        train(replace(config, model=str(tmp_path)), splits, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_encoder_without_tokenizer_or_with_broken_weights_is_an_error(config, splits, tmp_path):
    bare = shutil.copytree(config.model, tmp_path / "bare")
    for name in ("tokenizer.json", "vocab.txt"):
        (bare / name).unlink()
    with pytest.raises(ModelError, match="it has no tokenizer"):
        train(replace(config, model=str(bare)), splits, tmp_path / "run")
    broken = shutil.copytree(config.model, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="the checkpoint in .* cannot be read"):
        train(replace(config, model=str(broken)), splits, tmp_path / "run")
