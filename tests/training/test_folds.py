"""Cross-fitting: the partition, the models of the folds, and the classifier that they are together."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest

for module in ("torch", "transformers", "accelerate", "safetensors"):
    pytest.importorskip(module)

from hypothesis import given
from hypothesis import strategies as st

import tiny
from emoscope import EmotionClassifier
from emoscope.cli import main
from emoscope.errors import EmoscopeError, ModelError, RecipeError
from emoscope.evaluation import evaluate
from emoscope.training import CrossFitted, cross_validate
from emoscope.training.config import CompactConfig, CompactStudentConfig, EncoderConfig
from emoscope.training.folds import assign_folds
from hub.repositories import ARCHITECTURES

SMALL = {"dimension": 8, "hidden": 8, "epochs": 8, "batch_size": 16, "learning_rate": 2e-2, "max_length": 16}
FOLDS = 3
FILES = {"folds.json", "held_out.npy", "report.json", "fold-0", "fold-1", "fold-2"}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return CompactConfig(vectors=str(tiny.encoder(tmp_path_factory.mktemp("encoder") / "tiny")), **SMALL)


@pytest.fixture(scope="module")
def splits():
    return {"train": tiny.examples("train", repeat=2), "validation": tiny.examples("validation")}


@pytest.fixture(scope="module")
def fitted(config, splits, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "folds"
    steps = []
    report = cross_validate(config, splits, output, FOLDS, progress=steps.append)
    return output, report, steps


@given(st.lists(st.sampled_from("abcdefghijkl"), min_size=20, max_size=60), st.integers(0, 99), st.integers(2, 4))
def test_folds_are_a_balanced_partition_with_equal_texts_together(texts, seed, folds):
    different = len(set(texts))
    if different < folds:
        with pytest.raises(RecipeError, match=f"from 2 to {different}"):
            assign_folds(texts, folds, seed)
        return
    assigned = assign_folds(texts, folds, seed).tolist()
    fold_of = dict(zip(texts, assigned, strict=True))
    assert assigned == [fold_of[text] for text in texts]
    sizes = Counter(fold_of.values())
    assert set(sizes) == set(range(folds))
    assert max(sizes.values()) - min(sizes.values()) <= 1
    assert assigned == assign_folds(texts, folds, seed).tolist()


def test_texts_that_are_equal_as_plain_words_are_in_one_fold():
    texts = [form for word in "abcdefgh" for form in (f"I'm {word}!", f"im {word}")]
    for seed in range(5):
        assigned = assign_folds(texts, 4, seed)
        assert (assigned[::2] == assigned[1::2]).all()
    assert assign_folds(texts, 4, 0).tolist() != assign_folds(texts, 4, 1).tolist()


def test_the_folder_holds_a_checkpoint_a_fold_and_the_report_over_all_rows(fitted, splits):
    output, report, _ = fitted
    assert {file.name for file in output.iterdir()} == FILES
    assert json.loads((output / "report.json").read_text()) == report
    assert report["dataset"]["rows"] == len(splits["train"])
    assert report["dataset"]["fingerprint"] == splits["train"].fingerprint
    kept = json.loads((output / "folds.json").read_text())
    assert (kept["format"], kept["folds"], kept["seed"]) == (1, FOLDS, 0)
    assert kept["fingerprint"] == splits["train"].fingerprint
    assert not any(text in (output / "folds.json").read_text() for text in splits["train"].texts)
    assert not list(output.parent.glob("*.partial"))


def test_each_model_was_trained_on_the_rows_outside_its_fold(fitted, splits):
    output, _, _ = fitted
    folds = np.array(json.loads((output / "folds.json").read_text())["fold_of_row"])
    for fold in range(FOLDS):
        outside = splits["train"].subset(folds != fold)
        assert f"SHA-256 of the rows: train `{outside.fingerprint}`" in (output / f"fold-{fold}/README.md").read_text()
        assert not set(outside.texts) & set(splits["train"].subset(folds == fold).texts)


def test_held_out_rows_come_from_the_model_that_did_not_see_them(fitted, splits):
    output, report, _ = fitted
    held_out = np.load(output / "held_out.npy")
    folds = json.loads((output / "folds.json").read_text())["fold_of_row"]
    members = [EmotionClassifier.from_pretrained(output / f"fold-{fold}") for fold in range(FOLDS)]
    everywhere = np.stack([member.predict_proba(splits["train"].texts) for member in members])
    own = everywhere[folds, np.arange(len(folds))]
    assert held_out.dtype == np.float32
    np.testing.assert_allclose(held_out, own, atol=1e-6)
    others = everywhere[(np.array(folds) + 1) % FOLDS, np.arange(len(folds))]
    assert np.abs(held_out - others).max() > 0.01
    assert report["accuracy"] == (held_out.argmax(1) == splits["train"].label_ids).mean()
    assert report["loss"] == pytest.approx(
        -np.log(held_out[np.arange(len(folds)), splits["train"].label_ids]).mean(), rel=1e-4
    )


def test_cross_fitted_is_the_mean_of_its_members_and_held_out_where_it_was_trained(fitted, splits):
    output, _, _ = fitted
    teacher = CrossFitted(output)
    held_out = np.load(output / "held_out.npy")
    new = ["i feel like nothing of this was in the data", "so be it"]
    mean = np.mean([member.predict_proba(new) for member in teacher.members], axis=0)
    np.testing.assert_allclose(teacher.predict_proba(new), mean)
    rows = [7, 3, 150]
    texts = [new[0], *(splits["train"].texts[row] for row in rows), new[1]]
    scored = teacher.held_out(texts)
    assert scored.dtype == np.float32
    np.testing.assert_allclose(scored[[0, 4]], mean, atol=1e-6)
    np.testing.assert_array_equal(scored[1:4], held_out[rows])
    assert np.abs(teacher.predict_proba(texts[1:4]) - held_out[rows]).max() > 1e-3
    superset = teacher.held_out([*new, *splits["train"].texts])
    np.testing.assert_allclose(superset[2:], held_out, atol=1e-6)
    np.testing.assert_allclose(superset[:2], mean, atol=1e-6)


def test_it_is_a_classifier_that_can_be_evaluated(fitted, splits):
    report = evaluate(CrossFitted(fitted[0]), splits["validation"], model_name="folds")
    assert report["accuracy"] > 0.5


def test_progress_names_fold_and_stage(fitted):
    stages = list(dict.fromkeys(step.stage for step in fitted[2]))
    assert stages == [f"fold {fold}/3, {stage}" for fold in (1, 2, 3) for stage in ("temperature", "student")]


class StopError(Exception):
    pass


def test_finished_folds_are_kept_and_the_result_is_the_same(config, splits, fitted, tmp_path):
    def stop(step):
        if step.stage == "fold 2/3, student" and step.done == step.total // 2:
            raise StopError

    output, steps = tmp_path / "folds", []
    with pytest.raises(StopError):
        cross_validate(config, splits, output, FOLDS, progress=stop)
    with pytest.raises(RecipeError, match="--resume continues it"):
        cross_validate(config, splits, output, FOLDS)
    with pytest.raises(RecipeError, match="another number of folds"):
        cross_validate(config, splits, output, FOLDS + 1, resume=True)
    cross_validate(config, splits, output, FOLDS, resume=True, progress=steps.append)
    assert {step.stage.partition(",")[0] for step in steps} == {"fold 2/3", "fold 3/3"}
    assert steps[0].stage == "fold 2/3, student"
    np.testing.assert_array_equal(np.load(output / "held_out.npy"), np.load(fitted[0] / "held_out.npy"))
    for fold in range(FOLDS):
        weights = [(folder / f"fold-{fold}/model.safetensors").read_bytes() for folder in (output, fitted[0])]
        assert weights[0] == weights[1]


def test_encoders_can_be_cross_fitted_too(hub, splits, tmp_path):
    encoder = str(hub.repository(ARCHITECTURES[0].encoder).folder)
    recipe = EncoderConfig(model=encoder, epochs=1, batch_size=32, learning_rate=3e-3, max_length=32)
    report = cross_validate(recipe, splits, tmp_path / "folds", 2)
    assert report["dataset"]["rows"] == 240
    teacher = CrossFitted(tmp_path / "folds")
    held_out = np.load(tmp_path / "folds" / "held_out.npy")
    np.testing.assert_allclose(teacher.held_out(splits["train"].texts), held_out, atol=1e-6)


@pytest.mark.parametrize("folds", [-1, 0, 1, 121])
def test_too_few_or_too_many_folds(config, splits, tmp_path, folds):
    with pytest.raises(RecipeError, match=f"from 2 to 120, .* got {folds}"):
        cross_validate(config, splits, tmp_path / "folds", folds)
    assert list(tmp_path.iterdir()) == []


def test_failed_starts_leave_nothing_behind(config, splits, tmp_path):
    (tmp_path / "empty").mkdir()
    wrong = CompactConfig(vectors=str(tmp_path / "empty"))
    for recipe in (wrong, CompactStudentConfig()):
        with pytest.raises(EmoscopeError):
            cross_validate(recipe, splits, tmp_path / "folds", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize("missing", ["held_out.npy", "fold-1", "fold-2/config.json"])
def test_a_folder_that_is_not_whole(fitted, tmp_path, missing):
    broken = shutil.copytree(fitted[0], tmp_path / "broken")
    (shutil.rmtree if (broken / missing).is_dir() else lambda path: path.unlink())(broken / missing)
    with pytest.raises(ModelError, match=missing.split("/")[0]):
        CrossFitted(broken)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2}', '{"folds": 3}'])
def test_a_broken_file_of_folds(fitted, tmp_path, content):
    broken = shutil.copytree(fitted[0], tmp_path / "broken")
    (broken / "folds.json").write_text(content)
    with pytest.raises(ModelError, match=r"folds\.json"):
        CrossFitted(broken)


def test_held_out_probabilities_of_other_rows(fitted, tmp_path):
    broken = shutil.copytree(fitted[0], tmp_path / "broken")
    np.save(broken / "held_out.npy", np.load(broken / "held_out.npy")[1:])
    with pytest.raises(ModelError, match=r"shape \(239, 6\), but there are 240 rows"):
        CrossFitted(broken)


def test_the_command_prints_the_cross_validated_headline(config, splits, tmp_path, capsys):
    for split, rows in splits.items():
        lines = [f"{text};{rows.labels.names[i]}\n" for text, i in zip(rows.texts, rows.label_ids, strict=True)]
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (SMALL | {"epochs": 1}).items()]
    output = tmp_path / "folds"
    command = ["train", "--data", str(tmp_path), "--output", str(output), "--vectors", config.vectors, "--folds", "2"]
    assert main([*command, *flags]) == 0
    report = json.loads((output / "report.json").read_text())
    printed = capsys.readouterr().out
    assert printed.startswith(f"{output}: accuracy {report['accuracy']:.4f}, macro F1 {report['f1_macro']:.4f}")
    assert printed.endswith("on train, each row unseen by its model\n")
