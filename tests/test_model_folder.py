import json
import shutil

import pytest

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.errors import ChecksumError, ModelError
from emoscope.model_folder import BUNDLED, MANIFEST, open_folder, resolve


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(BUNDLED, tmp_path / "model")


def test_bundled_folder_is_whole():
    opened = open_folder(resolve(None))
    assert opened.labels.names == EMOTIONS
    assert not opened.multi_label
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
    opened = open_folder(folder)
    assert (opened.manifest.text_form, opened.manifest.temperature, opened.manifest.max_length) == (
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
