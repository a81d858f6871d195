"""Scored tables and tables of labels are read as arrays, with clear errors for what does not fit."""

import numpy as np
import pytest

from emoscope.errors import DataError
from emoscope.shares.tables import (
    TextFormat,
    class_names,
    positions,
    prior_of,
    read_probabilities,
    read_sample,
    read_scored,
)

FORM = TextFormat()
SCORED = """text,emotion,emotion_score,joy,love,neutral,team
a,joy,0.9,0.9,0.1,0.5,x
,,,,,,y
b,love,0.8,0.2,0.8,0,y
"""


def written(tmp_path, text, name="table.csv"):
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return file


def test_rows_without_a_score_keep_their_number(tmp_path):
    file = written(tmp_path, SCORED)
    scored = read_scored(file, FORM, by="team")
    assert scored.numbers.tolist() == [1, 3] and scored.without_score == 1
    assert scored.classes == ("joy", "love") and scored.answers.tolist() == [0, 1]
    assert scored.groups.tolist() == ["x", "y"]
    np.testing.assert_allclose(read_probabilities(file, FORM, scored, ("joy", "love")), [[0.9, 0.1], [0.2, 0.8]])


def test_neutral_as_a_class_takes_its_part_of_the_probability(tmp_path):
    file = written(tmp_path, SCORED)
    scored = read_scored(file, FORM)
    classes = class_names(file, FORM, scored, ["neutral", "fear"])
    assert classes == ("joy", "love", "fear", "neutral")
    found = read_probabilities(file, FORM, scored, classes)
    np.testing.assert_allclose(found, [[0.45, 0.05, 0, 0.5], [0.2, 0.8, 0, 0]])


def test_without_probabilities_the_answer_counts(tmp_path):
    file = written(tmp_path, "emotion,emotion_score\nlove,0.7\njoy,0.6\n")
    scored = read_scored(file, FORM)
    np.testing.assert_array_equal(read_probabilities(file, FORM, scored, ("joy", "love")), [[0, 1], [1, 0]])


@pytest.mark.parametrize("name", ["table.jsonl", "table.tsv"])
def test_other_formats_and_a_prefix(tmp_path, name):
    rows = [("joy", 0.9), ("love", 0.8)]
    if name.endswith("jsonl"):
        text = "".join(f'{{"m_emotion": "{label}", "m_emotion_score": {score}}}\n' for label, score in rows)
    else:
        text = "m_emotion\tm_emotion_score\n" + "".join(f"{label}\t{score}\n" for label, score in rows)
    scored = read_scored(written(tmp_path, text, name), FORM, prefix="m_")
    assert scored.scores.tolist() == [0.9, 0.8]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text,emotion\na,joy\n", "no column 'emotion_score'; the columns are: 'text', 'emotion'$"),
        ("emotion,emotion_score\njoy,high\n", "line 2: emotion_score is 'high'; allowed: a number from 0 to 1"),
        ("emotion,emotion_score\n,\n", "no row has an emotion; score it with emoscope score first"),
    ],
)
def test_a_table_that_is_not_scored(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_scored(written(tmp_path, text), FORM)


def test_an_unknown_label_is_named(tmp_path):
    file = written(tmp_path, SCORED)
    with pytest.raises(DataError, match="unknown label 'jooy'; allowed: sadness, joy, .*, neutral"):
        class_names(file, FORM, read_scored(file, FORM), ["jooy"])


def test_labels_of_another_model_are_known_by_their_column(tmp_path):
    file = written(tmp_path, "emotion,emotion_score,good,bad\ngood,0.9,0.9,0.1\n")
    scored = read_scored(file, FORM)
    assert class_names(file, FORM, scored, ["bad"]) == ("bad", "good")
    with pytest.raises(DataError, match="unknown label 'ugly'"):
        class_names(file, FORM, scored, ["ugly"])


def test_missing_labels_lower_the_probability_of_their_stratum(tmp_path):
    rows = "row,label,stratum,sampling_probability\n1,joy,0,0.5\n2,,0,0.5\n3, love ,1,0.2\n"
    sample = read_sample(written(tmp_path, rows), FORM)
    assert sample.labels == ("joy", "love") and sample.without_label == 1
    np.testing.assert_allclose(sample.probability, [0.25, 0.2])
    assert sample.strata.tolist() == ["0", "1"]


def test_labels_of_ones_own_need_a_row_and_a_label(tmp_path):
    sample = read_sample(written(tmp_path, "row,mood\n3,love\n"), FORM, "mood")
    assert (sample.numbers.tolist(), sample.probability, sample.strata) == ([3], None, None)
    assert positions(read_scored(written(tmp_path, SCORED, "s.csv"), FORM), sample).tolist() == [1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("2,joy\n", "row 2 is not a scored row"),
        ("1,joy\n1,joy\n", "row 1 is labelled twice"),
        ("x,joy\n", "row is 'x'"),
    ],
)
def test_rows_that_do_not_fit(tmp_path, rows, message):
    scored = read_scored(written(tmp_path, SCORED), FORM)
    with pytest.raises(DataError, match=message):
        positions(scored, read_sample(written(tmp_path, "row,label\n" + rows, "labels.csv"), FORM))


def test_a_prior_has_every_class(tmp_path):
    scored = read_scored(written(tmp_path, SCORED), FORM)
    classes, shares = prior_of({"love": 0.4, "joy": 0.6}, scored)
    assert classes == ("joy", "love") and shares.tolist() == [0.6, 0.4]
    with pytest.raises(DataError, match="no share of 'love'"):
        prior_of({"joy": 1.0}, scored)
