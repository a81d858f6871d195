"""A training run: what its folder holds, and which data and outputs are refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "safetensors", "transformers", "accelerate", "onnx"):
    pytest.importorskip(module)

from huggingface_hub import ModelCard

import tiny
from emoscope import EmotionClassifier
from emoscope.compact import load_checkpoint
from emoscope.data import Examples
from emoscope.errors import DataError, ModelError, RecipeError
from emoscope.export import export
from emoscope.familiarity import KNOWN_WORDS
from emoscope.labels import Labels
from emoscope.model_folder import open_folder
from emoscope.training import train
from emoscope.training.config import CompactStudentConfig, configure, portable, read_recipe


def test_folder_holds_a_complete_checkpoint(compact_run):
    folder = compact_run.folder
    names = {file.name for file in folder.iterdir()}
    model = {"config.json", "model.safetensors", "tokenizer.json"}
    assert names - {"loss.png"} == model | {"recipe.toml", "report.json", "history.json", "run.json", "README.md"}
    assert json.loads((folder / "report.json").read_text()) == compact_run.report
    assert compact_run.report["dataset"]["split"] == "validation"
    assert load_checkpoint(folder).labels.names[1] == "joy"
    assert not list(folder.parent.glob("*.partial"))


def test_recipe_reads_back(compact_run):
    pytest.importorskip("tomllib")
    assert configure(read_recipe(compact_run.folder / "recipe.toml")) == portable(compact_run.config)


def test_no_file_of_a_run_names_a_folder_of_this_machine(compact_run):
    config = compact_run.config
    folder = Path(config.embeddings).parent
    assert folder.is_absolute()
    for file in compact_run.folder.iterdir():
        assert str(folder).encode() not in file.read_bytes(), file.name
    assert f"those of `{Path(config.embeddings).name}`" in (compact_run.folder / "README.md").read_text()


def test_finished_run_is_resumed_to_its_report(compact_run):
    splits = {"train": tiny.examples("train", repeat=2), "validation": tiny.examples("validation")}
    before = {file: file.stat().st_mtime_ns for file in compact_run.folder.iterdir()}
    resumed = train(compact_run.config, splits, compact_run.folder, resume=True)
    assert resumed == compact_run.report
    assert {file: file.stat().st_mtime_ns for file in compact_run.folder.iterdir()} == before
    other = {**splits, "train": splits["train"].subset(range(60))}
    with pytest.raises(RecipeError, match="finished run that differs in its rows of train"):
        train(compact_run.config, other, compact_run.folder, resume=True)


def test_card_has_the_measured_results(compact_run):
    card, report = ModelCard.load(compact_run.folder / "README.md"), compact_run.report
    values = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert values["Accuracy"] == report["accuracy"]
    assert values["Macro F1"] == report["f1_macro"]
    assert f"{report['loss']:.4f}" in card.content
    assert report["dataset"]["fingerprint"] in card.content


def test_used_output_is_refused_and_stays_as_it_was(config, splits, compact_run):
    before = (compact_run.folder / "README.md").read_bytes()
    with pytest.raises(RecipeError, match="not empty"):
        train(config, splits, compact_run.folder)
    assert (compact_run.folder / "README.md").read_bytes() == before


def refused(error, match, config, splits, output, **options):
    with pytest.raises(error, match=match) as caught:
        train(config, splits, output, **options)
    assert "\n" not in str(caught.value)
    assert not list(output.parent.glob(f"{output.name}*"))


def test_missing_split_is_an_error(config, splits, tmp_path):
    refused(DataError, "no split validation; it has: train", config, {"train": splits["train"]}, tmp_path / "run")


def test_data_with_a_single_label_is_an_error(config, tmp_path):
    one = Examples(["i am glad", "so glad"], np.zeros(2, np.int64), Labels(("joy",)), "one", "train")
    both = {"train": one, "validation": one}
    refused(DataError, "has only the label 'joy', .* at least two labels", config, both, tmp_path / "run")


def test_encoder_that_cannot_be_used_is_an_error(config, splits, tmp_path):
    (tmp_path / "empty").mkdir()
    empty = replace(config, embeddings=str(tmp_path / "empty"))
    refused(ModelError, r"has no tokenizer\.json", empty, splits, tmp_path / "run")
    refused(ModelError, "dimension is 17, but .* 16", replace(config, dimension=17), splits, tmp_path / "run")


def test_compact_student_refuses_what_only_encoders_can_do(config, splits, tmp_path):
    rows = {name: replace(rows, label_ids=np.eye(6, dtype=bool)[rows.label_ids]) for name, rows in splits.items()}
    refused(RecipeError, "one label per text", config, rows, tmp_path / "run")
    message = "only an encoder's run can report to tensorboard"
    refused(RecipeError, message, config, splits, tmp_path / "run", report_to="tensorboard")


def test_recipe_with_teachers_is_refused(splits, tmp_path):
    message = "kind compact-student has teachers, so it is one for emoscope distill"
    refused(RecipeError, message, CompactStudentConfig(), splits, tmp_path / "run")


def test_the_words_of_labelled_texts_are_written_and_exported(tmp_path, config, splits, monkeypatch):
    monkeypatch.setattr("emoscope.familiarity.MIN_WORDS", 3)
    train(replace(config, epochs=1), splits, tmp_path / "checkpoint")
    assert "nervous" in (tmp_path / "checkpoint" / KNOWN_WORDS).read_text().split()
    export(open_folder(tmp_path / "checkpoint"), tmp_path / "model", splits["validation"])
    for name in ("checkpoint", "model"):
        classifier = EmotionClassifier.from_pretrained(tmp_path / name)
        predictions = classifier.predict(["i feel nervous", "das ist mir ganz egal"])
        assert [each.familiar for each in predictions] == [True, False]
        assert [each.to_dict()["familiar"] for each in predictions] == [True, False]
