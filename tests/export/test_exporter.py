"""Exported folders of the four architectures, as users make, load and verify them, and failures of an export."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from transformers import AutoTokenizer

import tiny
from emoscope import EmotionClassifier
from emoscope.calibrated import Calibration
from emoscope.cli import main
from emoscope.data import Examples
from emoscope.errors import ModelError
from emoscope.export import export, exporter
from emoscope.export.parity import TOLERANCE
from emoscope.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from emoscope.model_folder import BUNDLED, open_folder
from emoscope.prediction_sets import PredictionSets
from emoscope.torch_runtime import PackedModel
from emoscope.torch_runtime.pretrained import load_sequence_classifier
from emoscope.verification import verify
from reference_logits import assert_equal_probabilities

CARD_TEXT = "I love using transformers. The best part is wide range of support and its easy to use"
HARD_TEXTS = [CARD_TEXT, "", "so happy " * 700, "Café, naïve <pad> [SEP] and a tab\there", "i am sad"]

every_architecture = pytest.mark.parametrize("name", tiny.ARCHITECTURES)
pytestmark = pytest.mark.usefixtures("exported_before")


def write(examples: Examples, folder: Path) -> str:
    """The examples as a folder with one split, for --data."""
    folder.mkdir()
    names, multi = examples.labels.names, examples.multi_label
    rows = [[names[i] for i in np.flatnonzero(row)] if multi else [names[row]] for row in examples.label_ids]
    lines = [f"{text}\t{','.join(labels)}\n" for text, labels in zip(examples.texts, rows, strict=True)]
    (folder / "validation.tsv").write_text("text\tlabel\n" + "".join(lines), encoding="utf-8")
    return str(folder)


def exported(folder: Path, output: Path, examples: Examples, **settings: Any) -> EmotionClassifier:
    export(open_folder(folder), output, examples, **settings)
    return EmotionClassifier.from_pretrained(output)


def one_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The error of a command that must fail."""
    assert main([*arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("emoscope ") and error.count("\n") == 1
    return error


@every_architecture
def test_a_folder_in_float32_predicts_like_the_checkpoint(
    checkpoints: dict[str, Path], sure_of: Callable[..., Examples], tmp_path: Path, name: str
) -> None:
    examples = sure_of(checkpoints[name])
    classifier = exported(checkpoints[name], tmp_path / "model", examples)
    original = EmotionClassifier.from_pretrained(checkpoints[name])
    expected = original.predict_proba([*examples.texts, *HARD_TEXTS])
    np.testing.assert_allclose(classifier.predict_proba([*examples.texts, *HARD_TEXTS]), expected, atol=TOLERANCE)
    assert (classifier.labels, classifier.parameters) == (original.labels, original.parameters)
    names = {file.relative_to(tmp_path / "model").as_posix() for file in (tmp_path / "model").rglob("*.*")}
    others = {"config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    assert names == {*others, "onnx/model.onnx", "README.md", MANIFEST}
    parity = open_folder(tmp_path / "model").manifest.parity
    assert parity["dataset"]["fingerprint"] == examples.fingerprint
    assert parity["fp32"]["texts"] == len(examples) and parity["fp32"]["equal_labels"] == 1


@every_architecture
def test_a_folder_in_integers_gives_the_same_labels_in_any_batch(
    checkpoints: dict[str, Path], sure_of: Callable[..., Examples], tmp_path: Path, name: str
) -> None:
    examples = sure_of(checkpoints[name], margin=0.4)
    classifier = exported(checkpoints[name], tmp_path / "model", examples, quantize=True)
    assert [file.name for file in (tmp_path / "model" / "onnx").iterdir()] == ["model_quantized.onnx"]
    rows = classifier.predict_proba(examples.texts)
    assert np.mean(rows.argmax(axis=1) == examples.label_ids) >= 0.995
    order = np.random.default_rng(0).permutation(len(examples))
    shuffled = classifier.predict_proba([examples.texts[i] for i in order])
    alone = np.concatenate([classifier.predict_proba([text]) for text in examples.texts])
    np.testing.assert_array_equal(shuffled.argmax(axis=1), rows.argmax(axis=1)[order])
    np.testing.assert_array_equal(alone.argmax(axis=1), rows.argmax(axis=1))
    np.testing.assert_allclose(shuffled, rows[order], atol=1e-2)
    np.testing.assert_allclose(alone, rows, atol=1e-2)
    assert set(open_folder(tmp_path / "model").manifest.parity) == {"dataset", "tolerance", "fp32", "int8"}


def test_probabilities_in_float32_do_not_depend_on_batch_or_order(
    checkpoints: dict[str, Path], sure_of: Callable[..., Examples], tmp_path: Path
) -> None:
    examples = sure_of(checkpoints["bert"])
    classifier = exported(checkpoints["bert"], tmp_path / "model", examples)
    rows = classifier.predict_proba(examples.texts)
    logits = classifier.predict_logits(examples.texts)
    assert_equal_probabilities(classifier.predict_proba(examples.texts[::-1])[::-1], rows, logits)
    alone = np.concatenate([classifier.predict_proba([text]) for text in examples.texts])
    assert_equal_probabilities(alone, rows, logits)


def test_the_reference_of_the_gate_does_not_run_the_packed_encoder(
    checkpoints: dict[str, Path], sure_of: Callable[..., Examples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = sure_of(checkpoints["bert"])

    def forbidden(*_: Any) -> None:
        raise AssertionError("the packed encoder was used")

    monkeypatch.setattr(PackedModel, "logits", forbidden)
    record = export(open_folder(checkpoints["bert"]), tmp_path / "model", examples, quantize=True)
    assert record["fp32"].equal_labels == 1


@pytest.mark.parametrize("quantize", [False, True], ids=["fp32", "int8"])
def test_a_multi_label_folder_keeps_sigmoid_thresholds_normalizer_and_temperature(
    checkpoints: dict[str, Path],
    sure_of: Callable[..., Examples],
    variant: Callable[..., Path],
    tmp_path: Path,
    quantize: bool,
) -> None:
    own = {"temperature": 1.5, "normalizer": "plain", "thresholds": [0.5] * 6}
    folder = variant(checkpoints["roberta"], problem_type="multi_label_classification", **own)
    examples = sure_of(folder)
    classifier = exported(folder, tmp_path / "model", examples, quantize=quantize)
    original = EmotionClassifier.from_pretrained(folder)
    rows, expected = (each.predict_proba(examples.texts) for each in (classifier, original))
    assert classifier.multi_label and classifier.thresholds == original.thresholds
    assert np.abs(rows.sum(axis=1) - 1).max() > 0.1
    np.testing.assert_allclose(rows, expected, atol=0.2 if quantize else TOLERANCE)
    if not quantize:
        assert verify(tmp_path / "model").passed


def test_the_command_from_a_hub_id_to_a_prediction(
    checkpoints: dict[str, Path],
    sure_of: Callable[..., Examples],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = checkpoints["distilbert"]
    data, output = write(sure_of(folder, margin=0.4), tmp_path / "data"), str(tmp_path / "model")
    monkeypatch.setattr("emoscope.model_folder.download", lambda hub_id, files: {"owner/name": folder}[hub_id])
    assert main(["export", "owner/name", output, "--data", data, "--quantize"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [("fp32" in line, "int8" in line) for line in lines] == [(True, False), (False, True)]
    assert main(["evaluate", "--model", output, "--data", data, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] >= 0.995
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert card.startswith((folder / "README.md").read_text("utf-8").rstrip())
    assert "`onnx/model_quantized.onnx` is this model in integers" in card


def test_without_data_the_reference_texts_hold_the_gate(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(checkpoints["bert"]), str(tmp_path / "model")]) == 0
    line, texts = capsys.readouterr().out, exporter.REFERENCE_TEXTS.read_text("utf-8").splitlines()
    assert "100.00% equal labels, probabilities within" in line and f"on {len(texts)} texts" in line
    parity = open_folder(tmp_path / "model").manifest.parity
    assert parity["fp32"]["f1_macro_difference"] is None
    assert (parity["dataset"]["name"], parity["dataset"]["rows"]) == ("reference texts", len(texts))
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "macro F1" not in card.partition("## The ONNX graph")[2]
    expected = EmotionClassifier.from_pretrained(checkpoints["bert"]).predict_proba(HARD_TEXTS)
    actual = EmotionClassifier.from_pretrained(tmp_path / "model").predict_proba(HARD_TEXTS)
    np.testing.assert_allclose(actual, expected, atol=TOLERANCE)


@pytest.mark.parametrize("quantize", [False, True], ids=["fp32", "int8"])
def test_a_calibration_is_kept_with_the_same_arithmetic_only(
    checkpoints: dict[str, Path],
    sure_of: Callable[..., Examples],
    variant: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    quantize: bool,
) -> None:
    fitted = Calibration(
        0.5,
        prediction_sets=PredictionSets({90: (0.1,) * 6}),
    )
    keywords = {"weird": {"fear": 0.6, "surprise": 0.4}}
    folder, output = variant(checkpoints["bert"]), tmp_path / "model"
    (folder / "README.md").write_text("# Mine\n\n## How sure\n\nSo sure.\n\n## Training\n\nLong.\n", encoding="utf-8")
    write_manifest(folder, Manifest(calibration=fitted, calibration_report={"aurc": 0.1}, ambiguous_keywords=keywords))
    data = write(sure_of(folder, margin=0.4), tmp_path / "data")
    assert main(["export", str(folder), str(output), "--data", data, *["--quantize"] * quantize]) == 0
    assert ("are not valid for integers; run emoscope calibrate" in capsys.readouterr().out) is quantize
    manifest = read_manifest(output)
    assert manifest.ambiguous_keywords == keywords
    assert manifest.calibration == (Calibration(0.5) if quantize else fitted)
    assert manifest.calibration_report == ({} if quantize else {"aurc": 0.1})
    card = (output / "README.md").read_text("utf-8")
    assert ("So sure." in card) is not quantize and "## Training\n\nLong.\n\n## The ONNX graph\n" in card


def test_labels_in_another_order_are_matched_by_name(
    checkpoints: dict[str, Path], sure_of: Callable[..., Examples], variant: Callable[..., Path], tmp_path: Path
) -> None:
    names = list(open_folder(checkpoints["bert"]).labels.names)[::-1]
    folder = variant(checkpoints["bert"], id2label=dict(enumerate(names)), label2id=None)
    data = write(sure_of(folder), tmp_path / "data")
    assert main(["export", str(folder), str(tmp_path / "model"), "--data", data]) == 0
    assert open_folder(tmp_path / "model").labels.names == tuple(names)
    assert open_folder(tmp_path / "model").manifest.parity["fp32"]["equal_labels"] == 1


def test_a_checkpoint_without_tokenizer_json_is_exported(
    checkpoints: dict[str, Path], sure_of: Callable[..., Examples], variant: Callable[..., Path], tmp_path: Path
) -> None:
    examples, folder = sure_of(checkpoints["roberta"]), variant(checkpoints["roberta"])
    (folder / "tokenizer.json").unlink()
    expected = EmotionClassifier.from_pretrained(checkpoints["roberta"]).predict_proba(examples.texts)
    classifier = exported(folder, tmp_path / "model", examples)
    np.testing.assert_allclose(classifier.predict_proba(examples.texts), expected, atol=TOLERANCE)


# -- verification


def test_verification_passes_here_and_fails_if_results_differ(
    checkpoints: dict[str, Path],
    sure_of: Callable[..., Examples],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    exported(checkpoints["albert"], tmp_path / "model", sure_of(checkpoints["albert"]))
    file = tmp_path / "model" / MANIFEST
    assert main(["predict", "--verify", "--model", str(tmp_path / "model")]) == 0
    assert "passed, 100.00% equal labels" in capsys.readouterr().out
    manifest = json.loads(file.read_text("utf-8"))
    rows = manifest["verification"]["probabilities"]
    model = load_sequence_classifier(checkpoints["albert"])
    ids = AutoTokenizer.from_pretrained(checkpoints["albert"])(
        manifest["verification"]["texts"][0], return_tensors="pt"
    )
    logits = model(**ids).logits.detach()
    assert_equal_probabilities(np.array(rows[0]), logits.softmax(-1)[0].numpy(), logits.numpy())

    rows[3] = [rows[3][0] + 2e-4, rows[3][1] - 2e-4, *rows[3][2:]]
    file.write_text(json.dumps(manifest), encoding="utf-8")
    assert main(["predict", "--verify", "--model", str(tmp_path / "model")]) == 1
    assert "FAILED, 100.00% equal labels" in capsys.readouterr().out

    right = manifest["verification"]
    wrong = [{"probabilities": [[1, 2], [3]]}, {"tolerance": None}, {"texts": [7, *right["texts"][1:]]}]
    for damaged in ({"texts": ["a"]}, *(right | values for values in wrong), [], 7):
        file.write_text(json.dumps(manifest | {"verification": damaged}), encoding="utf-8")
        assert "verification" in one_line(capsys, "predict", "--verify", "--model", str(tmp_path / "model"))


def test_a_folder_without_reference_texts_cannot_be_verified(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = shutil.copytree(BUNDLED, tmp_path / "bare")
    manifest = json.loads((bare / MANIFEST).read_text("utf-8")) | {"verification": None}
    (bare / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    for model in (bare, checkpoints["bert"]):
        assert "no reference texts" in one_line(capsys, "predict", "--verify", "--model", str(model))
    with pytest.raises(SystemExit) as caught:
        main(["predict", "--verify", "a text"])
    assert caught.value.code == 2


# -- failures


@pytest.mark.parametrize("quantize", [False, True], ids=["fp32", "int8"])
def test_the_gate_keeps_a_wrong_graph_from_being_written(
    checkpoints: dict[str, Path],
    graphs: dict[str, onnx.ModelProto],
    sure_of: Callable[..., Examples],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quantize: bool,
) -> None:
    wrong = onnx.ModelProto()
    wrong.CopyFrom(graphs["bert"])
    norm = next(node for node in wrong.graph.node if node.op_type == "LayerNormalization")
    next(attribute for attribute in norm.attribute if attribute.name == "epsilon").f = 0.01
    monkeypatch.setattr(exporter, "quantize_graph" if quantize else "encoder_graph", lambda *_: wrong)
    if quantize:
        monkeypatch.setattr(exporter, "INTEGERS", exporter.EXACT)
    failing, output = "int8" if quantize else "fp32", tmp_path / "new" / "parents" / "model"
    with pytest.raises(ModelError, match=f"nothing was written: the {failing} graph and torch differ"):
        export(open_folder(checkpoints["bert"]), output, sure_of(checkpoints["bert"]), quantize=quantize)
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments_are_errors_of_one_line(
    checkpoints: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variant: Callable[..., Path],
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "validation.txt").write_text("i feel happy;joy\ni feel sad;sadness\n")
    folder, rest = checkpoints["bert"], ("--data", str(data))
    used, output = tmp_path / "used", str(tmp_path / "model")
    used.mkdir()
    (used / "file").write_text("mine")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    encoder = folder.parents[1] / "google-bert" / "bert-base-uncased"
    labelled = variant(encoder, "labelled", id2label={0: "joy", 1: "sadness"}, label2id={"joy": 0, "sadness": 1})
    others = variant(folder, "others", normalizer="no such form")
    cases = {
        "exists and is not empty": (str(folder), str(used), *rest),
        ". is the current directory or a mount point; give a folder in it": (str(folder), ".", *rest),
        "no model at 'no/such/model/here'": ("no/such/model/here", output, *rest),
        "config.json is missing": (str(empty), output, *rest),
        "has an ONNX graph but no weights": ("bundled", output, *rest),
        "lack classifier": (str(labelled), output, *rest),
        "no splits; looked": (str(folder), output, "--data", str(empty)),
        "give data with the model's labels": (str(folder), output, *rest, "--labels", "joy,sadness"),
        "has the normalizer 'no such form'": (str(others), output, *rest),
    }
    for words, arguments in cases.items():
        error = one_line(capsys, "export", *arguments)
        assert words in error
    assert (used / "file").read_text() == "mine"
