import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_fakes import HashClassifier, emotion, probabilities

from emoscope.scoring import Scorer, Scoring
from emoscope.scoring.long_texts import FIRST_CHARACTERS, beginning, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I hate it. But she loves it!", ["I hate it.", "But she loves it!"]),
        ("i hate it. but she loves it", ["i hate it.", "but she loves it"]),
        ("Really?! Yes... maybe", ["Really?!", "Yes...", "maybe"]),
        ('He said "go away!" Then he left.', ['He said "go away!"', "Then he left."]),
        ("Dr. Smith met Mrs. J. Jones at 3.5 p.m. sharp, e.g. on time.", None),
        ("it cost 3.50 euros at example.com today", None),
        ("so do i. and you", ["so do i.", "and you"]),
        ("one\ntwo\r\n\n  three  ", ["one", "two", "three"]),
        ("no end", ["no end"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == ([text] if expected is None else expected)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab .!?\"'\n)(Dr", max_size=60))
def test_sentences_lose_nothing_but_spaces(text):
    found = sentences(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in found)


@pytest.mark.parametrize(
    ("piece", "count"), [(".", 1), ('!"', 1), (". ", 200_000), ("Mr. ", 1), ("a\n", 200_000), (" ", 0)]
)
def test_sentences_of_a_very_long_text(piece, count):
    assert len(sentences(piece * 200_000)) == count  # in quadratic time it would take many minutes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short", "short"),
        ("a" * FIRST_CHARACTERS, "a" * FIRST_CHARACTERS),
        ("a" * (FIRST_CHARACTERS + 5), "a" * FIRST_CHARACTERS),
        ("word " * 1000, ("word " * 400).rstrip()),
        ("words " * 1000, ("words " * 333).rstrip()),
    ],
)
def test_beginning(text, expected):
    assert beginning(text) == expected


def column(table, name="joy"):
    return table.column(name).to_pylist()


def test_truncated_texts_are_scored_by_their_beginning():
    long = "word " * 1000
    table = Scorer(HashClassifier(), Scoring("text", long="truncate"))(pa.table({"text": [long, "short"]}))
    assert column(table, "emotion") == [emotion(beginning(long)), emotion("short")]
    assert column(table, "text") == [long, "short"]


def test_sentences_count_alike_and_equal_ones_are_scored_once():
    classifier = HashClassifier()
    scorer = Scorer(classifier, Scoring("text", long="sentences"))
    table = scorer(pa.table({"text": ["One. Two. One.", "Two.", None]}))
    assert classifier.asked == [["One.", "Two."]]
    mean = np.mean([probabilities("One."), probabilities("Two."), probabilities("One.")], axis=0)
    np.testing.assert_allclose(column(table)[:2], [mean[1], probabilities("Two.")[1]], rtol=1e-6)
    assert column(table)[2] is None


def test_every_text_that_is_not_blank_has_a_sentence():
    characters = [chr(code) for code in range(0x3100)]
    scorer = Scorer(HashClassifier(), Scoring("text", columns=("emotion",), long="sentences"))
    scored = column(scorer(pa.table({"text": characters})), "emotion")
    assert [emotion is not None for emotion in scored] == [bool(sentences(character)) for character in characters]


def test_one_row_a_sentence():
    scoring = Scoring("text", columns=("emotion",), long="sentences", sentence_rows=True)
    table = Scorer(HashClassifier(), scoring)(pa.table({"id": [1, 2, 3, 4], "text": ["One. Two.", None, " ", "One."]}))
    assert table.to_pylist() == [
        {"id": 1, "text": "One.", "emotion": emotion("One.")},
        {"id": 1, "text": "Two.", "emotion": emotion("Two.")},
        {"id": 2, "text": None, "emotion": None},
        {"id": 3, "text": " ", "emotion": None},
        {"id": 4, "text": "One.", "emotion": emotion("One.")},
    ]
