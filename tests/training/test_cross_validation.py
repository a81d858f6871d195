"""Cross-validation: what its folder holds, that it resumes, and which numbers of folds it takes."""

import json

import numpy as np
import pytest

for module in ("torch", "transformers", "accelerate", "safetensors"):
    pytest.importorskip(module)

import tiny
from emoscope import EmotionClassifier
from emoscope.cli import main
from emoscope.errors import EmoscopeError, RecipeError
from emoscope.training import FoldEnsemble, cross_validate
from emoscope.training.config import CompactConfig, CompactStudentConfig, EncoderConfig
from hub.repositories import ARCHITECTURES

FOLDS = 3
FILES = {"folds.json", "out_of_fold.npy", "report.json", "run.json", "fold-0", "fold-1", "fold-2"}


def test_folder_holds_a_checkpoint_per_fold_and_the_report_over_all_rows(cross_validated):
    _, splits, folder, report, _ = cross_validated
    assert {file.name for file in folder.iterdir()} == FILES
    assert json.loads((folder / "report.json").read_text()) == report
    assert report["dataset"]["rows"] == len(splits["train"])
    assert report["dataset"]["fingerprint"] == splits["train"].fingerprint
    record = json.loads((folder / "folds.json").read_text())
    assert (record["format"], record["folds"], record["seed"]) == (1, FOLDS, 0)
    assert record["fingerprint"] == splits["train"].fingerprint
    assert not any(text in (folder / "folds.json").read_text() for text in splits["train"].texts)
    assert not list(folder.parent.glob("*.partial"))


def test_each_model_is_trained_on_the_rows_outside_its_fold(cross_validated):
    train, folder = cross_validated.splits["train"], cross_validated.folder
    folds = np.array(json.loads((folder / "folds.json").read_text())["fold_of_row"])
    for fold in range(FOLDS):
        outside = train.subset(folds != fold)
        assert f"train `{outside.fingerprint}`" in (folder / f"fold-{fold}/README.md").read_text()
        assert not set(outside.texts) & set(train.subset(folds == fold).texts)
        assert np.bincount(train.label_ids[folds == fold]).min() >= 12


def test_out_of_fold_probabilities_come_from_the_model_that_did_not_see_the_row(cross_validated):
    _, splits, folder, report, _ = cross_validated
    train = splits["train"]
    out_of_fold = np.load(folder / "out_of_fold.npy")
    folds = json.loads((folder / "folds.json").read_text())["fold_of_row"]
    members = [EmotionClassifier.from_pretrained(folder / f"fold-{fold}") for fold in range(FOLDS)]
    all_members = np.stack([member.predict_proba(train.texts) for member in members])
    rows = np.arange(len(folds))
    assert out_of_fold.dtype == np.float32
    np.testing.assert_allclose(out_of_fold, all_members[folds, rows], atol=1e-6)
    assert np.abs(out_of_fold - all_members[(np.array(folds) + 1) % FOLDS, rows]).max() > 0.01
    assert report["accuracy"] == (out_of_fold.argmax(1) == train.label_ids).mean()
    assert report["loss"] == pytest.approx(-np.log(out_of_fold[rows, train.label_ids]).mean(), rel=1e-4)


def test_progress_names_fold_and_stage(cross_validated):
    stages = list(dict.fromkeys(step.stage for step in cross_validated.steps))
    assert stages == [f"fold {fold}/3, {stage}" for fold in (1, 2, 3) for stage in ("temperature", "student")]


class StopError(Exception):
    pass


def test_resumed_run_keeps_finished_folds_and_gives_the_same_result(cross_validated, tmp_path):
    config, splits, undisturbed, _, _ = cross_validated

    def stop(step):
        if step.stage == "fold 2/3, student" and step.done == step.total // 2:
            raise StopError

    output, steps = tmp_path / "folds", []
    with pytest.raises(StopError):
        cross_validate(config, splits, output, FOLDS, progress=stop)
    with pytest.raises(RecipeError, match="--resume continues it"):
        cross_validate(config, splits, output, FOLDS)
    with pytest.raises(RecipeError, match="differs in its number of folds"):
        cross_validate(config, splits, output, FOLDS + 1, resume=True)
    cross_validate(config, splits, output, FOLDS, resume=True, progress=steps.append)
    assert {step.stage.partition(",")[0] for step in steps} == {"fold 2/3", "fold 3/3"}
    assert steps[0].stage == "fold 2/3, student"
    np.testing.assert_array_equal(np.load(output / "out_of_fold.npy"), np.load(undisturbed / "out_of_fold.npy"))
    for fold in range(FOLDS):
        weights = [(folder / f"fold-{fold}/model.safetensors").read_bytes() for folder in (output, undisturbed)]
        assert weights[0] == weights[1]


def test_encoders_can_be_cross_validated(hub, cross_validated, tmp_path):
    encoder = str(hub.repository(ARCHITECTURES[0].encoder).folder)
    recipe = EncoderConfig(model=encoder, epochs=1, batch_size=32, learning_rate=3e-3, max_length=32)
    splits = {name: tiny.examples(name) for name in ("train", "validation")}
    report = cross_validate(recipe, splits, tmp_path / "folds", 2)
    assert report["dataset"]["rows"] == 120
    out_of_fold = np.load(tmp_path / "folds" / "out_of_fold.npy")
    ensemble = FoldEnsemble(tmp_path / "folds")
    np.testing.assert_allclose(ensemble.out_of_fold(splits["train"].texts), out_of_fold, atol=1e-6)


@pytest.mark.parametrize("folds", [-1, 0, 1, 121])
def test_too_few_or_too_many_folds_are_an_error(cross_validated, tmp_path, folds):
    with pytest.raises(RecipeError, match=f"from 2 to 120, .* got {folds}"):
        cross_validate(cross_validated.config, cross_validated.splits, tmp_path / "folds", folds)
    assert list(tmp_path.iterdir()) == []


def test_failed_start_leaves_nothing_behind(cross_validated, tmp_path):
    (tmp_path / "empty").mkdir()
    wrong = CompactConfig(embeddings=str(tmp_path / "empty"))
    for recipe in (wrong, CompactStudentConfig()):
        with pytest.raises(EmoscopeError):
            cross_validate(recipe, cross_validated.splits, tmp_path / "folds", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_command_prints_the_cross_validated_headline(cross_validated, tmp_path, capsys):
    for split, rows in cross_validated.splits.items():
        lines = [f"{text};{rows.labels.names[i]}\n" for text, i in zip(rows.texts, rows.label_ids, strict=True)]
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (tiny.COMPACT | {"epochs": 1}).items()]
    output, encoder = tmp_path / "folds", cross_validated.config.embeddings
    command = ["train", "--data", str(tmp_path), "--output", str(output), "--embeddings", encoder, "--folds", "2"]
    assert main([*command, *flags]) == 0
    report = json.loads((output / "report.json").read_text())
    printed = capsys.readouterr().out
    assert printed.startswith(f"{output}: accuracy {report['accuracy']:.4f}, macro F1 {report['f1_macro']:.4f}")
    assert printed.endswith("on train, each row scored out of fold\n")
    assert main([*command, *flags, "--resume"]) == 0
    again = capsys.readouterr()
    assert again.out == printed and f"{output}: this run is finished, nothing was trained" in again.err
