"""Tokenizer files of an exported folder: completed, and compared with what transformers reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from emoscope.errors import ModelError
from emoscope.export.tokenizer_files import check_tokenizer, complete_tokenizer
from emoscope.model_folder import open_folder
from emoscope.preprocessing import Preprocessor
from emoscope.tokenization import Tokenizer

TEXT = "I love using transformers. The best part is wide range of support and its easy to use"


def check(folder: Path, *texts: str) -> None:
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json", max_length=512)
    check_tokenizer(open_folder(folder), Preprocessor(str, tokenizer), texts)


def test_missing_files_are_written_by_transformers(
    checkpoints: dict[str, Path], variant: Callable[..., Path], tmp_path: Path
) -> None:
    folder, draft = variant(checkpoints["roberta"]), tmp_path / "work" / "draft"
    draft.mkdir(parents=True)
    (folder / "tokenizer.json").unlink()
    (draft / "tokenizer_config.json").write_bytes((folder / "tokenizer_config.json").read_bytes())
    complete_tokenizer(folder, draft)
    assert {path.name for path in draft.iterdir()} == {"tokenizer.json", "tokenizer_config.json"}
    assert (
        AutoTokenizer.from_pretrained(draft)(TEXT)["input_ids"]
        == AutoTokenizer.from_pretrained(folder)(TEXT)["input_ids"]
    )


@pytest.mark.parametrize(
    ("name", "setting"), [("bert", {"do_lower_case": False}), ("roberta", {"add_prefix_space": True})]
)
def test_files_that_differ_are_an_error_until_they_are_fixed(
    checkpoints: dict[str, Path], variant: Callable[..., Path], name: str, setting: dict[str, bool]
) -> None:
    folder = variant(checkpoints[name])
    check(folder, TEXT)
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8")) | setting
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ModelError, match="make the two files agree") as caught:
        check(folder)
    assert f"{next(iter(setting))} {next(iter(setting.values()))}" in str(caught.value)
    assert "\n" not in str(caught.value)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    check(folder, TEXT)
    ids = Tokenizer.from_file(folder / "tokenizer.json", max_length=512).encode(["We are GLAD"]).ids
    np.testing.assert_array_equal(ids, tokenizer("We are GLAD")["input_ids"])
