import json
import shutil
import sys

import pytest

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.errors import ChecksumError, MissingExtraError, ModelError
from emoscope.manifest import MANIFEST, Manifest, write_manifest
from emoscope.model_folder import (
    BUNDLED,
    open_folder,
    resolve,
)


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(BUNDLED, tmp_path / "model")


def rewrite(folder, **changes):
    """Change keys of config.json; None removes one."""
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({key: v for key, v in config.items() if v is not None}))


def test_bundled_folder_is_whole():
    opened = open_folder(resolve(None))
    assert opened.labels.names == EMOTIONS
    assert not opened.calibration.multi_label
    assert set(opened.manifest.files) == {"config.json", "tokenizer.json", "onnx/model.onnx"}
    assert (BUNDLED / "README.md").is_file()
    assert sum(file.stat().st_size for file in BUNDLED.rglob("*")) < 8_000_000


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_damage_names_file_and_checksum(folder, name, damage):
    file = folder / name
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(
            content[:-7] if damage == "truncated" else content[:-7] + bytes([content[-7] ^ 1]) + content[-6:]
        )
    expected = json.loads((folder / MANIFEST).read_text())["files"][name]
    with pytest.raises(ModelError, match=name) as caught:
        EmotionClassifier.from_pretrained(folder)
    if damage != "missing":
        assert isinstance(caught.value, ChecksumError)
        assert expected in str(caught.value)


def test_foreign_folder_needs_no_manifest(folder):
    (folder / MANIFEST).unlink()
    rewrite(folder, text_form=None, temperature=None, max_length=None)
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


def test_rubbish_config_is_an_error(folder):
    (folder / MANIFEST).unlink()
    (folder / "config.json").write_text("[1")
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        open_folder(folder)


@pytest.mark.parametrize("rubbish", [{"temperature": "warm"}, {"max_length": [64]}, {"max_position_embeddings": "x"}])
def test_rubbish_values_in_the_config_are_an_error(folder, rubbish):
    (folder / MANIFEST).unlink()
    rewrite(folder, **rubbish)
    with pytest.raises(ModelError, match="a temperature or length in its configuration is not a number"):
        open_folder(folder)


def test_rubbish_graph_is_an_error(folder):
    (folder / MANIFEST).unlink()
    (folder / "onnx" / "model.onnx").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="cannot be loaded by ONNX Runtime"):
        EmotionClassifier.from_pretrained(folder)


@pytest.mark.parametrize("name", ["no/such/folder", "../nowhere", "a b", ""])
def test_no_such_model_says_what_is_allowed(name):
    with pytest.raises(ModelError, match="model folder, a Hub id"):
        resolve(name)


def test_an_empty_folder_says_what_is_missing(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        EmotionClassifier.from_pretrained(tmp_path)


def test_a_model_not_on_the_hub_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="owner/name") as caught:
        resolve("owner/name")
    assert "\n" not in str(caught.value)


def test_neither_graph_nor_weights_says_what_there_may_be(folder):
    (folder / MANIFEST).unlink()
    (folder / "onnx" / "model.onnx").unlink()
    with pytest.raises(
        ModelError, match=r"neither an ONNX graph \(onnx/model\.onnx .* nor weights \(model\.safetensors"
    ):
        open_folder(folder)


def test_parameters_are_known_where_they_are_recorded(folder):
    write_manifest(folder, Manifest(normalizer="plain"))
    assert EmotionClassifier.from_pretrained(folder).parameters is None
    write_manifest(folder, Manifest(normalizer="plain", parameters=4_000_000))
    assert EmotionClassifier.from_pretrained(folder).parameters == 4_000_000


@pytest.mark.parametrize("device", ["cuda", "tpu"])
def test_a_graph_runs_on_the_cpu_only(device):
    with pytest.raises(ModelError, match=rf"runs on device 'cpu', got '{device}'"):
        EmotionClassifier.from_pretrained(device=device)


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


@pytest.mark.parametrize("kind", ["weights", "vocabulary"])
def test_what_needs_torch_names_the_extra(folder, monkeypatch, kind):
    (folder / MANIFEST).unlink()
    if kind == "weights":
        (folder / "onnx" / "model.onnx").rename(folder / "model.safetensors")
    else:
        (folder / "tokenizer.json").rename(folder / "vocab.txt")
    monkeypatch.delitem(sys.modules, "emoscope.torch_runtime", raising=False)
    monkeypatch.setattr("emoscope.errors.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[torch\]'"):
        EmotionClassifier.from_pretrained(folder)


def test_a_folder_without_a_tokenizer_says_so(folder):
    (folder / MANIFEST).unlink()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing"):
        EmotionClassifier.from_pretrained(folder)


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
def test_rubbish_in_the_manifest_is_an_error(folder, values):
    manifest = json.loads((folder / MANIFEST).read_text()) | values
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=rf"emoscope\.json.*{next(iter(values))}"):
        open_folder(folder)


def test_more_outputs_than_labels_is_an_error(folder):
    (folder / MANIFEST).unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"0": "a", "1": "b"}}))
    with pytest.raises(ModelError, match="6 outputs, but .* 2 labels"):
        EmotionClassifier.from_pretrained(folder).predict(["text"])


@pytest.mark.parametrize("problem_type", [None, "single_label_classification"])
def test_a_label_alone_has_a_probability_of_its_own(folder, problem_type):
    """As in transformers' pipeline."""
    (folder / MANIFEST).unlink()
    rewrite(folder, id2label={"0": "joy"}, problem_type=problem_type)
    opened = open_folder(folder)
    assert opened.calibration.multi_label
    assert opened.calibration.thresholds == (0.5,)


def test_a_regression_is_no_classifier(folder):
    (folder / MANIFEST).unlink()
    rewrite(folder, problem_type="regression")
    with pytest.raises(ModelError, match="has problem_type 'regression', .*; allowed: single_label_classification"):
        open_folder(folder)


def test_settings_of_text_generation_are_not_ours(folder):
    (folder / MANIFEST).unlink()
    config = json.loads((folder / "config.json").read_text()) | {"max_length": 20, "temperature": 3.0}
    del config["text_form"]
    (folder / "config.json").write_text(json.dumps(config))
    manifest = open_folder(folder).manifest
    assert (manifest.max_length, manifest.calibration.temperature) == (512, 1.0)
