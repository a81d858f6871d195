"""Distillation into the compact student, from classifiers in memory, on disk, and cross-fitted ones."""

import json
import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

for module in ("torch", "transformers", "accelerate", "safetensors"):
    pytest.importorskip(module)

from huggingface_hub import ModelCard

import tiny
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.compact import load_checkpoint
from emoscope.data import Examples
from emoscope.errors import DataError, EmoscopeError, LabelError, ModelError, RecipeError
from emoscope.labels import Labels
from emoscope.probabilities import probabilities
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime import CompactClassifier, TorchModel
from emoscope.training import cross_validate, distill, train
from emoscope.training.config import CompactConfig, CompactStudentConfig, configure, read_recipe
from emoscope.training.objective import soften
from emoscope.training.soft_targets import soft_targets
from emoscope.training.teachers import find_teachers
from hub.repositories import ARCHITECTURES

SMALL = {"dimension": 8, "hidden": 8, "batch_size": 16, "learning_rate": 2e-2, "max_length": 16}
WORDS = {word: EMOTIONS.index(emotion) for emotion, words in tiny.KEYWORDS.items() for word in words}
ROW = np.array([0.55, 0.3, 0.06, 0.04, 0.03, 0.02], np.float32)


class KeywordTeacher:
    """Knows the keywords: 0.55 for a text's emotion, 0.3 for the next one, and so on; counts what it is asked."""

    def __init__(self, labels=EMOTIONS, log=None):
        self.labels = tuple(labels)
        self.log = log

    def predict_proba(self, texts):
        if self.log:
            with self.log.open("a") as file:
                file.writelines(f"{json.dumps(text)}\n" for text in texts)
        order = [self.labels.index(emotion) for emotion in EMOTIONS]
        scored = np.full((len(texts), 6), 1 / 6, np.float32)
        for row, text in zip(scored, texts, strict=True):
            known = [WORDS[word] for word in text.split() if word in WORDS]
            if known:
                row[order] = np.roll(ROW, known[0])
        return scored


def noisy(split, repeat, seed):
    """Rows whose labels are drawn as often as the teacher says."""
    rows = tiny.examples(split, repeat)
    random = np.random.default_rng(seed)
    drawn = [random.choice(6, p=row / row.sum()) for row in KeywordTeacher().predict_proba(rows.texts).astype(float)]
    return replace(rows, label_ids=np.array(drawn, np.int64))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(tiny.encoder(tmp_path_factory.mktemp("encoder") / "tiny"))


@pytest.fixture(scope="module")
def splits():
    return {"train": noisy("train", 3, seed=0), "validation": noisy("validation", 1, seed=1)}


@pytest.fixture(scope="module")
def config(encoder):
    return CompactStudentConfig(embeddings=encoder, teachers=("keywords",), epochs=8, **SMALL)


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


def own_probabilities(folder, texts):
    """What a student says before the temperature."""
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json", max_length=16)
    return probabilities(TorchModel(CompactClassifier(load_checkpoint(folder).model)).logits(tokenizer.encode(texts)))


def test_the_student_comes_closer_to_the_teacher_than_labels_and_than_a_student_of_labels(
    config, splits, encoder, tmp_path
):
    rows = splits["train"]
    soft = replace(config, soft_weight=1.0, hard_weight=0.0, soft_temperature=1.0, epochs=15)
    distill(soft, splits, tmp_path / "student", classifiers={"keywords": KeywordTeacher()})
    train(CompactConfig(embeddings=encoder, epochs=15, **SMALL), splits, tmp_path / "plain")
    wanted = KeywordTeacher().predict_proba(rows.texts)
    distance = {
        name: np.abs(own_probabilities(tmp_path / name, rows.texts) - wanted).sum(1).mean()
        for name in ("student", "plain")
    }
    labels = np.abs(np.eye(6)[rows.label_ids] - wanted).sum(1).mean()
    assert distance["student"] < 0.5 * distance["plain"]
    assert distance["student"] < 0.2 * labels


def test_the_folder_holds_a_whole_checkpoint(distilled):
    output, report, _, recipe = distilled
    names = {file.name for file in output.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "recipe.toml", "report.json", "README.md"}
    assert json.loads((output / "report.json").read_text()) == report
    assert not list(output.parent.glob("*.partial"))
    assert configure(read_recipe(output / "recipe.toml")) == recipe


def test_the_card_says_from_whom_and_on_what(distilled):
    output, report, steps, _ = distilled
    card = ModelCard.load(output / "README.md")
    assert {result.metric_name: result.metric_value for result in card.data.eval_results}["Accuracy"] == report[
        "accuracy"
    ]
    text = " ".join(card.content.split())
    assert "probabilities of the teachers (`keywords`)" in text
    assert "labels of the 360 rows of the train split, and on the mean" in text
    assert f"2 texts without a label, and {steps[0].total - 362} augmented copies of both" in text
    assert "`emoscope distill`" in text
    assert "the teachers' own model cards" in text


def test_progress_has_a_stage_for_each_teacher_and_each_training(distilled):
    steps = distilled[2]
    assert list(dict.fromkeys(step.stage for step in steps)) == ["teacher 1/1", "temperature", "student"]
    assert [step.done for step in steps[:2]] == [0, steps[0].total]
    assert (steps[0].unit, steps[0].loss) == ("text", None)
    assert 360 + 2 < steps[0].total <= 2 * 362
    student = [step for step in steps if step.stage == "student"]
    assert [step.done for step in student] == list(range(1, student[0].total + 1))


def test_the_columns_of_teachers_are_mapped_to_the_labels_of_the_data(tmp_path):
    texts = tiny.examples("train").texts
    backwards = KeywordTeacher(EMOTIONS[::-1])
    assert not np.allclose(backwards.predict_proba(texts), KeywordTeacher().predict_proba(texts))
    crew = find_teachers(["a", "b"], Labels(), {"a": KeywordTeacher(), "b": backwards})
    ours = [teacher.probabilities(teacher.load(), texts) for teacher in crew]
    np.testing.assert_array_equal(ours[0], ours[1])
    np.testing.assert_array_equal(ours[0], KeywordTeacher().predict_proba(texts))


def test_soft_targets_are_the_mean_of_the_softened_probabilities(tmp_path):
    class Sure(KeywordTeacher):
        def predict_proba(self, texts):
            return np.tile(np.eye(6, dtype=np.float32)[2], (len(texts), 1))

    texts, seen = tiny.examples("train").texts, []
    crew = find_teachers(["a", "b"], Labels(), {"a": KeywordTeacher(), "b": Sure()})
    targets = soft_targets(crew, texts, 4.0, tmp_path, seen.append)
    first = KeywordTeacher().predict_proba(texts)
    np.testing.assert_allclose(targets, (soften(first, 4.0) + np.eye(6)[2]) / 2, atol=1e-6)
    assert [(step.stage, step.done, step.total) for step in seen] == [
        *(("teacher 1/2", 0, 120), ("teacher 1/2", 120, 120)),
        *(("teacher 2/2", 0, 120), ("teacher 2/2", 120, 120)),
    ]


def test_a_cross_fitted_teacher_gives_what_the_model_says_that_did_not_see_a_row(encoder, splits, tmp_path):
    small = CompactConfig(embeddings=encoder, epochs=2, **SMALL)
    cross_validate(small, splits, tmp_path / "folds", 2)
    (teacher,) = find_teachers([str(tmp_path / "folds")], Labels(), {})
    scored = teacher.probabilities(teacher.load(), [splits["train"].texts[5], "something new"])
    np.testing.assert_allclose(scored[0], np.load(tmp_path / "folds" / "out_of_fold.npy")[5], atol=1e-6)
    members = [EmotionClassifier.from_pretrained(tmp_path / "folds" / f"fold-{fold}") for fold in (0, 1)]
    mean = np.mean([member.predict_proba(["something new"])[0] for member in members], axis=0)
    np.testing.assert_allclose(scored[1], mean, atol=1e-6)
    student = CompactStudentConfig(embeddings=encoder, teachers=(str(tmp_path / "folds"), "bundled"), epochs=1, **SMALL)
    report = distill(student, splits, tmp_path / "student")
    assert report["dataset"]["rows"] == 120


def test_the_checksum_of_a_teacher_follows_its_weights_and_not_its_card(encoder, splits, tmp_path):
    train(CompactConfig(embeddings=encoder, epochs=1, **SMALL), splits, tmp_path / "plain")

    def checksum():
        return find_teachers([str(tmp_path / "plain")], Labels(), {})[0].checksum

    before = checksum()
    (tmp_path / "plain" / "README.md").write_text("another card")
    assert checksum() == before
    config = json.loads((tmp_path / "plain" / "config.json").read_text())
    (tmp_path / "plain" / "config.json").write_text(json.dumps(config | {"temperature": 3.0}))
    assert checksum() != before


# --- interrupted runs


def _distil_in_child(recipe, splits, output, log, stage, done):
    def die(step):
        if (step.stage, step.done) == (stage, done):
            os.kill(os.getpid(), signal.SIGKILL)

    teacher = KeywordTeacher(log=log)
    distill(recipe, splits, output, classifiers={"keywords": teacher}, resume=True, progress=die)


def test_killed_in_every_stage_and_resumed_it_ends_with_the_same_weights(config, splits, tmp_path):
    """SIGKILL after a chunk of the teacher's, in the middle of an epoch of both students, and once they are done."""
    recipe = replace(config, copies=3, copy_drop=0.3, epochs=3, batch_size=32)
    distill(recipe, splits, tmp_path / "undisturbed", classifiers={"keywords": KeywordTeacher()})
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["emoscope.training.distillation"])
    log, output = tmp_path / "log", tmp_path / "killed"
    kills = [("teacher 1/1", 1024), ("temperature", 60), ("student", 120)]
    for stage, done in kills:
        process = context.Process(target=_distil_in_child, args=(recipe, splits, output, log, stage, done))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, (stage, done)
    distill(recipe, splits, output, classifiers={"keywords": KeywordTeacher(log=log)}, resume=True)
    for name in ("model.safetensors", "config.json"):
        assert (output / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    asked = log.read_text().splitlines()
    assert 3 * 360 < len(asked) <= 4 * 360
    assert asked[:360] == [json.dumps(text) for text in splits["train"].texts]


class StopError(Exception):
    pass


def test_an_interrupted_run_is_another_with_another_teacher_or_other_texts(config, splits, encoder, tmp_path):
    train(CompactConfig(embeddings=encoder, epochs=1, **SMALL), splits, tmp_path / "teacher")
    (tmp_path / "more.txt").write_text("i feel so very lonely again\n")
    recipe = replace(config, teachers=(str(tmp_path / "teacher"),), unlabelled=(str(tmp_path / "more.txt"),))

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
    changed = json.loads((tmp_path / "teacher" / "config.json").read_text()) | {"temperature": 2.0}
    (tmp_path / "teacher" / "config.json").write_text(json.dumps(changed))
    with pytest.raises(RecipeError, match="differs in its teachers;"):
        distill(recipe, splits, tmp_path / "run", resume=True)


def test_a_teacher_that_fails_loses_nothing_of_the_one_before(config, splits, tmp_path):
    class Broken(KeywordTeacher):
        def predict_proba(self, texts):
            return np.ones((len(texts), 6), np.float32)

    log = tmp_path / "log"
    recipe = replace(config, teachers=("keywords", "broken"), epochs=1)
    with pytest.raises(ModelError, match="teacher broken .* do not sum to 1"):
        distill(recipe, splits, tmp_path / "run", classifiers={"keywords": KeywordTeacher(log=log), "broken": Broken()})
    crew = {"keywords": KeywordTeacher(log=log), "broken": KeywordTeacher()}
    distill(recipe, splits, tmp_path / "run", classifiers=crew, resume=True)
    assert len(log.read_text().splitlines()) == 360


# --- what is refused


def refused(error, match, config, splits, output, **options):
    with pytest.raises(error, match=match) as caught:
        distill(config, splits, output, **{"classifiers": {"keywords": KeywordTeacher()}} | options)
    assert "\n" not in str(caught.value)
    assert not list(output.parent.glob(f"{output.name}*"))


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"teachers": ()}, RecipeError, "has no teachers; .*--teachers MODEL"),
        ({"teachers": ("../nowhere",)}, ModelError, r"no model at '\.\./nowhere'"),
        ({"soft_weight": 0.0, "hard_weight": 0.0}, RecipeError, "both 0"),
        ({"copies": 1, "copy_drop": 0.7, "copy_mask": 0.7}, RecipeError, "sum to 1 at most"),
        ({"unlabelled": ("nowhere.txt",)}, DataError, r"no unlabelled texts at 'nowhere\.txt'"),
        ({"embeddings": "../nowhere"}, ModelError, r"no model at '\.\./nowhere'"),
        ({"dimension": 99}, ModelError, "dimension is 99, but .* 16"),
    ],
)
def test_a_recipe_that_cannot_work_leaves_nothing_behind(config, splits, tmp_path, keys, error, message):
    refused(error, message, replace(config, **keys), splits, tmp_path / "run")


def test_a_teacher_with_other_labels_or_with_several(hub, config, splits, encoder, tmp_path):
    fewer = KeywordTeacher([*EMOTIONS[:5], "disgust"])
    refused(LabelError, "teacher keywords has the labels .*disgust, but the data has", config, splits, tmp_path / "run",
            classifiers={"keywords": fewer})  # fmt: skip
    source = hub.repository(ARCHITECTURES[0].fine_tuned).folder
    several = tmp_path / "several"
    several.mkdir()
    for file in source.iterdir():
        (several / file.name).write_bytes(file.read_bytes())
    settings = json.loads((source / "config.json").read_text()) | {"problem_type": "multi_label_classification"}
    (several / "config.json").write_text(json.dumps(settings))
    refused(ModelError, "several labels per text", replace(config, teachers=(str(several),)), splits, tmp_path / "run")


def test_a_teacher_of_the_wrong_shape(config, splits, tmp_path):
    class Narrow(KeywordTeacher):
        def predict_proba(self, texts):
            return np.full((len(texts), 5), 0.2, np.float32)

    refused(ModelError, r"teacher keywords returned .* \(360, 5\), expected \(360, 6\)", config, splits,
            tmp_path / "run", classifiers={"keywords": Narrow()})  # fmt: skip


def test_multi_label_data_missing_splits_and_other_reports(config, splits, tmp_path):
    indicators = {name: replace(rows, label_ids=np.eye(6, dtype=bool)[rows.label_ids]) for name, rows in splits.items()}
    refused(RecipeError, "one label per text", config, indicators, tmp_path / "run")
    refused(DataError, "no split validation", config, {"train": splits["train"]}, tmp_path / "run")
    refused(RecipeError, "only an encoder.s run can report", config, splits, tmp_path / "run", report_to="tensorboard")


def test_torchrun_is_refused(config, splits, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused(RecipeError, "one process", config, splits, tmp_path / "run")


def test_train_and_distill_refuse_each_others_recipes(config, splits, encoder, tmp_path):
    message = "kind compact has no teachers, so it is one for emoscope train"
    refused(RecipeError, message, CompactConfig(embeddings=encoder), splits, tmp_path / "run")
    with pytest.raises(RecipeError, match="kind compact-student has teachers, so it is one for emoscope distill"):
        train(config, splits, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_used_output_is_left_alone(config, splits, distilled):
    before = (distilled[0] / "README.md").read_bytes()
    with pytest.raises(EmoscopeError, match="not empty"):
        distill(config, splits, distilled[0], classifiers={"keywords": KeywordTeacher()})
    assert (distilled[0] / "README.md").read_bytes() == before


def test_held_out_rows_of_the_temperature_teach_the_part_student_nothing(config, splits, tmp_path, monkeypatch):
    """Every row that the part-student learns from, against the rows that its temperature is fitted on."""
    from emoscope.training import compact_training

    seen, held_out = [], []

    def rows(tokenizer, corpus, whole=compact_training._tokenized):
        seen.append(corpus)
        return whole(tokenizer, corpus)

    def temperature(model, tokenizer, corpus, whole=compact_training._temperature):
        held_out.append(corpus)
        return whole(model, tokenizer, corpus)

    monkeypatch.setattr(compact_training, "_tokenized", rows)
    monkeypatch.setattr(compact_training, "_temperature", temperature)
    texts = [f"unlike any other number {number} {word}" for number, word in enumerate(list(WORDS) * 5)]
    different = Examples(texts, np.arange(120) % 6, Labels(), "different", "train")
    (tmp_path / "same.txt").write_text("\n".join(texts[::-1]) + "\n")
    recipe = replace(config, copies=2, unlabelled=(str(tmp_path / "same.txt"),), epochs=1)
    both = {"train": different, "validation": splits["validation"]}
    distill(recipe, both, tmp_path / "run", classifiers={"keywords": KeywordTeacher()})
    part, whole = seen
    assert len(held_out[0]) == 12
    assert (part.labelled, whole.labelled) == (108, 120)
    assert not set(part.sources) & set(held_out[0].texts)
    assert set(whole.sources) == set(texts)
