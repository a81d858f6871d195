"""Each kind of damage is fixed by its own function; what it gives to a model is tested with the normalizers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.text_damage import (
    decode_entities,
    decode_escapes,
    decode_mojibake,
    fix_encoding,
    join_contractions,
)

SOUND = st.text(st.characters(max_codepoint=126, exclude_characters="&#\\\\<%=\x18\x19") | st.sampled_from("’“”—…é😀"))


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac_roman", "cp437", "cp850"])
def test_punctuation_and_accents_survive_a_wrong_encoding(encoding: str) -> None:
    text = "it’s ‘so’ — naïve… café, £5"
    assert decode_mojibake(text.encode().decode(encoding, "replace")) == text


def test_text_that_was_encoded_wrongly_several_times() -> None:
    text = once = "it’s 😀 é"
    for _ in range(2):
        once = once.encode().decode("latin-1")
    assert decode_mojibake(once) == text


def test_sound_characters_stay() -> None:
    for text in ("“CAFÉ”", "naïve", "Ångström", "√2", "Ça va", "château", "â", "garçon…”"):
        assert decode_mojibake(text) == text


def test_entities() -> None:
    assert (
        decode_entities("&amp;amp;lt;3 &#39;a&#39 #39;b &#233 ; &nosuch; R&D; #12 a&b")
        == "<3 'a' 'b é &nosuch; R&D; #12 a&b"
    )


def test_escapes() -> None:
    assert (
        decode_escapes(r"\"a\"\n\\nb \u263a\x21 \o/ :\ <U+2019> x%27y a=92b 50%27")
        == "\"a\"  b ☺! \\o/ :\\ ’ x'y a'b 50%27"
    )
    assert decode_escapes(r"C:\new\table \'a\'") == r"C:\new\table 'a'"


def test_contractions_get_their_apostrophe() -> None:
    assert (
        join_contractions("I was n't, they ca n’t; it ' s, dad 's; I m, WON T")
        == "I wasn't, they can't; it's, dad's; I'm, WON'T"
    )
    assert (
        join_contractions("mother s, that D, F R I D A Y, we re-read, I. D.")
        == "mother s, that D, F R I D A Y, we re-read, I. D."
    )


@given(SOUND)
def test_the_encoding_of_sound_text_stays(text: str) -> None:
    assert fix_encoding(text) == text
