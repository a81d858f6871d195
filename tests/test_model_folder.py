import json
import shutil
import sys

import pytest

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.errors import ChecksumError, MissingExtraError, ModelError
from emoscope.manifest import MANIFEST, Manifest, write_manifest
from emoscope.model_folder import (
    BUNDLED,
    current_checksum,
    model_checksum,
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


def test_the_bundled_folder_is_complete():
    opened = open_folder(resolve(None))
    assert opened.labels.names == EMOTIONS
    assert not opened.calibration.multi_label
    assert set(opened.manifest.files) == {"config.json", "tokenizer.json", "onnx/model.onnx", "known_words.txt"}
    assert (BUNDLED / "README.md").is_file()
    assert sum(file.stat().st_size for file in BUNDLED.rglob("*")) < 8_000_000


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_a_damaged_file_is_named_with_its_checksum(folder, name, damage):
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


def test_an_unreadable_config_is_an_error(folder):
    (folder / MANIFEST).unlink()
    (folder / "config.json").write_text("[1")
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        open_folder(folder)


def test_an_unreadable_graph_is_an_error(folder):
    (folder / MANIFEST).unlink()
    (folder / "onnx" / "model.onnx").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="cannot be loaded by ONNX Runtime"):
        EmotionClassifier.from_pretrained(folder)


@pytest.mark.parametrize("name", ["no/such/folder", "../nowhere", "a b", ""])
def test_an_unknown_model_is_an_error_that_says_what_is_allowed(name):
    with pytest.raises(ModelError, match="model folder, a Hub id"):
        resolve(name)


def test_an_empty_folder_is_an_error_that_says_what_is_missing(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        EmotionClassifier.from_pretrained(tmp_path)


def test_a_model_that_is_not_on_the_hub_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="owner/name") as caught:
        resolve("owner/name")
    assert "\n" not in str(caught.value)


def test_a_folder_without_graph_and_weights_is_an_error(folder):
    (folder / MANIFEST).unlink()
    (folder / "onnx" / "model.onnx").unlink()
    with pytest.raises(
        ModelError, match=r"neither an ONNX graph \(onnx/model\.onnx .* nor weights \(model\.safetensors"
    ):
        open_folder(folder)


def test_parameters_are_known_if_they_are_recorded(folder):
    write_manifest(folder, Manifest(normalizer="plain"))
    assert EmotionClassifier.from_pretrained(folder).parameters is None
    write_manifest(folder, Manifest(normalizer="plain", parameters=4_000_000))
    assert EmotionClassifier.from_pretrained(folder).parameters == 4_000_000


@pytest.mark.parametrize("device", ["cuda", "tpu"])
def test_a_graph_runs_only_on_the_cpu(device):
    with pytest.raises(ModelError, match=rf"runs on device 'cpu', got '{device}'"):
        EmotionClassifier.from_pretrained(device=device)


@pytest.mark.parametrize("kind", ["weights", "vocabulary"])
def test_a_model_that_needs_torch_names_the_extra(folder, monkeypatch, kind):
    (folder / MANIFEST).unlink()
    if kind == "weights":
        (folder / "onnx" / "model.onnx").rename(folder / "model.safetensors")
    else:
        (folder / "tokenizer.json").rename(folder / "vocab.txt")
    for module in [name for name in sys.modules if name.startswith("emoscope.torch_runtime")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr("emoscope.errors.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[torch\]'"):
        EmotionClassifier.from_pretrained(folder)


def test_a_folder_without_a_tokenizer_is_an_error(folder):
    (folder / MANIFEST).unlink()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing"):
        EmotionClassifier.from_pretrained(folder)


def test_more_outputs_than_labels_is_an_error(folder):
    (folder / MANIFEST).unlink()
    config = json.loads((folder / "config.json").read_text()) | {"id2label": {"0": "a", "1": "b"}}
    del config["neutral"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="7 outputs, but .* 2 labels"):
        EmotionClassifier.from_pretrained(folder).predict(["text"])


def test_a_regression_model_is_an_error(folder):
    (folder / MANIFEST).unlink()
    rewrite(folder, problem_type="regression")
    with pytest.raises(ModelError, match="has problem_type 'regression', .*; allowed: single_label_classification"):
        open_folder(folder)


def test_checksums_recorded_by_0_1_are_those_of_the_same_model():
    recorded = "e9945ffa1d6a48cb49e849adaac2aea946ec043ac00448d9e952a97bbca5a8eb"
    assert current_checksum(f"{recorded} cpu") == f"{model_checksum(BUNDLED)} cpu"
    assert current_checksum("another cpu") == "another cpu"
