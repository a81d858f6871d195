"""A compact student on disk: written, read, and what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

from emoscope.compact import Checkpoint, CompactModel, CompactShape, load_checkpoint, save_checkpoint
from emoscope.errors import ModelError
from emoscope.labels import Labels
from emoscope.model_folder import BUNDLED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = CompactModel(CompactShape(50, 12, 10, 6))
    save_checkpoint(Checkpoint(model, Labels(), BUNDLED / "tokenizer.json", "marked", 64, 1.5), tmp_path)
    return tmp_path


def change(folder: Path, **values: object) -> None:
    """Write other values into config.json; None removes one."""
    config = json.loads((folder / "config.json").read_text("utf-8")) | values
    kept = {key: value for key, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept), encoding="utf-8")


def test_a_checkpoint_is_read_as_it_was_written(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    first = load_checkpoint(folder)
    assert (first.normalizer, first.max_length, first.temperature) == ("marked", 64, 1.5)
    assert first.labels.names == Labels().names and not first.model.training
    copy = tmp_path_factory.mktemp("copy")
    save_checkpoint(first, copy)
    second = load_checkpoint(copy)
    assert all(map(torch.equal, first.model.state_dict().values(), second.model.state_dict().values()))


def test_the_key_of_emoscope_0_1_is_read(folder: Path) -> None:
    change(folder, normalizer=None, text_form="plain")
    assert load_checkpoint(folder).normalizer == "plain"


def test_what_cannot_be_read_is_an_error_of_one_line(folder: Path) -> None:
    change(folder, hidden_size=11)
    with pytest.raises(ModelError, match=r"model\.safetensors does not fit config\.json: .*size mismatch") as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)
    change(folder, model_type="bert")
    with pytest.raises(ModelError, match="has the model type 'bert'; allowed: emoscope-compact"):
        load_checkpoint(folder)
    for name in ("model.safetensors", "config.json"):
        (folder / name).write_bytes(b"{")
        with pytest.raises(ModelError, match=f"{name} cannot be read|the checkpoint in .* cannot be read"):
            load_checkpoint(folder)
