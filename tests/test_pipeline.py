"""Calls of a classifier: the inputs, keywords and results of transformers' own pipeline on the same checkpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope import EMOTIONS, EmotionClassifier
from hub.vocabularies import wordpiece_tokenizer

pytest.importorskip("transformers")

TEXTS = ["this is great !", "this is awful", "i feel happy", "great great", "a"]
WORDS = sorted({word for text in TEXTS for word in text.split()})


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[EmotionClassifier, Any]:
    """A classifier and a pipeline of the same tiny checkpoint."""
    import transformers

    import tiny

    folder = tmp_path_factory.mktemp("pipeline") / "model"
    names = dict(enumerate(EMOTIONS))
    module = tiny.classifier("distilbert", id2label=names, label2id={name: i for i, name in names.items()})
    module.save_pretrained(folder)
    tokenizer = wordpiece_tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    pipeline = transformers.pipeline("text-classification", model=str(folder), top_k=None, device="cpu")
    return EmotionClassifier.from_pretrained(folder), pipeline


def close(ours: Any, theirs: Any) -> bool:
    """Whether two results have the same types, order and labels, and nearly the same scores."""
    if isinstance(ours, list):
        same = isinstance(theirs, list) and len(ours) == len(theirs)
        return same and all(close(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(close(value, theirs[key]) for key, value in ours.items())
    if isinstance(ours, float):
        return isinstance(theirs, float) and abs(ours - theirs) < 1e-5
    return type(ours) is type(theirs) and ours == theirs


INPUTS = [
    TEXTS[0],
    TEXTS[:1],
    TEXTS,
    {"text": TEXTS[0]},
    [{"text": TEXTS[0]}, {"text": TEXTS[1]}],
]


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"top_k": None},
        {"top_k": 1},
        {"top_k": 2},
        {"top_k": 60},
        {"function_to_apply": "none"},
        {"function_to_apply": "sigmoid", "top_k": 3},
        {"function_to_apply": "SOFTMAX"},
        {"batch_size": 2, "num_workers": 0},
        {"truncation": True, "padding": True, "max_length": 16},
    ],
    ids=str,
)
def test_calls_return_what_the_pipeline_returns(both: tuple[EmotionClassifier, Any], keywords: dict[str, Any]) -> None:
    classifier, pipeline = both
    for inputs in INPUTS:
        ours, theirs = classifier(inputs, **keywords), pipeline(inputs, **keywords)
        assert close(ours, theirs), (inputs, ours, theirs)


@pytest.mark.parametrize("keywords", [{}, {"top_k": 2}, {"batch_size": 3}], ids=str)
def test_a_generator_gives_a_generator(both: tuple[EmotionClassifier, Any], keywords: dict[str, Any]) -> None:
    classifier, pipeline = both
    ours = classifier((text for text in TEXTS), **keywords)
    assert isinstance(ours, Iterator)
    assert close(list(ours), list(pipeline((text for text in TEXTS), **keywords)))


def test_a_generator_is_read_as_results_are_taken(both: tuple[EmotionClassifier, Any]) -> None:
    taken: list[str] = []
    results = both[0](taken.append(text) or text for text in TEXTS)
    next(results)
    assert len(taken) == 1
    results = both[0]((taken.append(text) or text for text in TEXTS), batch_size=3)
    next(results)
    assert len(taken) == 1 + 3


def test_a_dataset_of_the_pipeline_is_read(both: tuple[EmotionClassifier, Any]) -> None:
    from transformers.pipelines.pt_utils import KeyDataset

    classifier, pipeline = both
    column = KeyDataset([{"sentence": text} for text in TEXTS], "sentence")
    assert close(list(classifier(column)), list(pipeline(column)))


def test_return_all_scores_as_in_transformers_4(both: tuple[EmotionClassifier, Any]) -> None:
    classifier, _ = both
    assert classifier(TEXTS, return_all_scores=True) == classifier(TEXTS)
    tops = [entries[0] for entries in classifier(TEXTS)]
    assert classifier(TEXTS, return_all_scores=False) == tops
    assert close(classifier(TEXTS[0], return_all_scores=False), tops[:1])


def test_the_function_of_transformers_itself_may_be_given(both: tuple[EmotionClassifier, Any]) -> None:
    from transformers.pipelines.text_classification import ClassificationFunction

    classifier, _ = both
    none = classifier(TEXTS, function_to_apply=ClassificationFunction.NONE)
    assert none == classifier(TEXTS, function_to_apply="none")


def test_the_own_function_gives_calibrated_probabilities() -> None:
    bundled = EmotionClassifier.from_pretrained()
    assert bundled(TEXTS, function_to_apply="softmax") == bundled(TEXTS)
    logits = bundled.predict_logits(TEXTS[:1])[0]
    shown = {entry["label"]: entry["score"] for entry in bundled(TEXTS[:1], function_to_apply="none")[0]}
    np.testing.assert_array_equal(np.float32([shown[label] for label in EMOTIONS]), logits)


@pytest.mark.parametrize(
    ("error", "keywords", "message"),
    [
        (ValueError, {"function_to_apply": "relu"}, "function_to_apply is 'relu'; allowed: softmax, sigmoid, none"),
        (ValueError, {"top_k": 0}, "top_k is 0; allowed: 1 or more, or None"),
        (TypeError, {"top_k": "2"}, "top_k is '2'; allowed: a whole number, or None"),
        (TypeError, {"top_k": True}, "top_k is True"),
        (ValueError, {"batch_size": 0}, "batch_size is 0"),
        (TypeError, {"topk": 2}, "unexpected keyword 'topk'; allowed: top_k, function_to_apply"),
    ],
    ids=str,
)
def test_other_keywords_and_values_are_errors(error: type[Exception], keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        EmotionClassifier.from_pretrained()(TEXTS, **keywords)


def test_errors_in_a_stream_name_the_position() -> None:
    results = EmotionClassifier.from_pretrained()(iter(["a", "b", None]))
    with pytest.raises(TypeError, match=r"texts\[2\] is missing"):
        list(results)


def test_a_text_pair_is_an_error() -> None:
    classifier = EmotionClassifier.from_pretrained()
    for inputs in ({"text": "a", "text_pair": "b"}, [{"text": "a", "text_pair": "b"}]):
        with pytest.raises(TypeError, match="text_pair"):
            classifier(inputs)


def test_folders_are_not_texts(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="got PosixPath|got WindowsPath"):
        EmotionClassifier.from_pretrained()(tmp_path)
