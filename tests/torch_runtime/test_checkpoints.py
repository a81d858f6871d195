"""Classifiers on checkpoints: what transformers' own pipeline returns, and what config.json decides."""

from __future__ import annotations

import json
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

from checkpoint_copies import copy
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
from reference_logits import assert_equal_logits, assert_equal_probabilities, rounding
from tiny import ARCHITECTURES

CARD = "I love using transformers. The best part is wide range of support and its easy to use"
LONG = "so happy " * 700
SHORT = [
    CARD,
    "I woke up stunned, and 42 zebras didn't care.",
    "i am sad",
    "",
    "Café, naïve <pad> [SEP] and a tab\there",
]
TEXTS = [*SHORT, LONG]
INPUTS = ["input_ids", "token_type_ids", "attention_mask"]

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


@pytest.fixture(scope="module")
def classifiers(folders: dict[str, Path]) -> dict[str, EmotionClassifier]:
    return {name: EmotionClassifier.from_pretrained(folder) for name, folder in folders.items()}


def scores(entries: list[dict[str, Any]]) -> dict[str, float]:
    return {entry["label"]: entry["score"] for entry in entries}


def assert_equal_to_pipeline(classifier: EmotionClassifier, folder: Path, texts: list[str]) -> Any:
    """The same labels in the same order, and the same scores except for rounding; returns the pipeline."""
    pipeline = transformers.pipeline("text-classification", model=str(folder), top_k=None, device="cpu")
    tolerance = rounding(float(np.abs(classifier.predict_logits(texts)).max()))
    for actual, expected in zip(classifier(texts), pipeline(texts), strict=True):
        assert [entry["label"] for entry in actual] == [entry["label"] for entry in expected]
        assert scores(actual) == pytest.approx(scores(expected), abs=tolerance)
    return pipeline


@every_architecture
def test_the_cards_snippet_returns_what_the_pipeline_returns(
    folders: dict[str, Path], classifiers: dict[str, EmotionClassifier], name: str
) -> None:
    classifier = classifiers[name]
    pipeline = assert_equal_to_pipeline(classifier, folders[name], SHORT)
    assert classifier(CARD) == classifier([CARD])
    assert [type(entry["score"]) for entry in classifier(CARD)[0]] == [float] * 6
    with pytest.raises((RuntimeError, IndexError)):
        pipeline(LONG)
    assert set(scores(classifier(LONG)[0])) == set(EMOTIONS)


@every_architecture
def test_a_long_text_is_the_mean_of_its_windows(
    folders: dict[str, Path], classifiers: dict[str, EmotionClassifier], name: str
) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folders[name]).eval()
    batch = Tokenizer.from_file(folders[name] / "tokenizer.json", max_length=512).encode([LONG])
    assert len(batch.lengths) > 1 and batch.lengths.max() <= 512
    windows = np.split(batch.ids.astype(np.int64), batch.offsets[1:-1])
    with torch.inference_mode():
        logits = np.concatenate([model(torch.from_numpy(ids)[None]).logits.numpy() for ids in windows])
    rows = torch.from_numpy(logits).softmax(-1).numpy()
    expected = np.average(rows, axis=0, weights=batch.lengths)
    assert_equal_probabilities(classifiers[name].predict_proba([LONG])[0], expected, logits)


@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from(ARCHITECTURES),
    st.lists(st.sampled_from(TEXTS) | st.text(max_size=40), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_a_row_does_not_depend_on_its_batch(
    classifiers: dict[str, EmotionClassifier], name: str, texts: list[str], random: Any
) -> None:
    alone = np.concatenate([classifiers[name].predict_logits([text]) for text in texts])
    order = list(range(len(texts)))
    random.shuffle(order)
    together = classifiers[name].predict_logits([texts[i] for i in order])
    assert_equal_logits(together, alone[order])


@every_architecture
def test_parameters_are_those_of_the_module(folders: dict[str, Path], name: str) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folders[name])
    assert EmotionClassifier.from_pretrained(folders[name]).parameters == model.num_parameters()


@every_architecture
def test_the_maximum_length_is_512_and_works(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    """RoBERTa has 514 positions and uses 512; without tokenizer_config.json too."""
    folder = copy(folders[name], tmp_path / "model")
    (folder / "tokenizer_config.json").unlink()
    limit = open_folder(folder).manifest.max_length
    batch = Tokenizer.from_file(folder / "tokenizer.json", max_length=limit).encode(["a " * 5000])
    assert limit == 512
    assert np.isfinite(TorchModel(load_module(folder)).logits(batch)).all()
    assert open_folder(copy(folder, tmp_path / "cut", max_length=40, normalizer="raw")).manifest.max_length == 40


# -- what config.json decides


@pytest.mark.parametrize("key", ["normalizer", "text_form"])
def test_normalizer_temperature_and_labels_come_from_the_configuration(
    folders: dict[str, Path], classifiers: dict[str, EmotionClassifier], tmp_path: Path, key: str
) -> None:
    """`text_form` is the key of emoscope 0.1."""
    names = dict(enumerate(["a", "b", "c", "d", "e", "f"]))
    folder = copy(folders["roberta"], tmp_path / "own", **{key: "plain"}, temperature=2.0, id2label=names)
    own, plain = EmotionClassifier.from_pretrained(folder), [NORMALIZERS["plain"](CARD)]
    logits = classifiers["roberta"].predict_logits(plain)
    assert own.labels == ("a", "b", "c", "d", "e", "f")
    expected = torch.from_numpy(logits / 2).softmax(-1).numpy()
    assert_equal_probabilities(own.predict_proba([CARD]), expected, logits)
    assert not np.allclose(logits, classifiers["roberta"].predict_logits([CARD]), atol=1e-3)


def test_multi_label_models_have_a_sigmoid_and_thresholds(
    folders: dict[str, Path], classifiers: dict[str, EmotionClassifier], tmp_path: Path
) -> None:
    folder = copy(folders["bert"], tmp_path / "default", problem_type="multi_label_classification")
    classifier = EmotionClassifier.from_pretrained(folder)
    rows = classifier.predict_proba(SHORT)
    batch = Tokenizer.from_file(folder / "tokenizer.json", max_length=512).encode(SHORT)
    logits = TorchModel(load_module(folder)).logits(batch)
    assert_equal_probabilities(rows, torch.from_numpy(logits).sigmoid().numpy(), logits)
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


def test_a_model_with_one_label_equals_the_pipeline(folders: dict[str, Path], tmp_path: Path) -> None:
    one = {"id2label": {0: "joy"}, "label2id": {"joy": 0}, "problem_type": None}
    folder = copy(folders["bert"], tmp_path / "one", **one)
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(transformers.BertConfig.from_pretrained(folder)).save_pretrained(folder)
    classifier = EmotionClassifier.from_pretrained(folder)
    assert_equal_to_pipeline(classifier, folder, SHORT)
    assert [entry["label"] for (entry,) in classifier(SHORT)] == ["joy"] * len(SHORT)
    assert all(entry["score"] != 1 for (entry,) in classifier(SHORT))


def test_token_types_other_than_0_are_rejected_if_the_pipeline_passes_them(
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
    assert_equal_to_pipeline(EmotionClassifier.from_pretrained(tmp_path), tmp_path, SHORT)

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


def test_a_compact_checkpoint_equals_its_module(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = CompactModel(CompactShape(30522, 8, 8, 6)).eval()
    torch.nn.init.normal_(model.vectors)
    save_checkpoint(Checkpoint(model, Labels(), BUNDLED / "tokenizer.json", "plain", 64, 1.5), tmp_path)
    preprocessor = Preprocessor(NORMALIZERS["plain"], Tokenizer.from_file(BUNDLED / "tokenizer.json", max_length=64))
    expected = EmotionClassifier(
        Labels().names, preprocessor, TorchModel(CompactClassifier(model)), calibration=Calibration(1.5)
    )
    classifier = EmotionClassifier.from_pretrained(tmp_path)
    probabilities = classifier.predict_proba(TEXTS)
    assert_equal_probabilities(probabilities, expected.predict_proba(TEXTS), classifier.predict_logits(TEXTS))
