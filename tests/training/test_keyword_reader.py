import numpy as np
import pytest

pytest.importorskip("torch")

import tiny
from emoscope.data import Examples
from emoscope.labels import EMOTIONS, Labels
from emoscope.training.keyword_reader import MAX_WORDS, fit_reader
from emoscope.training.recombination import recombine

KEYWORDS = {word for words in tiny.KEYWORDS.values() for word in words}


@pytest.fixture(scope="module")
def train():
    return tiny.examples("train", repeat=20)


@pytest.fixture(scope="module")
def reader(train):
    return fit_reader(train, seed=0)


def test_it_understands_what_one_word_decides(reader, train):
    probabilities = reader.probabilities(train.texts)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert (probabilities.argmax(1) == train.label_ids).mean() > 0.99


def test_the_first_keyword_after_feel_decides_and_none_before_it(reader):
    texts = ["i feel sad they made me happy", "i feel happy they made me sad", "angry they made me feel happy today"]
    labels = [EMOTIONS[column] for column in reader.probabilities(texts).argmax(1)]
    assert labels == ["sadness", "joy", "joy"]


def test_a_coin_flip_is_read_as_one():
    texts, label_ids = ["i feel weird"] * 200, np.arange(200) % 2
    reader = fit_reader(Examples(texts, label_ids, Labels(("a", "b")), "coins", "train"), seed=0)
    np.testing.assert_allclose(reader.probabilities(["i feel weird"]), 0.5, atol=0.05)


def test_unknown_words_and_no_words_get_probabilities(reader):
    probabilities = reader.probabilities(["", "qwx zzy", "word " * 500])
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_recombined_texts_are_of_known_words_and_hold_a_keyword(reader, train):
    known = {word for text in train.texts for word in text.split()}
    made = recombine(reader, train, 200, seed=1)
    assert len(made) == 200
    assert len(set(made) - set(train.texts)) > 100
    for text in made:
        assert set(text.split()) <= known
        assert KEYWORDS & set(text.split())
        assert len(text.split()) <= MAX_WORDS


def test_the_same_seed_makes_the_same_texts(reader, train):
    assert recombine(reader, train, 20, seed=3) == recombine(reader, train, 20, seed=3)
    assert recombine(reader, train, 20, seed=3) != recombine(reader, train, 20, seed=4)


def test_where_no_word_decides_nothing_is_recombined():
    rows = Examples(["a b", "a b"] * 50, np.arange(100) % 2, Labels(("x", "y", "z")), "noise", "train")
    assert len(recombine(fit_reader(rows, seed=0), rows, 5, seed=0)) in (0, 5)
