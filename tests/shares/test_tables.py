"""Scored tables are read as arrays, with and without pyarrow alike, and with clear errors for what does not fit."""

import sys

import numpy as np
import pytest

from emoscope.errors import DataError
from emoscope.shares.blocks import TextFormat
from emoscope.shares.tables import ScoredTable, TimeColumn, class_probabilities, prior_of

SCORED = """text,emotion,emotion_score,joy,love,neutral,team,day
a,joy,0.9,0.9,0.1,0.5,x,2024-05-06
,,,,,,y,2024-05-06
"b
c",love,0.8,0.2,0.8,0,y,soon
"""


@pytest.fixture(params=["pyarrow", "row by row"], autouse=True)
def reader(request, monkeypatch):
    if request.param == "pyarrow":
        pytest.importorskip("pyarrow")
    else:
        monkeypatch.setitem(sys.modules, "pyarrow", None)


def written(tmp_path, text, name="table.csv"):
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return file


def cells(column):
    return [column.values[code] for code in column.codes]


def test_rows_without_a_score_keep_their_number(tmp_path):
    table = ScoredTable(written(tmp_path, SCORED), group="team", time=TimeColumn("day", "week"), event="2024-06-01")
    (rows,) = table.rows(("joy", "love"), ("text",))
    assert rows.numbers.tolist() == [1, 3] and rows.without_score == 1
    assert cells(rows.answers) == ["joy", "love"] and rows.scores.tolist() == [0.9, 0.8]
    assert [cells(column) for column in rows.groups] == [["x", "y"], ["2024-05-06", ""], ["before 2024-06-01", ""]]
    assert cells(rows.texts[0]) == ["a", "b\nc"]
    np.testing.assert_allclose(rows.probabilities, [[0.9, 0.1], [0.2, 0.8]])
    assert table.groupings == ("team", "day, by week", "day, before and after") and table.ordered == (False, True, True)


def test_neutral_as_a_class_takes_its_part_of_the_probability(tmp_path):
    table = ScoredTable(written(tmp_path, SCORED))
    classes = table.class_names(["neutral", "fear"])
    assert classes == ("joy", "love", "fear", "neutral")
    present = table.present(classes)
    (rows,) = table.rows(present)
    answers, found = class_probabilities(rows, present, classes)
    assert answers.tolist() == [0, 1]
    np.testing.assert_allclose(found, [[0.45, 0.05, 0, 0.5], [0.2, 0.8, 0, 0]])


def test_without_probabilities_the_answer_counts(tmp_path):
    table = ScoredTable(written(tmp_path, "emotion,emotion_score\nlove,0.7\njoy,0.6\n"))
    (rows,) = table.rows()
    np.testing.assert_array_equal(class_probabilities(rows, (), ("joy", "love"))[1], [[0, 1], [1, 0]])


@pytest.mark.parametrize("name", ["table.jsonl", "table.tsv", "table.csv"])
def test_other_formats_and_a_prefix(tmp_path, name):
    rows, mark = [("joy", 0.9), ("love", 0.8)], "\t" if name.endswith("tsv") else ";"
    if name.endswith("jsonl"):
        text = "".join(f'{{"m_emotion": "{label}", "m_emotion_score": {score}}}\n' for label, score in rows)
    else:
        text = f"m_emotion{mark}m_emotion_score\n" + "".join(f"{label}{mark}{score}\n" for label, score in rows)
    form = TextFormat(";" if name.endswith("csv") else None)
    (found,) = ScoredTable(written(tmp_path, text, name), form, "m_").rows()
    assert found.scores.tolist() == [0.9, 0.8]


@pytest.mark.parametrize("compression", ["none", "snappy"])
def test_parquet(tmp_path, compression, reader):
    if sys.modules.get("pyarrow", True) is None:
        pytest.skip("needs pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    times = pa.array([1714979280, None], pa.timestamp("s"))
    table = pa.table({"emotion": ["joy", None], "emotion_score": pa.array([0.5, None], pa.float32()), "at": times})
    parquet.write_table(table, tmp_path / "t.parquet", compression=compression)
    (rows,) = ScoredTable(tmp_path / "t.parquet", time=TimeColumn("at", "day")).rows()
    assert rows.numbers.tolist() == [1] and cells(rows.groups[0]) == ["2024-05-06"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text,emotion\na,joy\n", "no column 'emotion_score'; the columns are: 'text', 'emotion'$"),
        (
            "emotion,emotion_score\njoy,0.5\njoy,high\n",
            "line 3: emotion_score is 'high'; allowed: a number from 0 to 1",
        ),
        ("emotion,emotion_score\njoy,0.5\njoy,1.5\n", "line 3: emotion_score is '1.5'; allowed: a number from 0 to 1"),
        ("emotion,emotion_score\njoy,0.5\njoy,\n", "row 2: emotion_score is empty; allowed: a number from 0 to 1"),
        ("emotion,emotion_score\njoy,0.5,1\n", "line 2: 3 fields; allowed: 2"),
        ("emotion,emotion_score\n,\n", "no row has an emotion; score it with emoscope score first"),
    ],
)
def test_a_table_that_is_not_scored(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        list(ScoredTable(written(tmp_path, text)).rows())


def test_a_value_that_only_python_reads_does_not_repeat_rows(tmp_path):
    text = "emotion,emotion_score\n" + "joy,0.5\n" * 200_000 + "love, 0.25 \n" + "joy,0.5\n" * 10
    blocks = list(ScoredTable(written(tmp_path, text)).rows())
    numbers = np.concatenate([rows.numbers for rows in blocks])
    np.testing.assert_array_equal(numbers, np.arange(1, 200_012))
    assert np.concatenate([rows.scores for rows in blocks])[200_000] == 0.25


def test_an_unknown_label_is_named(tmp_path):
    table = ScoredTable(written(tmp_path, SCORED))
    with pytest.raises(DataError, match="unknown label 'jooy'; allowed: sadness, joy, .*, neutral"):
        table.class_names(["jooy"])


def test_labels_of_another_model_are_known_by_their_column(tmp_path):
    table = ScoredTable(written(tmp_path, "emotion,emotion_score,good,bad\ngood,0.9,0.9,0.1\n"))
    assert table.class_names(["bad"]) == ("bad", "good")
    with pytest.raises(DataError, match="unknown label 'ugly'"):
        table.class_names(["ugly"])


def test_a_prior_has_every_class():
    classes, shares = prior_of({"love": 0.4, "joy": 0.6}, ["joy", "love"])
    assert classes == ("joy", "love") and shares.tolist() == [0.6, 0.4]
    with pytest.raises(DataError, match="no share of 'love'"):
        prior_of({"joy": 1.0}, ["joy", "love"])
