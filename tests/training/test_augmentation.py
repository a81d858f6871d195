import numpy as np
import pytest

pytest.importorskip("safetensors")
pytest.importorskip("torch")

import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from emoscope.errors import ModelError, RecipeError
from emoscope.training.augmentation import MASK, augmented, augmented_copies, check_augmentation
from emoscope.training.config import CompactStudentConfig
from emoscope.training.word_swap import NEAREST, similar_words, whole_words

PLAIN = {"copy_drop": 0.0, "copy_mask": 0.0, "copy_swap": 0.0, "copy_span": 0.0}
TEXT = "one two three four five six seven eight"
SIMILAR = {"two": ["zwei", "deux"], "five": ["fünf"]}


def copy(seed=0, text=TEXT, **keys):
    config = CompactStudentConfig(**PLAIN | keys)
    return augmented(text, config, SIMILAR, np.random.default_rng(seed))


def test_nothing_changes_where_nothing_may():
    assert copy() == TEXT


def test_masks_take_the_place_of_words():
    assert copy(copy_mask=1.0) == " ".join([MASK] * 8)
    masked = copy(copy_mask=0.4).split()
    assert 0 < masked.count(MASK) < 8
    assert [word for word in masked if word != MASK] == [
        word for word, shown in zip(TEXT.split(), masked, strict=True) if shown != MASK
    ]


def test_only_words_with_neighbours_are_replaced():
    words = copy(copy_swap=1.0).split()
    assert words[1] in SIMILAR["two"]
    assert words[4] == "fünf"
    assert [words[i] for i in (0, 2, 3, 5, 6, 7)] == ["one", "three", "four", "six", "seven", "eight"]


def test_every_neighbour_comes_up():
    assert {copy(seed, copy_swap=1.0).split()[1] for seed in range(30)} == {"zwei", "deux"}


@given(st.integers(0, 2**32), st.lists(st.sampled_from(TEXT.split()), min_size=1, max_size=9))
def test_a_span_is_a_contiguous_part(seed, words):
    text = " ".join(words)
    part = copy(seed, text, copy_span=1.0).split()
    assert part
    assert any(words[start : start + len(part)] == part for start in range(len(words)))


@given(st.integers(0, 2**32), st.floats(0.0, 1.0))
def test_dropped_words_leave_the_others_in_order_and_one_at_least(seed, probability):
    left = copy(seed, copy_drop=probability).split()
    numbers = [TEXT.split().index(word) for word in left]
    assert left
    assert numbers == sorted(set(numbers))


def test_the_share_of_changed_words_is_the_probability():
    shares = [copy(seed, copy_mask=0.3).split().count(MASK) / 8 for seed in range(400)]
    assert np.mean(shares) == pytest.approx(0.3, abs=0.03)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """Whole words around two directions, and pieces that are no words."""
    names = ["[UNK]", "[MASK]", "##ing", "glad", "happy", "merry", "sad", "gloomy", "7", "a"]
    vectors = np.random.default_rng(0).normal(size=(len(names), 4)).astype(np.float32)
    vectors[[3, 4, 5]] = [[1, 0, 0, 0], [3, 0.3, 0, 0], [1, 0.2, 0, 0]]
    vectors[[6, 7]] = [[0, 0, 1, 0], [0, 0, 2, 0.1]]
    vectors[[2, 8, 9]] = [1, 0, 0, 0]  # nearest of all, but no words
    folder = tmp_path_factory.mktemp("vectors")
    model = tokenizers.models.WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]")
    tokenizers.Tokenizer(model).save(str(folder / "tokenizer.json"))
    save_file({"bert.embeddings.word_embeddings.weight": vectors}, folder / "model.safetensors")
    return folder


def test_similar_words_by_cosine_without_itself_and_without_pieces(encoder):
    found = similar_words(encoder, ["glad", "sad", "unknown", "[MASK]", "7"])
    assert set(found) == {"glad", "sad"}
    assert found["glad"][:2] == ["happy", "merry"]
    assert found["sad"][0] == "gloomy"
    assert all(len(near) == min(NEAREST, 4) for near in found.values())
    assert all(word not in near for word, near in found.items())


@pytest.mark.parametrize(("marker", "inside"), [("Ġ", "ing"), ("▁", "ing"), ("", "##ing")])
def test_whole_words_of_every_kind_of_vocabulary(tmp_path, marker, inside):
    pieces = [inside, *(f"{marker}{word}" for word in ("sad", "glad", "a", "x7"))]
    model = tokenizers.models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token=inside)
    tokenizers.Tokenizer(model).save(str(tmp_path / "tokenizer.json"))
    assert whole_words(tmp_path / "tokenizer.json") == {"glad": 2, "sad": 1}


def test_copies_are_the_same_for_the_same_seed_and_know_their_source(encoder):
    config = CompactStudentConfig(copies=3)
    texts = ["i am glad and merry today", "so sad and gloomy"]
    copies = augmented_copies(config, texts, encoder, seed=5)
    assert [source for _, source in copies] == texts * 3
    assert all(copy != source for copy, source in copies)
    assert copies == augmented_copies(config, texts, encoder, seed=5)
    assert copies != augmented_copies(config, texts, encoder, seed=6)
    assert augmented_copies(CompactStudentConfig(), texts, encoder, seed=5) == []


def test_copies_that_equal_their_text_are_left_out(encoder):
    config = CompactStudentConfig(**PLAIN | {"copies": 40, "copy_drop": 0.3})
    copies = [copy for copy, _ in augmented_copies(config, ["so sad"], encoder, seed=0)]
    assert set(copies) == {"so", "sad"}
    assert 5 < len(copies) < 35


def test_a_vocabulary_is_read_only_where_neighbours_are_wanted(tmp_path):
    texts = ["so sad and gloomy"]
    assert augmented_copies(CompactStudentConfig(copies=1, copy_swap=0.0), texts, tmp_path, seed=0)
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        augmented_copies(CompactStudentConfig(copies=1), texts, tmp_path, seed=0)


def test_probabilities_that_cannot_be_are_refused():
    check_augmentation(CompactStudentConfig(copies=0, **PLAIN))
    with pytest.raises(RecipeError, match="sum to 1 at most, got 1.2"):
        check_augmentation(CompactStudentConfig(copy_drop=0.6, copy_mask=0.6, copy_swap=0.0))
    with pytest.raises(RecipeError, match="copies would equal their texts"):
        check_augmentation(CompactStudentConfig(copies=1, **PLAIN))
