"""`emoscope.json`: what is read, written and rejected."""

import json
import shutil

import pytest

from emoscope import EmotionClassifier
from emoscope.calibrated import Calibration
from emoscope.errors import ModelError
from emoscope.labels import EMOTIONS
from emoscope.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from emoscope.model_folder import BUNDLED, open_folder
from emoscope.neutral import Neutral
from emoscope.prediction_sets import PredictionSets


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(BUNDLED, tmp_path / "model")


def rewrite(folder, **changes):
    """Change keys of config.json; None removes one."""
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({key: v for key, v in config.items() if v is not None}))


def test_what_is_written_is_read_again(folder):
    manifest = Manifest(
        normalizer="plain",
        max_length=64,
        calibration=Calibration(
            0.5, prediction_sets=PredictionSets({90: (0.1,) * 6, 95: (0.05,) * 6}), neutral=Neutral(0.8, -0.2)
        ),
        calibration_report={"aurc": 0.1},
        parity={"as_trained": 1},
        verification={"texts": []},
        parameters=4_000_000,
        ambiguous_keywords={"sweet": {"joy": 0.5, "love": 0.4}},
    )
    write_manifest(folder, manifest)
    read = read_manifest(folder)
    assert set(read.files) == {"config.json", "tokenizer.json", "onnx/model.onnx", "known_words.txt"}
    assert vars(read) == vars(manifest) | {"files": read.files}
    assert json.loads((folder / MANIFEST).read_text())["format"] == 2


def test_the_neutral_output_must_be_the_last(folder):
    rewrite(folder, id2label={str(index): name for index, name in enumerate(EMOTIONS)})
    write_manifest(folder, Manifest(calibration=Calibration(neutral=Neutral())))
    with pytest.raises(ModelError, match="must have the name neutral, got 'surprise'"):
        read_manifest(folder)


def test_format_1_is_read_under_its_old_names(folder):
    values = json.loads((folder / MANIFEST).read_text()) | {"format": 1}
    old = {"normalizer": "text_form", "prediction_sets": "label_sets", "neutral": "clearness"}
    old |= {"verification": "self_test", "calibration_report": "calibration"}
    (folder / MANIFEST).write_text(json.dumps({old.get(key, key): value for key, value in values.items()}))
    assert read_manifest(folder) == read_manifest(BUNDLED)


def test_a_folder_of_others_needs_no_manifest(folder):
    (folder / MANIFEST).unlink()
    rewrite(folder, normalizer=None, temperature=None, max_length=None)
    opened = open_folder(folder)
    assert (opened.manifest.normalizer, opened.calibration.temperature, opened.manifest.max_length) == (
        "raw",
        1.0,
        512,
    )
    assert EmotionClassifier.from_pretrained(folder).predict(["i feel so happy today"])[0].label == "joy"


def test_a_newer_format_says_upgrade(folder):
    values = json.loads((folder / MANIFEST).read_text()) | {"format": 99}
    (folder / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(ModelError, match="format 99.*upgrade"):
        open_folder(folder)


@pytest.mark.parametrize("wrong", [{"temperature": "warm"}, {"max_length": [64]}, {"max_position_embeddings": "x"}])
def test_wrong_values_in_the_config_are_an_error(folder, wrong):
    (folder / MANIFEST).unlink()
    rewrite(folder, **wrong)
    with pytest.raises(ModelError, match="a temperature or length in its configuration is not a number"):
        open_folder(folder)


@pytest.mark.parametrize(
    ("config", "tokenizer", "limit"),
    [
        ({"max_position_embeddings": 512}, {"model_max_length": 512}, 512),
        ({"max_position_embeddings": 512}, {"model_max_length": int(1e30)}, 512),
        ({"max_position_embeddings": 128}, None, 128),
        ({"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": 1}, None, 512),
        ({"max_position_embeddings": 66, "model_type": "roberta", "pad_token_id": 1}, {}, 64),
        ({"max_position_embeddings": 512, "max_length": 64}, {"model_max_length": 128}, 64),
    ],
)
def test_the_longest_input_is_the_shortest_limit(folder, config, tokenizer, limit):
    (folder / MANIFEST).unlink()
    rewrite(folder, **{"max_length": None, **config})
    if tokenizer is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    assert open_folder(folder).manifest.max_length == limit


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": "x"},
        {"temperature": 0},
        {"files": []},
        {"max_length": None},
        {"max_length": "5"},
        {"calibration_report": [1]},
    ],
)
def test_wrong_values_in_the_manifest_are_an_error(folder, values):
    manifest = json.loads((folder / MANIFEST).read_text()) | values
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=rf"emoscope\.json.*{next(iter(values))}"):
        open_folder(folder)


@pytest.mark.parametrize("problem_type", [None, "single_label_classification"])
def test_a_single_label_makes_a_multi_label_model(folder, problem_type):
    """As in transformers' pipeline."""
    (folder / MANIFEST).unlink()
    rewrite(folder, id2label={"0": "joy"}, problem_type=problem_type)
    opened = open_folder(folder)
    assert opened.calibration.multi_label
    assert opened.calibration.thresholds == (0.5,)


def test_settings_of_text_generation_are_ignored(folder):
    (folder / MANIFEST).unlink()
    config = json.loads((folder / "config.json").read_text()) | {"max_length": 20, "temperature": 3.0}
    del config["normalizer"]
    (folder / "config.json").write_text(json.dumps(config))
    manifest = open_folder(folder).manifest
    assert (manifest.max_length, manifest.calibration.temperature) == (512, 1.0)


@pytest.mark.parametrize("wrong", [["sweet"], {"sweet": 0.5}, {"sweet": {"joy": 0.5}}, {"sweet": {"joy": 1, "a": "b"}}])
def test_wrong_ambiguous_keywords_are_an_error(tmp_path, wrong):
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b"}}))
    write_manifest(tmp_path, Manifest(ambiguous_keywords=wrong))
    with pytest.raises(ModelError, match="ambiguous_keywords"):
        read_manifest(tmp_path)
