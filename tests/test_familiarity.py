"""Which texts are like those that a model learnt from."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from emoscope.familiarity import MIN_TEXTS, MIN_WORDS, KnownWords

WORDS = "i am so happy today because she called and we won the game at last smiling face"
KNOWN = KnownWords(frozenset(WORDS.split()))


def test_the_share_of_known_words_decides() -> None:
    texts = ["I am so happy today!", "Ich bin heute sehr glücklich", "we won the zyxgame", "я очень рад сегодня"]
    assert KNOWN.familiar(texts).tolist() == [True, False, True, False]


def test_a_single_word_is_judged_beside_the_prior() -> None:
    assert KNOWN.share("happy") == pytest.approx(2.9 / 3)
    assert KNOWN.share("xyz") == pytest.approx(1.9 / 3)
    assert KNOWN.familiar(["happy", "xyz", "xyz happy", "", "  "]).tolist() == [True, False, True, True, True]


def test_signs_of_program_code_count_as_unknown_words() -> None:
    texts = ["we won the game", "we = won; {the: game(at, last)}", "so we_won = so_happy;"]
    assert KNOWN.familiar(texts).tolist() == [True, False, False]


def test_emoticons_and_tags_are_no_code() -> None:
    assert KNOWN.familiar(["so happy =) today <br> we won", "we won the game (at last)"]).all()


def test_words_of_few_texts_are_not_known() -> None:
    words = ["".join(letters) for letters in product("abcdefghijklmno", repeat=3)][:MIN_WORDS]
    known = KnownWords.of([" ".join(words)] * MIN_TEXTS + ["rare rare"] * (MIN_TEXTS - 1))
    assert known == KnownWords(frozenset(words))


def test_too_few_words_say_nothing() -> None:
    assert KnownWords.of(["so happy"] * 100) is None


def test_they_are_kept_in_a_file(tmp_path: Path) -> None:
    KNOWN.write(tmp_path)
    assert KnownWords.read(tmp_path) == KNOWN
    assert KnownWords.read(tmp_path.parent) is None
