"""Model folders of strangers: whatever is in them, loading and running them ends in an answer or a ModelError."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoscope import EmotionClassifier
from emoscope.calibrated import Calibration
from emoscope.errors import LabelError, ModelError
from emoscope.manifest import MANIFEST, read_manifest
from emoscope.model_folder import BUNDLED

DEEP = "[" * 100_000 + "]" * 100_000
HUGE = 10**30
TEXTS = ["i feel a", "", "zzz \U0001f600"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled model with a configuration of two labels and without a manifest."""
    model = shutil.copytree(BUNDLED, tmp_path / "model")
    (model / MANIFEST).unlink()
    return model


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def run(folder: Path) -> list[Any]:
    return EmotionClassifier.from_pretrained(folder).predict(TEXTS)


@pytest.mark.parametrize("name", ["config.json", MANIFEST, "tokenizer_config.json", "tokenizer.json"])
def test_json_without_end_of_brackets_is_an_error(folder: Path, name: str) -> None:
    content = json.loads((folder / name).read_text()) if (folder / name).exists() else {"format": 2}
    write(folder, name, json.dumps(content)[:-1] + f', "deep": {DEEP}}}')
    with pytest.raises(ModelError, match=name):
        run(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"max_length": HUGE},
        {"max_length": 0},
        {"max_length": True},
        {"max_length": 1.5},
        {"temperature": 10**400},
        {"temperature": "hot"},
        {"temperature": 1e-320},
        {"temperature": 1e300},
        {"neutral": {"scale": 10**400, "bias": 0}},
        {"neutral": {"centre": [10**400] * 6, "threshold": 1}},
        {"prediction_sets": {"²": [1] * 6}},
        {"prediction_sets": {"9" * 5000: [1] * 6}},
        {"files": {"/etc/passwd": "0"}},
        {"files": {"../../etc/passwd": "0"}},
        {"files": {"a" * 5000: "0"}},
        {"files": {"a\0b": "0"}},
        {"files": {"config.json": 5}},
        {"normalizer": ["raw"]},
        {"format": [2]},
    ],
)
def test_wrong_value_of_a_manifest_is_an_error(folder: Path, values: dict[str, Any]) -> None:
    write(folder, MANIFEST, {"format": 2, **values})
    with pytest.raises(ModelError):
        read_manifest(folder)


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret", "onnx/../../secret"])
def test_files_elsewhere_are_not_read_for_their_checksum(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_text("secret")
    write(folder, MANIFEST, {"format": 2, "files": {name: "0"}})
    with pytest.raises(ModelError, match="lists '.*'; allowed: files in its own folder"):
        read_manifest(folder)


@pytest.mark.parametrize("length", [HUGE, math.inf, math.nan])
def test_lengths_without_a_limit_are_limited(folder: Path, length: float) -> None:
    """Tokenizers of some models say so by a number such as 10^30."""
    write(folder, "tokenizer_config.json", {"model_max_length": length})
    assert len(run(folder)) == len(TEXTS)


@pytest.mark.parametrize("config", [{"max_length": HUGE}, {"max_length": math.inf}, {"max_position_embeddings": [3]}])
def test_wrong_length_of_a_configuration_is_an_error(folder: Path, config: dict[str, Any]) -> None:
    own = json.loads((folder / "config.json").read_text()) | {"normalizer": "raw"}
    write(folder, "config.json", own | config)
    with pytest.raises(ModelError, match="length"):
        run(folder)


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_calibration_that_gives_no_probabilities_is_an_error(folder: Path) -> None:
    classifier = EmotionClassifier.from_pretrained(folder)
    classifier.calibration = Calibration(temperature=1e-320)
    with pytest.raises(ModelError, match="temperature or neutral in emoscope.json give no probabilities"):
        classifier.predict(TEXTS)


@pytest.mark.parametrize("names", [5, "token_type_ids", {"token_type_ids": 1}])
def test_names_of_inputs_that_are_no_list_are_ignored(folder: Path, names: Any) -> None:
    write(folder, "tokenizer_config.json", {"model_input_names": names})
    assert len(run(folder)) == len(TEXTS)


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\x9b31m", "a\nb", "a\u2028b", "a\u2029b", "a\u202eb", "a\ud800"])
def test_labels_with_control_characters_are_an_error(folder: Path, name: str) -> None:
    write(folder, "config.json", {"id2label": {"0": name, "1": "b"}})
    with pytest.raises(LabelError, match="no control characters") as error:
        run(folder)
    assert name not in str(error.value)


def tokenizer(model: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A `tokenizer.json` of some model."""
    words = {"type": "WhitespaceSplit"}
    empty = {"truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "decoder": None}
    return {"version": "1.0", **empty, "pre_tokenizer": words, "post_processor": None, "model": model, **parts}


WORDS = {"type": "WordLevel", "vocab": {"a": 0, "i": 1, "[UNK]": 2}, "unk_token": "[UNK]"}
PIECES = {"type": "WordPiece", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}


@pytest.mark.parametrize(
    "content",
    [
        tokenizer(WORDS | {"vocab": {"a": 0, "i": 2**31, "[UNK]": 2}}),
        tokenizer(WORDS | {"vocab": {"a": 2**32 - 1}, "unk_token": "a"}),
        tokenizer(WORDS | {"vocab": {"a": 0, "i": -1, "[UNK]": 2}}),
        tokenizer(WORDS, post_processor={"type": "BertProcessing", "sep": ["a", 2**31], "cls": ["a", 2**31 + 1]}),
        tokenizer(WORDS | {"vocab": {"a": 0}}),
        tokenizer(PIECES | {"vocab": {"a": 0}, "unk_token": "[UNK]"}),
        tokenizer({"type": "Unigram", "unk_id": None, "vocab": [["a", -1.0], ["b", -2.0]]}),
        tokenizer({"type": "Unigram", "unk_id": None, "vocab": []}),
        tokenizer({"type": "Unigram", "unk_id": 99, "vocab": [["a", -1.0]]}),
        tokenizer({"type": "BPE", "vocab": {}, "merges": []}),
        tokenizer(WORDS, normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        "null",
        "",
    ],
    ids=lambda content: str(content)[-60:],
)
def test_tokenizer_that_fails_is_an_error(folder: Path, content: Any) -> None:
    write(folder, "tokenizer.json", content)
    with pytest.raises(ModelError, match="token"):
        run(folder)


def test_panic_of_a_tokenizer_is_an_error(folder: Path) -> None:
    """A regular expression that gives up panics, which is not even an Exception."""
    pattern = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Removed", "invert": False}
    write(folder, "tokenizer.json", tokenizer(WORDS, pre_tokenizer=pattern))
    classifier = EmotionClassifier.from_pretrained(folder)
    with pytest.raises(ModelError, match="the tokenizer fails"):
        classifier.predict(["x" * 40])


def graph(finish: Callable[[Any, Any], list[Any]], output: Any = None) -> bytes:
    """An ONNX file whose last nodes make `logits` of `two`, float32 (rows, 2)."""
    onnx = pytest.importorskip("onnx")
    make, types = onnx.helper, onnx.TensorProto
    nodes = [
        make.make_node("Cast", ["input_ids"], ["float"], to=types.FLOAT),
        make.make_node("ReduceMean", ["float"], ["mean"], axes=[1], keepdims=1),
        make.make_node("Concat", ["mean", "mean"], ["two"], axis=1),
        *finish(make, types),
    ]
    source = make.make_tensor_value_info("input_ids", types.INT64, ["rows", "length"])
    result = (output or (lambda make, types: make.make_tensor_value_info("logits", types.FLOAT, None)))(make, types)
    zero = make.make_tensor("zero", types.INT64, [1], [0])
    made = make.make_graph(nodes, "g", [source], [result], [zero, make.make_tensor("one", types.INT64, [1], [1])])
    content: bytes = make.make_model(made, opset_imports=[make.make_opsetid("", 13)], ir_version=8).SerializeToString()
    return content


def of_type(name: str) -> bytes:
    return graph(
        lambda make, types: [make.make_node("Cast", ["two"], ["logits"], to=getattr(types, name))],
        lambda make, types: make.make_tensor_value_info("logits", getattr(types, name), None),
    )


def node(name: str, *inputs: str, **attributes: Any) -> bytes:
    return graph(lambda make, types: [make.make_node(name, inputs, ["logits"], **attributes)])


OUTPUTS: dict[str, Callable[[], bytes]] = {
    "rank 0": lambda: node("ReduceMean", "two", keepdims=0),
    "rank 1": lambda: node("Squeeze", "mean", "one"),
    "rank 3": lambda: node("Unsqueeze", "two", "one"),
    "too many rows": lambda: node("Concat", "two", "two", axis=0),
    "no rows": lambda: node("Slice", "two", "zero", "zero"),
    "too many labels": lambda: node("Concat", "two", "two", axis=1),
    "no labels": lambda: node("Slice", "two", "zero", "zero", "one"),
    "text": lambda: of_type("STRING"),
    "a sequence": lambda: graph(
        lambda make, types: [make.make_node("SequenceConstruct", ["two"], ["logits"])],
        lambda make, types: make.make_tensor_sequence_value_info("logits", types.FLOAT, None),
    ),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_wrong_output_of_a_graph_is_an_error(folder: Path, kind: str) -> None:
    (folder / "onnx" / "model.onnx").write_bytes(OUTPUTS[kind]())
    write(folder, "config.json", {"id2label": {"0": "bad", "1": "good"}})
    with pytest.raises(ModelError, match=r"the model (returned logits|has \d+ outputs)"):
        run(folder)


@pytest.mark.parametrize("name", ["FLOAT16", "DOUBLE", "INT64", "BOOL"])
def test_logits_of_any_numbers_are_float32(folder: Path, name: str) -> None:
    (folder / "onnx" / "model.onnx").write_bytes(of_type(name))
    write(folder, "config.json", {"id2label": {"0": "bad", "1": "good"}})
    classifier = EmotionClassifier.from_pretrained(folder)
    assert str(classifier.predict_logits(["i feel a"]).dtype) == "float32"


def checkpoint(folder: Path, **config: Any) -> Path:
    """A folder with weights instead of a graph."""
    torch, files = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    shutil.rmtree(folder / "onnx")
    files.save_file({"vectors": torch.zeros(4, 2)}, folder / "model.safetensors")
    write(folder, "config.json", {"id2label": {"0": "bad", "1": "good"}, **config})
    return folder


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "has no vocab_size"),
        ({"vocab_size": 10**9, "embedding_size": 10**4, "hidden_size": 10**4}, "does not fit config.json"),
        ({"vocab_size": "many", "embedding_size": 2, "hidden_size": 2}, "does not fit config.json"),
        ({"vocab_size": 10**30, "embedding_size": 2, "hidden_size": 2}, "does not fit config.json"),
        ({"vocab_size": -1, "embedding_size": 2, "hidden_size": 2}, "does not fit config.json"),
    ],
)
def test_compact_checkpoint_of_another_shape_is_an_error(folder: Path, config: dict[str, Any], words: str) -> None:
    pytest.importorskip("transformers")
    fixed = {"max_length": 64, "temperature": 1.0, "normalizer": "raw"} if config else {}
    with pytest.raises(ModelError, match=words):
        run(checkpoint(folder, model_type="emoscope-compact", **fixed, **config))


@pytest.mark.parametrize(
    ("architecture", "key"),
    [("bert", "num_hidden_layers"), ("distilbert", "n_layers"), ("albert", "num_hidden_groups")],
)
def test_checkpoint_of_ten_million_layers_is_an_error(folder: Path, architecture: str, key: str) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ModelError, match=f"has {key} 10,000,000; allowed: up to 1,000"):
        run(checkpoint(folder, model_type=architecture, **{key: 10**7}))
