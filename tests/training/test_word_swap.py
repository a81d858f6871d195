import numpy as np
import pytest

for module in ("torch", "safetensors"):
    pytest.importorskip(module)

import tokenizers
from safetensors.numpy import save_file

from emoscope.errors import ModelError
from emoscope.training.word_swap import NEAREST, similar_words, whole_words


@pytest.fixture(scope="module")
def two_directions(tmp_path_factory):
    """An encoder with whole words around two directions, and pieces that are not words."""
    names = ["[UNK]", "[MASK]", "##ing", "glad", "happy", "merry", "sad", "gloomy", "7", "a"]
    embeddings = np.random.default_rng(0).normal(size=(len(names), 4)).astype(np.float32)
    embeddings[[3, 4, 5]] = [[1, 0, 0, 0], [3, 0.3, 0, 0], [1, 0.2, 0, 0]]
    embeddings[[6, 7]] = [[0, 0, 1, 0], [0, 0, 2, 0.1]]
    embeddings[[2, 8, 9]] = [1, 0, 0, 0]  # nearest of all, but not words
    folder = tmp_path_factory.mktemp("encoder")
    model = tokenizers.models.WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]")
    tokenizers.Tokenizer(model).save(str(folder / "tokenizer.json"))
    save_file({"bert.embeddings.word_embeddings.weight": embeddings}, folder / "model.safetensors")
    return folder


def test_similar_words_are_other_whole_words_by_cosine(two_directions):
    similar = similar_words(two_directions, ["glad", "sad", "unknown", "[MASK]", "7"])
    assert set(similar) == {"glad", "sad"}
    assert similar["glad"][:2] == ["happy", "merry"]
    assert similar["sad"][0] == "gloomy"
    assert all(len(words) == min(NEAREST, 4) for words in similar.values())
    assert all(word not in words for word, words in similar.items())


@pytest.mark.parametrize(("marker", "inside"), [("Ġ", "ing"), ("▁", "ing"), ("", "##ing")])
def test_whole_words_of_every_kind_of_vocabulary(tmp_path, marker, inside):
    pieces = [inside, *(f"{marker}{word}" for word in ("sad", "glad", "a", "x7"))]
    model = tokenizers.models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token=inside)
    tokenizers.Tokenizer(model).save(str(tmp_path / "tokenizer.json"))
    assert whole_words(tmp_path / "tokenizer.json") == {"glad": 2, "sad": 1}


def test_file_that_is_not_a_tokenizer_is_an_error(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be read as a tokenizer .*; copy_swap needs one"):
        similar_words(tmp_path, ["glad"])
