import numpy as np
import pyarrow as pa
import pytest
from scoring_fakes import HashClassifier, NeutralClassifier, emotion, neutral, probabilities

from emoscope.scoring import Scorer, Scoring
from emoscope.scoring.long_texts import FIRST_CHARACTERS, beginning
from emoscope.sentences import sentences
from emoscope.timeline import combine


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


def test_sentences_are_combined_and_equal_ones_scored_once():
    classifier = HashClassifier()
    scorer = Scorer(classifier, Scoring("text", long="sentences"))
    table = scorer(pa.table({"text": ["One. Two. One.", "Two.", None]}))
    assert classifier.calls == [["One.", "Two."]]
    rows = np.array([probabilities(sentence) for sentence in ("One.", "Two.", "One.")])
    whole = combine(rows, np.array([3]))[0]
    np.testing.assert_allclose(column(table)[:2], [whole[1], probabilities("Two.")[1]], rtol=1e-6)
    assert column(table)[2] is None


def test_multi_label_model_has_the_largest_probability_of_each_label():
    classifier = HashClassifier()
    classifier.multi_label = True
    table = Scorer(classifier, Scoring("text", long="sentences"))(pa.table({"text": ["One. Two."]}))
    assert column(table) == [max(probabilities("One.")[1], probabilities("Two.")[1])]


def test_every_text_that_is_not_blank_has_a_sentence():
    characters = [chr(code) for code in range(0x3100)]
    scorer = Scorer(HashClassifier(), Scoring("text", columns=("emotion",), long="sentences"))
    scored = column(scorer(pa.table({"text": characters})), "emotion")
    assert [emotion is not None for emotion in scored] == [bool(sentences(character)) for character in characters]


def test_row_for_each_sentence():
    scoring = Scoring("text", columns=("emotion",), long="sentences", sentence_rows=True)
    table = Scorer(HashClassifier(), scoring)(pa.table({"id": [1, 2, 3, 4], "text": ["One. Two.", None, " ", "One."]}))
    assert table.to_pylist() == [
        {"id": 1, "text": "One.", "emotion": emotion("One.")},
        {"id": 1, "text": "Two.", "emotion": emotion("Two.")},
        {"id": 2, "text": None, "emotion": None},
        {"id": 3, "text": " ", "emotion": None},
        {"id": 4, "text": "One.", "emotion": emotion("One.")},
    ]


@pytest.mark.parametrize(
    ("long", "expected"),
    [
        ("windows", neutral("One. Two.")),
        ("sentences", min(neutral("One."), neutral("Two."))),
        ("truncate", neutral("One. Two.")),
    ],
)
def test_neutral_of_a_long_text(long, expected):
    table = Scorer(NeutralClassifier(), Scoring("text", long=long))(pa.table({"text": ["One. Two."]}))
    assert column(table, "neutral") == [expected]
