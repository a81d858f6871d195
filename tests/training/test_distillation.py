"""Distillation into the compact student: what it learns, its folder, interrupted runs, invalid recipes."""

import json
import multiprocessing
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest

for module in ("torch", "transformers", "accelerate", "safetensors"):
    pytest.importorskip(module)

import torch
from keyword_teacher import KeywordTeacher, noisy

import tiny
from emoscope.compact import load_checkpoint
from emoscope.errors import DataError, LabelError, ModelError, RecipeError
from emoscope.labels import EMOTIONS
from emoscope.probabilities import probabilities
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime import CompactClassifier, TorchModel
from emoscope.training import distill, train
from emoscope.training.config import CompactConfig, CompactStudentConfig, configure, portable, read_recipe


@pytest.fixture(scope="module")
def splits():
    return {"train": noisy("train", 3, seed=0), "validation": noisy("validation", 1, seed=1)}


@pytest.fixture(scope="module")
def config(encoder):
    return CompactStudentConfig(embeddings=str(encoder), teachers=("keywords",), epochs=2, **tiny.COMPACT)


@pytest.fixture(scope="module")
def distilled(config, splits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "more.txt").write_text("i feel so very lonely again\nthey came again and i was glad\n")
    recipe = replace(config, unlabelled=(str(folder / "more.txt"),), copies=1)
    steps = []
    report = distill(
        recipe, splits, folder / "student", classifiers={"keywords": KeywordTeacher()}, progress=steps.append
    )
    return folder / "student", report, steps, recipe


def uncalibrated(folder, texts):
    """A student's probabilities at temperature 1."""
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json", max_length=16)
    return probabilities(TorchModel(CompactClassifier(load_checkpoint(folder).model)).logits(tokenizer.encode(texts)))


def test_student_comes_closer_to_its_teacher_than_labels_and_than_a_student_of_labels(config, splits, tmp_path):
    rows = splits["train"]
    soft = replace(config, soft_weight=1.0, hard_weight=0.0, soft_temperature=1.0, epochs=10)
    distill(soft, splits, tmp_path / "student", classifiers={"keywords": KeywordTeacher()})
    plain = CompactConfig(embeddings=config.embeddings, epochs=10, **tiny.COMPACT)
    train(plain, splits, tmp_path / "plain")
    target = KeywordTeacher().predict_proba(rows.texts)
    distance = {
        name: np.abs(uncalibrated(tmp_path / name, rows.texts) - target).sum(1).mean() for name in ("student", "plain")
    }
    labels = np.abs(np.eye(6)[rows.label_ids] - target).sum(1).mean()
    assert distance["student"] < 0.5 * distance["plain"]
    assert distance["student"] < 0.2 * labels


def test_folder_holds_a_complete_checkpoint(distilled):
    output, report, _, recipe = distilled
    names = {file.name for file in output.iterdir()}
    model = {"config.json", "model.safetensors", "tokenizer.json"}
    assert names - {"loss.png"} == model | {"recipe.toml", "report.json", "history.json", "run.json", "README.md"}
    assert json.loads((output / "report.json").read_text()) == report
    assert not list(output.parent.glob("*.partial"))
    assert configure(read_recipe(output / "recipe.toml")) == portable(recipe)


def test_card_names_the_teachers_and_counts_the_texts(distilled):
    output, report, steps, _ = distilled
    text = " ".join((output / "README.md").read_text().split())
    assert f"{report['accuracy']:.4f}" in text
    assert "Teachers: `keywords`." in text
    assert "- the 360 rows of the train split" in text
    assert f"- 2 texts without a label - {steps[0].total - 362} augmented copies of texts" in text


def test_progress_has_a_stage_for_each_teacher_and_each_training(distilled):
    steps = distilled[2]
    assert list(dict.fromkeys(step.stage for step in steps)) == ["teacher 1/1", "temperature", "student"]
    assert [step.done for step in steps[:2]] == [0, steps[0].total]
    assert 360 + 2 < steps[0].total <= 2 * 362
    student = [step for step in steps if step.stage == "student"]
    assert [step.done for step in student] == list(range(1, student[0].total + 1))


def test_fold_ensemble_and_bundled_model_teach_together(cross_validated, config, splits, tmp_path):
    recipe = replace(config, teachers=(str(cross_validated.folder), "bundled"), epochs=1)
    assert distill(recipe, splits, tmp_path / "student")["dataset"]["rows"] == 120


# --- interrupted runs


def _distil_in_child(recipe, splits, output, log, stage, done):
    def die(step):
        if (step.stage, step.done) == (stage, done):
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    distill(recipe, splits, output, classifiers={"keywords": KeywordTeacher(log=log)}, resume=True, progress=die)


def test_run_killed_in_every_stage_and_resumed_ends_with_the_same_weights(config, splits, tmp_path):
    """SIGKILL after a chunk of the teacher's, in the middle of an epoch of both students, and when they are done."""
    recipe = replace(config, copies=3, copy_drop=0.3, batch_size=32)
    distill(recipe, splits, tmp_path / "undisturbed", classifiers={"keywords": KeywordTeacher()})
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["emoscope.training.distillation"])
    log, output = tmp_path / "log", tmp_path / "killed"
    kills = [("teacher 1/1", 1024), ("temperature", 50), ("student", 60)]
    for stage, done in kills:
        process = context.Process(target=_distil_in_child, args=(recipe, splits, output, log, stage, done))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, (stage, done)
    distill(recipe, splits, output, classifiers={"keywords": KeywordTeacher(log=log)}, resume=True)
    for name in ("model.safetensors", "config.json"):
        assert (output / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    scored = log.read_text().splitlines()
    assert 3 * 360 < len(scored) <= 4 * 360
    assert scored[:360] == [json.dumps(text) for text in splits["train"].texts]


class StopError(Exception):
    """Interrupts a run."""


def test_run_is_not_resumed_with_other_teachers_or_other_unlabelled_texts(config, splits, compact_run, tmp_path):
    teacher = shutil.copytree(compact_run.folder, tmp_path / "teacher")
    (tmp_path / "more.txt").write_text("i feel so very lonely again\n")
    recipe = replace(config, teachers=(str(teacher),), unlabelled=(str(tmp_path / "more.txt"),))

    def stop(step):
        raise StopError

    with pytest.raises(StopError):
        distill(recipe, splits, tmp_path / "run", progress=stop)
    with pytest.raises(RecipeError, match="--resume continues it"):
        distill(recipe, splits, tmp_path / "run")
    (tmp_path / "more.txt").write_text("i feel so very lonely\n")
    with pytest.raises(RecipeError, match="differs in its unlabelled texts;"):
        distill(recipe, splits, tmp_path / "run", resume=True)
    (tmp_path / "more.txt").write_text("i feel so very lonely again\n")
    changed = json.loads((teacher / "config.json").read_text()) | {"temperature": 2.0}
    (teacher / "config.json").write_text(json.dumps(changed))
    with pytest.raises(RecipeError, match="differs in its teachers;"):
        distill(recipe, splits, tmp_path / "run", resume=True)


def test_failing_teacher_does_not_lose_the_scores_of_the_one_before(config, splits, tmp_path):
    class Broken(KeywordTeacher):
        def predict_proba(self, texts):
            return np.ones((len(texts), 6), np.float32)

    log = tmp_path / "log"
    recipe = replace(config, teachers=("keywords", "broken"), epochs=1)
    teachers = {"keywords": KeywordTeacher(log=log), "broken": Broken()}
    with pytest.raises(ModelError, match="teacher broken .* do not sum to 1"):
        distill(recipe, splits, tmp_path / "run", classifiers=teachers)
    distill(recipe, splits, tmp_path / "run", classifiers=teachers | {"broken": KeywordTeacher()}, resume=True)
    assert len(log.read_text().splitlines()) == 360


# --- invalid recipes and data


def refused(error, match, config, splits, output, **options):
    with pytest.raises(error, match=match) as caught:
        distill(config, splits, output, **{"classifiers": {"keywords": KeywordTeacher()}} | options)
    assert "\n" not in str(caught.value)
    assert not list(output.parent.glob(f"{output.name}*"))


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"teachers": ()}, RecipeError, "has no teachers"),
        ({"teachers": ("../nowhere",)}, ModelError, r"no model at '\.\./nowhere'"),
        ({"unlabelled": ("nowhere.txt",)}, DataError, r"no unlabelled texts at 'nowhere\.txt'"),
        ({"embeddings": "../nowhere"}, ModelError, r"no model at '\.\./nowhere'"),
        ({"dimension": 99}, ModelError, "dimension is 99, but .* 16"),
    ],
)
def test_invalid_recipe_is_an_error_and_leaves_nothing_behind(config, splits, tmp_path, keys, error, message):
    refused(error, message, replace(config, **keys), splits, tmp_path / "run")


def test_teacher_with_other_labels_is_an_error(config, splits, tmp_path):
    teachers = {"keywords": KeywordTeacher([*EMOTIONS[:5], "disgust"])}
    message = "teacher keywords has the labels .*disgust, but the data has"
    refused(LabelError, message, config, splits, tmp_path / "run", classifiers=teachers)


def test_scores_of_the_wrong_shape_are_an_error(config, splits, tmp_path):
    class Narrow(KeywordTeacher):
        def predict_proba(self, texts):
            return np.full((len(texts), 5), 0.2, np.float32)

    message = r"teacher keywords returned .* \(360, 5\), expected \(360, 6\)"
    refused(ModelError, message, config, splits, tmp_path / "run", classifiers={"keywords": Narrow()})


def test_multi_label_data_missing_splits_and_logging_are_an_error(config, splits, tmp_path):
    indicators = {name: replace(rows, label_ids=np.eye(6, dtype=bool)[rows.label_ids]) for name, rows in splits.items()}
    refused(RecipeError, "one label per text", config, indicators, tmp_path / "run")
    refused(DataError, "no split validation", config, {"train": splits["train"]}, tmp_path / "run")
    message = "only an encoder's run can report"
    refused(RecipeError, message, config, splits, tmp_path / "run", report_to="tensorboard")


def test_torchrun_is_an_error(config, splits, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused(RecipeError, "one process", config, splits, tmp_path / "run")


def test_recipe_without_teachers_is_refused(splits, tmp_path):
    message = "kind compact has no teachers, so it is one for emoscope train"
    refused(RecipeError, message, CompactConfig(), splits, tmp_path / "run")


def test_used_output_is_refused_and_stays_as_it_was(config, splits, distilled):
    before = (distilled[0] / "README.md").read_bytes()
    with pytest.raises(RecipeError, match="not empty"):
        distill(config, splits, distilled[0], classifiers={"keywords": KeywordTeacher()})
    assert (distilled[0] / "README.md").read_bytes() == before
