from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.sentences import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I hate it. But she loves it!", ["I hate it.", "But she loves it!"]),
        ("i hate it. but she loves it", ["i hate it.", "but she loves it"]),
        ("Really?! Yes... maybe", ["Really?!", "Yes...", "maybe"]),
        ('He said "go away!" Then he left.', ['He said "go away!"', "Then he left."]),
        ("Dr. Smith met Mrs. J. Jones at 3.5 p.m. sharp, e.g. on time.", None),
        ("Was I happy? No. I was furious.", ["Was I happy?", "No.", "I was furious."]),
        ("then i said no. i cried", ["then i said no.", "i cried"]),
        ("Bus no. 5 (No.  7 now) is late", None),
        ("the casino. 5 of us went", ["the casino.", "5 of us went"]),
        ("it cost 3.50 euros at example.com today", None),
        ("so do i. and you", ["so do i.", "and you"]),
        ("one\ntwo\r\n\n  three  ", ["one", "two", "three"]),
        ("no end", ["no end"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences(text, expected):
    assert [sentence.text for sentence in sentences(text)] == ([text] if expected is None else expected)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab .!?\"'\n)(Dr", max_size=60))
def test_sentences_lose_nothing_but_spaces(text):
    found = sentences(text)
    assert "".join("".join(sentence.text for sentence in found).split()) == "".join(text.split())
    assert all(sentence.text == sentence.text.strip() != "" for sentence in found)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='ab .!?"\n\r\x0b\u2028\u00a0)(Dr\U0001f600', max_size=60))
def test_positions_are_those_in_the_text(text):
    found = sentences(text)
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in found)
    assert all(before.end <= after.start for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("piece", "count"), [(".", 1), ('!"', 1), (". ", 200_000), ("Mr. ", 1), ("no. 5 ", 1), ("a\n", 200_000), (" ", 0)]
)
def test_sentences_of_a_very_long_text(piece, count):
    assert len(sentences(piece * 200_000)) == count  # in quadratic time it would take many minutes
