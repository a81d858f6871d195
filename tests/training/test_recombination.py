import numpy as np
import pytest

pytest.importorskip("torch")

import tiny
from emoscope.data import Examples
from emoscope.labels import Labels
from emoscope.training.keyword_reader import MAX_WORDS, fit_reader
from emoscope.training.recombination import recombine

KEYWORDS = {word for words in tiny.KEYWORDS.values() for word in words}


def test_recombined_texts_are_new_texts_of_known_words_with_a_keyword(keyword_reader, keyword_rows):
    known = {word for text in keyword_rows.texts for word in text.split()}
    made = recombine(keyword_reader, keyword_rows, 200, seed=1)
    assert len(made) == 200
    assert len(set(made) - set(keyword_rows.texts)) > 100
    for text in made:
        assert set(text.split()) <= known
        assert KEYWORDS & set(text.split())
        assert len(text.split()) <= MAX_WORDS


def test_same_seed_makes_the_same_texts(keyword_reader, keyword_rows):
    assert recombine(keyword_reader, keyword_rows, 20, seed=3) == recombine(keyword_reader, keyword_rows, 20, seed=3)
    assert recombine(keyword_reader, keyword_rows, 20, seed=3) != recombine(keyword_reader, keyword_rows, 20, seed=4)


def test_noise_gives_the_requested_number_of_texts_or_none():
    rows = Examples(["a b", "a b"] * 50, np.arange(100) % 2, Labels(("x", "y", "z")), "noise", "train")
    assert len(recombine(fit_reader(rows, seed=0), rows, 5, seed=0)) in (0, 5)
