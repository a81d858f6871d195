"""Accessors of capabilities: what a classifier has, and the defaults for one that has only what it must."""

from types import MappingProxyType

import numpy as np
import pytest

from emoscope.protocols import (
    has_neutral,
    is_multi_label,
    keywords_of,
    logits_function,
    neutral_predictor,
    parameters_of,
    predict_distinct,
    prediction_sets_of,
    split_neutral,
    steps_function,
    thresholds_of,
    token_counter,
    tokens_read_of,
)

ROWS = np.array([[0.75, 0.25]], np.float32)


class Bare:
    """The two members that every classifier has. Records the texts that it scores."""

    labels = ("yes", "no")

    def __init__(self):
        self.scored = []

    def predict_proba(self, texts):
        self.scored.append(list(texts))
        return np.array([[len(text), 0] for text in texts], np.float32).reshape(len(texts), 2)


class Capable(Bare):
    multi_label = True
    thresholds = (0.5, 0.25)
    ambiguous_keywords = MappingProxyType({"sweet": {"yes": 0.5, "no": 0.5}})
    parameters = 12
    tokens_read = (30, 2)

    def prediction_sets(self, probabilities, coverage, *, texts):
        return probabilities >= 1 - coverage

    def predict_with_neutral(self, texts):
        return np.array([[len(text), 0, text == ""] for text in texts], np.float32).reshape(-1, 3)

    def predict_logits(self, texts):
        return -self.predict_proba(texts)

    def predict_in_steps(self, text, max_tokens, *, logits=False):
        yield from [None, self.predict_logits([text]) if logits else self.predict_with_neutral([text])]

    def token_counts(self, texts):
        return list(map(len, texts))


class Delegating:
    """A wrapper whose attributes are those of another classifier."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


@pytest.mark.parametrize("wrap", [lambda classifier: classifier, Delegating])
def test_accessors_return_what_a_classifier_has(wrap):
    classifier = wrap(Capable())
    assert is_multi_label(classifier)
    assert thresholds_of(classifier) == (0.5, 0.25)
    assert keywords_of(classifier) == Capable.ambiguous_keywords
    assert (parameters_of(classifier), tokens_read_of(classifier)) == (12, (30, 2))
    assert prediction_sets_of(classifier, ROWS, ["a"], 0.5).tolist() == [[True, False]]
    assert neutral_predictor(classifier)(["", "abc"]).tolist() == [[0, 0, 1], [3, 0, 0]]
    assert has_neutral(classifier)
    assert logits_function(classifier)(["abc"])[0, 0] == -3
    assert token_counter(classifier)(["abc"]) == [3]
    *_, row = steps_function(classifier)("abc", 10, logits=True)
    assert row[0, 0] == -3


def test_accessors_return_defaults_for_a_classifier_without_capabilities():
    classifier = Bare()
    assert is_multi_label(classifier) is False
    assert is_multi_label(classifier, default=True) is True
    assert keywords_of(classifier) == {}
    assert tokens_read_of(classifier) == (0, 0)
    assert prediction_sets_of(classifier, ROWS, ["a"]) is None
    assert neutral_predictor(classifier)(["abc"]).tolist() == [[3, 0]]
    for accessor in (thresholds_of, parameters_of, logits_function, token_counter, steps_function):
        assert accessor(classifier) is None


def test_equal_texts_are_scored_once():
    classifier = Bare()
    assert predict_distinct(classifier.predict_proba, ["a", "bb", "a"])[:, 0].tolist() == [1, 2, 1]
    assert classifier.scored == [["a", "bb"]]
    assert predict_distinct(classifier.predict_proba, []).shape == (0, 2)


def test_the_column_of_neutral_is_split_off():
    rows = np.array([[0.75, 0.25, 0.5]], np.float32)
    labels, neutral = split_neutral(rows, 2)
    assert (labels.tolist(), neutral.tolist()) == ([[0.75, 0.25]], [0.5])
    assert split_neutral(ROWS, 2)[1] is None
