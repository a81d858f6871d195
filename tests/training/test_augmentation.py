import numpy as np
import pytest

for module in ("torch", "safetensors"):
    pytest.importorskip(module)

from hypothesis import given
from hypothesis import strategies as st

from emoscope.errors import ModelError
from emoscope.training.augmentation import MASK, augmented, augmented_copies
from emoscope.training.config import CompactStudentConfig

UNCHANGED = {"copy_drop": 0.0, "copy_mask": 0.0, "copy_swap": 0.0, "copy_span": 0.0}
TEXT = "one two three four five six seven eight"
SIMILAR = {"two": ["zwei", "deux"], "five": ["fünf"]}


def copy(seed=0, text=TEXT, **keys):
    config = CompactStudentConfig(**UNCHANGED | keys)
    return augmented(text, config, SIMILAR, np.random.default_rng(seed))


def test_probabilities_of_zero_change_nothing():
    assert copy() == TEXT


def test_masks_replace_words():
    assert copy(copy_mask=1.0) == " ".join([MASK] * 8)
    masked = copy(copy_mask=0.4).split()
    assert 0 < masked.count(MASK) < 8
    assert [word for word in masked if word != MASK] == [
        word for word, shown in zip(TEXT.split(), masked, strict=True) if shown != MASK
    ]


def test_only_words_with_similar_words_are_swapped():
    words = copy(copy_swap=1.0).split()
    assert words[1] in SIMILAR["two"]
    assert words[4] == "fünf"
    assert [words[i] for i in (0, 2, 3, 5, 6, 7)] == ["one", "three", "four", "six", "seven", "eight"]


def test_every_similar_word_is_used():
    assert {copy(seed, copy_swap=1.0).split()[1] for seed in range(30)} == {"zwei", "deux"}


@given(st.integers(0, 2**32), st.lists(st.sampled_from(TEXT.split()), min_size=1, max_size=9))
def test_span_is_a_contiguous_part(seed, words):
    text = " ".join(words)
    part = copy(seed, text, copy_span=1.0).split()
    assert part
    assert any(words[start : start + len(part)] == part for start in range(len(words)))


@given(st.integers(0, 2**32), st.floats(0.0, 1.0))
def test_dropping_words_keeps_the_order_and_at_least_one_word(seed, probability):
    words = copy(seed, copy_drop=probability).split()
    positions = [TEXT.split().index(word) for word in words]
    assert words
    assert positions == sorted(set(positions))


def test_share_of_changed_words_is_the_probability():
    shares = [copy(seed, copy_mask=0.3).split().count(MASK) / 8 for seed in range(400)]
    assert np.mean(shares) == pytest.approx(0.3, abs=0.03)


def test_copies_know_their_source_and_depend_on_the_seed_alone(encoder):
    config = CompactStudentConfig(copies=3)
    texts = ["i am glad and nervous today", "they made me sad and angry"]
    copies = augmented_copies(config, texts, encoder, seed=5)
    assert [source for _, source in copies] == texts * 3
    assert all(copy != source for copy, source in copies)
    assert copies == augmented_copies(config, texts, encoder, seed=5)
    assert copies != augmented_copies(config, texts, encoder, seed=6)
    assert augmented_copies(CompactStudentConfig(), texts, encoder, seed=5) == []


def test_copies_that_equal_their_source_are_left_out(tmp_path):
    config = CompactStudentConfig(**UNCHANGED | {"copies": 40, "copy_drop": 0.3})
    copies = [copy for copy, _ in augmented_copies(config, ["so sad"], tmp_path, seed=0)]
    assert set(copies) == {"so", "sad"}
    assert 5 < len(copies) < 35


def test_encoder_is_only_read_to_swap_words(tmp_path):
    texts = ["so sad and gloomy"]
    assert augmented_copies(CompactStudentConfig(copies=1, copy_swap=0.0), texts, tmp_path, seed=0)
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        augmented_copies(CompactStudentConfig(copies=1), texts, tmp_path, seed=0)
