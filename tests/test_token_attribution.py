"""Attributions of tokens, summed over words; `torch_runtime/test_gradients.py` has those of real models."""

import numpy as np
import pytest

from emoscope import EmotionClassifier
from emoscope.text import NORMALIZERS
from emoscope.token_attribution import INTEGRATED_GRADIENTS, explain_by_tokens


@pytest.fixture(scope="module")
def classifier():
    return EmotionClassifier.from_pretrained()


def explain(classifier, *texts):
    """Explanations in which every token, special tokens included, adds 1, and the sum of a row is off by 0.5."""
    attribute = lambda ids, label: (np.ones(len(ids)), 0.5)  # noqa: E731
    return explain_by_tokens(
        classifier, texts, classifier._model.preprocessor, attribute, {"sweet": {"joy": 0.5, "love": 0.4}}
    )


def test_a_word_has_the_sum_of_its_tokens(classifier):
    (explained,) = explain(classifier, "so unbelievably happy!")
    tokens = [len(classifier._model.preprocessor.tokenizer.spans(word)) for word in ("so", "unbelievably", "happy")]
    assert [word.weight for word in explained.words] == tokens
    assert [word.word for word in explained.words] == ["so", "unbelievably", "happy"]
    assert (explained.method, explained.convergence_delta) == (INTEGRATED_GRADIENTS, 0.5)


def test_a_word_that_the_normalizer_drops_has_no_weight(classifier):
    (explained,) = explain(classifier, "see https://example.org happy")
    assert NORMALIZERS["plain"](explained.text) == "see happy"
    assert [word.weight for word in explained.words] == [1, 0, 1]


def test_windows_of_a_long_text_count_by_their_tokens(classifier):
    (explained,) = explain(classifier, "happy " * 1200)
    assert explained.convergence_delta == pytest.approx(0.5)
    assert sum(word.weight for word in explained.words) == pytest.approx(1200 / 3, rel=0.01)


def test_label_and_score_are_those_of_predict_and_the_deciding_word_is_named(classifier):
    (explained,) = explain(classifier, "sweet")
    (prediction,) = classifier.predict(["sweet"])
    assert (explained.label, explained.score) == (prediction.label, pytest.approx(prediction.score))
    assert explained.ambiguous is not None and explained.ambiguous.word == "sweet"


def test_a_text_without_words_has_none(classifier):
    assert [explained.words for explained in explain(classifier, "", "?!")] == [(), ()]
