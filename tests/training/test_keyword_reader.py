import numpy as np
import pytest

pytest.importorskip("torch")

from emoscope.data import Examples
from emoscope.labels import EMOTIONS, Labels
from emoscope.training.keyword_reader import fit_reader


def test_it_learns_data_where_one_word_decides(keyword_reader, keyword_rows):
    probabilities = keyword_reader.probabilities(keyword_rows.texts)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert (probabilities.argmax(1) == keyword_rows.label_ids).mean() > 0.99


def test_first_keyword_after_feel_decides(keyword_reader):
    texts = ["i feel sad they made me happy", "i feel happy they made me sad", "angry they made me feel happy today"]
    labels = [EMOTIONS[column] for column in keyword_reader.probabilities(texts).argmax(1)]
    assert labels == ["sadness", "joy", "joy"]


def test_word_with_two_labels_predicts_both():
    texts, label_ids = ["i feel weird"] * 200, np.arange(200) % 2
    reader = fit_reader(Examples(texts, label_ids, Labels(("a", "b")), "coins", "train"), seed=0)
    np.testing.assert_allclose(reader.probabilities(["i feel weird"]), 0.5, atol=0.05)


def test_texts_without_known_words_get_probabilities(keyword_reader):
    probabilities = keyword_reader.probabilities(["", "qwx zzy", "word " * 500])
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
