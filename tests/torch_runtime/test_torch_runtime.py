"""The four architectures and a compact student on torch, against transformers' own pipeline and tokenizers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tokenizers
import torch
import transformers
from tokenizers.processors import TemplateProcessing

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.calibrated import Calibration
from emoscope.compact import Checkpoint, CompactModel, CompactShape, save_checkpoint
from emoscope.errors import ModelError
from emoscope.labels import Labels
from emoscope.model_folder import BUNDLED, open_folder
from emoscope.preprocessing import Preprocessor
from emoscope.text import NORMALIZERS
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime import CompactClassifier, TorchModel, load_module
from emoscope.torch_runtime.pretrained import load_fast_tokenizer
from hub.repositories import ARCHITECTURES

CARD = "I love using transformers. The best part is wide range of support and its easy to use"
TEXTS = [
    CARD,
    "I woke up stunned, and 42 zebras didn't care.",
    "i am sad",
    "",
    "Café, naïve <pad> [SEP] and a tab\there",
    "so happy " * 700,
]
SHORT = TEXTS[:-1]
NAMES = [architecture.name for architecture in ARCHITECTURES]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]

INPUTS = ["input_ids", "token_type_ids", "attention_mask"]

every_architecture = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def classifiers(folders: dict[str, Path]) -> dict[str, EmotionClassifier]:
    return {name: EmotionClassifier.from_pretrained(folder) for name, folder in folders.items()}


def copy(folder: Path, target: Path, **changes: Any) -> Path:
    """A copy with other values in its config.json."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text("utf-8")) | changes
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return target


def scores(entries: list[dict[str, Any]]) -> dict[str, float]:
    return {entry["label"]: entry["score"] for entry in entries}


@every_architecture
def test_the_cards_snippet_equals_the_pipeline(
    folders: dict[str, Path], classifiers: dict[str, EmotionClassifier], name: str
) -> None:
    pipeline = transformers.pipeline("text-classification", model=str(folders[name]), top_k=None, device="cpu")
    for inputs in (CARD, SHORT):
        ours, theirs = classifiers[name](inputs), pipeline(inputs)
        assert len(ours) == len(theirs)
        for mine, its in zip(ours, theirs, strict=True):
            assert [entry["label"] for entry in mine] == [entry["label"] for entry in its]
            assert [type(entry["score"]) for entry in mine] == [float] * 6
            assert scores(mine) == pytest.approx(scores(its), abs=1e-5)
    with pytest.raises((RuntimeError, IndexError)):
        pipeline(TEXTS[-1])
    assert set(scores(classifiers[name](TEXTS[-1])[0])) == set(EMOTIONS)


@every_architecture
def test_a_long_text_is_the_mean_of_its_windows(
    folders: dict[str, Path], classifiers: dict[str, EmotionClassifier], name: str
) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folders[name]).eval()
    batch = Tokenizer.from_file(folders[name] / "tokenizer.json", max_length=512).encode([TEXTS[-1]])
    assert len(batch.lengths) > 1 and batch.lengths.max() <= 512
    windows = np.split(batch.ids.astype(np.int64), batch.offsets[1:-1])
    with torch.inference_mode():
        rows = [model(torch.from_numpy(ids)[None]).logits.softmax(-1)[0].numpy() for ids in windows]
    expected = np.average(rows, axis=0, weights=batch.lengths)
    np.testing.assert_allclose(classifiers[name].predict_proba([TEXTS[-1]])[0], expected, atol=1e-5)


@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(TEXTS) | st.text(max_size=40), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_a_row_does_not_depend_on_its_batch(
    classifiers: dict[str, EmotionClassifier], name: str, texts: list[str], random: Any
) -> None:
    alone = np.concatenate([classifiers[name].predict_proba([text]) for text in texts])
    order = list(range(len(texts)))
    random.shuffle(order)
    together = classifiers[name].predict_proba([texts[i] for i in order])
    np.testing.assert_allclose(together, alone[order], atol=1e-5)


@every_architecture
@pytest.mark.parametrize("device", DEVICES)
def test_small_calls_and_every_device_give_the_same_logits(folders: dict[str, Path], name: str, device: str) -> None:
    batch = Tokenizer.from_file(folders[name] / "tokenizer.json", max_length=512).encode(TEXTS * 3)
    expected = TorchModel(load_module(folders[name])).logits(batch)
    logits = TorchModel(load_module(folders[name]), device=device, max_batch_tokens=64).logits(batch)
    assert (logits.dtype, logits.shape) == (np.float32, (len(batch.lengths), 6))
    np.testing.assert_allclose(logits, expected, atol=1e-5)


@every_architecture
def test_parameters_are_those_of_the_module(folders: dict[str, Path], name: str) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folders[name])
    assert EmotionClassifier.from_pretrained(folders[name]).parameters == model.num_parameters()


@every_architecture
def test_the_longest_input_is_512_and_works(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    """RoBERTa has 514 positions and uses 512; without tokenizer_config.json too."""
    folder = copy(folders[name], tmp_path / "model")
    (folder / "tokenizer_config.json").unlink()
    limit = open_folder(folder).manifest.max_length
    batch = Tokenizer.from_file(folder / "tokenizer.json", max_length=limit).encode(["a " * 5000])
    assert limit == 512
    assert np.isfinite(TorchModel(load_module(folder)).logits(batch)).all()
    assert open_folder(copy(folder, tmp_path / "cut", max_length=40, normalizer="raw")).manifest.max_length == 40


@every_architecture
def test_a_repository_without_tokenizer_json(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    if name == "albert":
        pytest.importorskip("sentencepiece")
    folder = copy(folders[name], tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    expected = Tokenizer.from_file(folders[name] / "tokenizer.json", max_length=512).encode(TEXTS)
    batch = Tokenizer(load_fast_tokenizer(folder).backend_tokenizer, max_length=512).encode(TEXTS)
    np.testing.assert_array_equal(batch.ids, expected.ids)
    np.testing.assert_array_equal(batch.offsets, expected.offsets)


def test_weights_in_pytorch_model_bin(folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = copy(folders["distilbert"], tmp_path / "model")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    expected = EmotionClassifier.from_pretrained(folders["distilbert"]).predict_proba(SHORT)
    np.testing.assert_allclose(EmotionClassifier.from_pretrained(folder).predict_proba(SHORT), expected, atol=1e-6)


def test_weights_in_half_precision_run_in_float32(folders: dict[str, Path], tmp_path: Path) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folders["bert"], dtype=torch.float16)
    folder = copy(folders["bert"], tmp_path / "model")
    model.save_pretrained(folder)
    assert {parameter.dtype for parameter in load_module(folder).parameters()} == {torch.float32}


# -- what config.json says


def test_text_form_temperature_and_labels_come_from_the_config(
    folders: dict[str, Path], classifiers: dict[str, EmotionClassifier], tmp_path: Path
) -> None:
    names = dict(enumerate(["a", "b", "c", "d", "e", "f"]))
    folder = copy(folders["roberta"], tmp_path / "own", normalizer="plain", temperature=2.0, id2label=names)
    own = EmotionClassifier.from_pretrained(folder)
    foreign = np.log(classifiers["roberta"].predict_proba([NORMALIZERS["plain"](CARD)])[0]) / 2
    assert own.labels == ("a", "b", "c", "d", "e", "f")
    np.testing.assert_allclose(own.predict_proba([CARD])[0], np.exp(foreign) / np.exp(foreign).sum(), atol=1e-5)
    assert not np.allclose(foreign, np.log(classifiers["roberta"].predict_proba([CARD])[0]) / 2, atol=1e-3)


def test_multi_label_has_a_sigmoid_and_thresholds(
    folders: dict[str, Path], classifiers: dict[str, EmotionClassifier], tmp_path: Path
) -> None:
    kind = {"problem_type": "multi_label_classification"}
    folder = copy(folders["bert"], tmp_path / "default", **kind)
    classifier = EmotionClassifier.from_pretrained(folder)
    rows = classifier.predict_proba(SHORT)
    batch = Tokenizer.from_file(folder / "tokenizer.json", max_length=512).encode(SHORT)
    logits = torch.from_numpy(TorchModel(load_module(folder)).logits(batch))
    np.testing.assert_allclose(rows, logits.sigmoid().numpy(), atol=1e-6)
    assert classifier.multi_label and classifier.thresholds == (0.5,) * 6
    assert not classifiers["bert"].multi_label and classifiers["bert"].thresholds is None
    for prediction, row in zip(classifier.predict(SHORT), rows, strict=True):
        assert prediction.labels == tuple(np.array(EMOTIONS)[row >= 0.5])

    thresholds = [0.0, 1.0, 0.2, 0.4, 0.6, 0.8]
    own = EmotionClassifier.from_pretrained(copy(folder, tmp_path / "own", thresholds=thresholds))
    for prediction, row in zip(own.predict(SHORT), rows, strict=True):
        assert prediction.labels == tuple(np.array(EMOTIONS)[row >= thresholds])
    for wrong in ([0.5], "0.5", [None] * 6):
        with pytest.raises(ModelError, match="thresholds must be a list of 6 numbers"):
            open_folder(copy(folder, tmp_path / f"{wrong}", thresholds=wrong))


def test_a_label_alone_equals_the_pipeline(folders: dict[str, Path], tmp_path: Path) -> None:
    one = {"id2label": {0: "joy"}, "label2id": {"joy": 0}, "problem_type": None}
    folder = copy(folders["bert"], tmp_path / "one", **one)
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(transformers.BertConfig.from_pretrained(folder)).save_pretrained(folder)
    pipeline = transformers.pipeline("text-classification", model=str(folder), top_k=None, device="cpu")
    for (mine,), (its,) in zip(EmotionClassifier.from_pretrained(folder)(SHORT), pipeline(SHORT), strict=True):
        assert mine["label"] == its["label"] == "joy"
        assert mine["score"] == pytest.approx(its["score"], abs=1e-5) != 1


def test_types_of_special_tokens_are_refused_where_the_pipeline_passes_them(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """XLNet has a third type for its <cls>, at the end of a text."""
    sizes = {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16, "vocab_size": 800, "num_labels": 3}
    torch.manual_seed(0)
    config = transformers.XLNetConfig(**sizes, initializer_range=0.5)
    transformers.XLNetForSequenceClassification(config).save_pretrained(tmp_path)
    library = tokenizers.Tokenizer.from_file(str(folders["bert"] / "tokenizer.json"))
    specials = [(token, library.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    library.post_processor = TemplateProcessing(single="$A:0 [SEP]:0 [CLS]:2", special_tokens=specials)
    library.save(str(tmp_path / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))

    pipeline = transformers.pipeline("text-classification", model=str(tmp_path), top_k=None, device="cpu")
    classifier = EmotionClassifier.from_pretrained(tmp_path)
    for mine, its in zip(classifier(SHORT), pipeline(SHORT), strict=True):
        assert scores(mine) == pytest.approx(scores(its), abs=1e-5)

    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | {"model_input_names": INPUTS}))
    with pytest.raises(
        ModelError, match="token types other than 0, .* take token_type_ids out of the model_input_names"
    ):
        EmotionClassifier.from_pretrained(tmp_path)


@every_architecture
def test_token_types_that_are_all_0_may_be_named(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    folder = copy(folders[name], tmp_path / "model")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_input_names": INPUTS}))
    assert EmotionClassifier.from_pretrained(folder).predict([CARD])


# -- the compact student


@pytest.fixture
def compact(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = CompactModel(CompactShape(30522, 8, 8, 6)).eval()
    torch.nn.init.normal_(model.vectors)
    folder = tmp_path / "compact"
    folder.mkdir()
    save_checkpoint(Checkpoint(model, Labels(), BUNDLED / "tokenizer.json", "plain", 64, 1.5), folder)
    return folder


@pytest.mark.parametrize("device", DEVICES)
def test_a_compact_checkpoint_equals_its_own_runtime(compact: Path, device: str) -> None:
    from emoscope.compact import load_checkpoint

    model = load_checkpoint(compact).model
    classifier = EmotionClassifier.from_pretrained(compact, device=device)
    assert classifier.parameters == sum(parameter.numel() for parameter in model.parameters())
    expected = EmotionClassifier(
        Labels().names,
        Preprocessor(NORMALIZERS["plain"], Tokenizer.from_file(BUNDLED / "tokenizer.json", max_length=64)),
        TorchModel(CompactClassifier(model)),
        calibration=Calibration(1.5),
    )
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), expected.predict_proba(TEXTS), atol=1e-5)


# -- what goes wrong: one line each


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "", *([] if torch.cuda.is_available() else ["cuda"])])
def test_an_absent_device_names_those_there_are(folders: dict[str, Path], device: str) -> None:
    with pytest.raises(ModelError, match=rf"this machine has no device '{device}'; allowed: cpu"):
        EmotionClassifier.from_pretrained(folders["distilbert"], device=device)


def test_an_encoder_is_no_classifier(folders: dict[str, Path]) -> None:
    root = folders["bert"].parents[1]
    folder = root / "google-bert" / "bert-base-uncased"
    with pytest.raises(ModelError, match=r"lack classifier\.bias.*emoscope train") as caught:
        load_module(folder)
    assert "\n" not in str(caught.value)


def test_rubbish_weights_config_and_tokenizer_are_one_line(folders: dict[str, Path], tmp_path: Path) -> None:
    unknown = copy(folders["bert"], tmp_path / "unknown", model_type="no-such-type", architectures=["None"])
    other = copy(folders["bert"], tmp_path / "other", hidden_size=64)
    rubbish = copy(folders["bert"], tmp_path / "rubbish")
    (rubbish / "model.safetensors").write_bytes(b"rubbish")
    for folder in (unknown, other, rubbish):
        with pytest.raises(ModelError, match="the checkpoint in .* cannot be read") as caught:
            load_module(folder)
        assert "\n" not in str(caught.value)
    empty = copy(folders["albert"], tmp_path / "empty")
    (empty / "tokenizer.json").unlink()
    (empty / "spiece.model").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="no tokenizer can be made") as caught:
        load_fast_tokenizer(empty)
    assert "\n" not in str(caught.value)


def test_loading_is_silent(folders: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    EmotionClassifier.from_pretrained(folders["albert"]).predict([CARD])
    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.is_progress_bar_enabled()
