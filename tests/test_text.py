from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emoscope.text import NORMALIZERS, mark, normalize

FRAGMENTS = [
    "&amp;",
    "&#39;",
    "<br>",
    "<a href=",
    "@",
    "#",
    "http://",
    "www.",
    ":)",
    ":'(",
    "<3",
    "😀",
    "👍🏽",
    "’",
]
FRAGMENTS += ["\u200d", "\ufe0f", "\ud800", "\u0301", "İ", "ﬃ", "½", "ﷺ", " ", "aB", "_"]
anything = st.text(st.characters()) | st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3)).map("".join)
ascii_text = st.text(st.characters(max_codepoint=126).filter(lambda c: c not in "#&"))


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("", ""),
        (" \t\n ", ""),
        ("i feel calm today", "i feel calm today"),
        ("  two  spaces ", "two spaces"),
        ("I'M SO ANGRY!!!", "im so angry"),
        ("i'm so angry", "im so angry"),
        ("i’m so angry", "im so angry"),
        ("don`t and won´t and can＇t", "dont and wont and cant"),
        ("rock 'n' roll, 'quoted' “words”", "rock n roll quoted words"),
        ("well-being/health (sic) [NAME] _so_ ...", "well being health sic name so"),
        ("wait… what — no", "wait what no"),
        ("@Bob hi, @ home", "hi home"),
        ("see https://example.org/a?b=c#Dd or WWW.example.org ok", "see or ok"),
        ("#happy #SoHappy #IAmHere #so_so", "happy so happy i am here so so"),
        ("Tom &amp; Ann &#39;ok&#39; &lt;3 &quot;", "tom ann ok heart"),
        ("one<br/>two <a href='x'>three</a> <B>four</B>", "one two three four"),
        ("3 < 4 and <sarcasm>5 > 2", "3 4 and sarcasm 5 2"),
        ("😀😡", "grinning face enraged face"),
        ("😂 ❤️ 👍🏽 🤷‍♀️", "face tears of joy heart thumbs up sign shrug"),
        ("1️⃣ ™ 🇺🇸", "1"),
        ("ok :) :-( ;) =D :'( :/ :| <3 </3.", None),
        ("yay :-)))) <333", "yay smiling face heart"),
        ("list a:b :x (c:)", "list a b x c"),
        ("Soooo HAPPYYYY", "soooo happyyyy"),
        ("ｆｕｌｌ Ｗｉｄｔｈ！ ﬁne x²", "full width fine x2"),
        ("Caffè Привет 你好。हिन्दी", "caffè привет 你好 हिन्दी"),
        ("a\u200bb\u202ec\ufeff\u00ad", "abc"),
        ("a\x00b\ud83dc\ufffdd", "a b c d"),
        ("cafe\u0301", "café"),
    ],
)
def test_plain_form(raw: str, plain: str | None) -> None:
    if plain is None:
        faces = (
            "smiling face",
            "frowning face",
            "winking face",
            "grinning face",
            "crying face",
            "confused face",
        )
        plain = " ".join(["ok", *faces, "neutral face", "heart", "broken heart"])
    assert normalize(raw) == plain


@given(anything)
@example("&#" + "9" * 5000 + ";")
@example("e\u200d\u0301")
@settings(max_examples=500)
def test_idempotent_and_never_raises(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once
    once.encode()


@given(anything)
def test_words_consist_of_letters_digits_and_marks(text: str) -> None:
    plain = normalize(text)
    assert plain == " ".join(plain.split())
    assert not re.search(r"[\x00-\x1f!-/:-@A-Z\[-`{-\x7f]", plain)


@given(ascii_text)
def test_case_makes_no_difference(text: str) -> None:
    assert normalize(text.upper()) == normalize(text.lower()) == normalize(text)


@given(st.text("abcxyz0189 "))
def test_plain_words_are_unchanged(text: str) -> None:
    assert normalize(text) == " ".join(text.split())


@pytest.mark.parametrize("unit", ["<a ", "<a =", "&#", "#aA", "@", ":", ":)", "www.", "a\u0301\u0323", "\ud800", "😀"])
def test_long_hostile_text(unit: str) -> None:
    text = unit * 50_000
    assert normalize(normalize(text)) == normalize(text)


def test_every_single_character_is_stable() -> None:
    unstable = [code for code in range(0x20000) if normalize(plain := normalize(chr(code))) != plain]
    assert unstable == []


def test_normalizers_by_name() -> None:
    assert set(NORMALIZERS) == {"raw", "plain", "marked"}
    assert NORMALIZERS["raw"](" As IT is!\ud800") == " As IT is!\ud800"
    assert NORMALIZERS["plain"] is normalize
    assert NORMALIZERS["marked"] is mark


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("i feel happy", "i feel happy"),
        ("  i feel\thappy\n", "i feel happy"),
        ("I feel happy", "! i feel happy"),
        ("i don't feel happy", "! i dont feel happy"),
        ("happy 😀", "! happy grinning face"),
        ("!", "! "),
        ("", ""),
    ],
)
def test_capitals_punctuation_and_emoji_leave_a_mark(text: str, marked: str) -> None:
    assert mark(text) == marked
    assert mark(marked) == marked


def test_training_texts_are_unchanged(emotion_data: Path) -> None:
    lines = [line for path in sorted(emotion_data.glob("*.txt")) for line in path.read_text("utf-8").splitlines()]
    texts = [text for text in (line.rpartition(";")[0] for line in lines) if re.fullmatch("[a-z0-9 ]+", text)]
    assert len(texts) > 0.99 * len(lines)
    assert [normalize(text) for text in texts] == texts
    assert [normalize(text.upper() + "!") for text in texts] == texts
