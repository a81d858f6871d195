"""Scored tables as files: what is copied stays the same to the letter."""

import datetime
import decimal
import json

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring_fakes import HashClassifier, emotion, read, score, texts, write_parquet

from emoscope import EMOTIONS
from emoscope.errors import DataError
from emoscope.scoring import Scorer, Scoring
from emoscope.scoring.writing import _jsonl_lines

ADDED = ["emotion", "emotion_score", *EMOTIONS]


def scored(texts, classifier=None, **options):
    table = pa.table({"id": range(len(texts)), "text": pa.array(texts, pa.string())})
    return Scorer(classifier or HashClassifier(), Scoring("text", **options))(table)


def test_csv_to_csv_keeps_every_cell_to_the_letter(tmp_path):
    lines = ["id,,text,n", '007,"a,b","say ""hi""",1e5', "008,,first,", '"009","",  padded  ,0x10', "010,NULL,\\N,NaN"]
    (tmp_path / "in.csv").write_text("\ufeff" + "\r\n".join(lines))
    score(tmp_path / "in.csv", tmp_path / "out.csv")
    scored = (tmp_path / "out.csv").read_text().splitlines()
    assert scored[0] == f"{lines[0]},{','.join(ADDED)}"
    assert [line[: len(original) + 1] for line, original in zip(scored[1:], lines[1:], strict=True)] == [
        f"{line}," for line in lines[1:]
    ]


def test_jsonl_to_jsonl_keeps_every_object_to_the_letter(tmp_path):
    lines = [
        '{"text": "a", "n": 1.0, "big": 123456789012345678901234567890, "deep": {"x": [1, {"y": null}]}}',
        '{"n":1e5,"text":"caf\\u00e9" , "n":2}',
        "{}",
        '  {"text":null}  ',
        '{"other": "}"}',
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    score(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    scored = (tmp_path / "out.jsonl").read_text().splitlines()
    heads = [line.rstrip()[:-1].rstrip() for line in lines]
    assert all(line.startswith(head) for line, head in zip(scored, heads, strict=True))
    rows = [json.loads(line) for line in scored]
    assert [row["emotion"] for row in rows] == [emotion("a"), emotion("café"), None, None, None]
    assert list(rows[2]) == ADDED and rows[4]["other"] == "}"


def test_parquet_keeps_columns_types_and_metadata(tmp_path):
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int16()),
            "text": ["a", None],
            "when": pa.array([datetime.datetime(2024, 1, 2, 3, 4), None], pa.timestamp("ms", "Europe/Paris")),
            "nested": [{"a": [1, 2]}, None],
            "price": pa.array([decimal.Decimal("1.50"), None]),
            "kind": pa.array(["x", "x"]).dictionary_encode(),
            "blob": [b"\xff", None],
        }
    ).replace_schema_metadata({"mine": "yes"})
    score(write_parquet(tmp_path / "in.parquet", table), tmp_path / "out.parquet")
    scored = pq.read_table(tmp_path / "out.parquet")
    assert scored.select(table.column_names).equals(table)
    assert scored.schema.metadata[b"mine"] == b"yes"
    assert scored.column("emotion").to_pylist() == [emotion("a"), None]


@pytest.mark.parametrize("target", ["csv", "jsonl"])
def test_value_that_cannot_be_written_as_text_is_an_error(tmp_path, target):
    times = pa.array([0]).cast(pa.timestamp("s", "No/Where"))
    source = write_parquet(tmp_path / "in.parquet", {"text": ["a"], "when": times})
    with pytest.raises(DataError, match=r"the column 'when' \(timestamp.*No/Where.*cannot be written as text \("):
        score(source, tmp_path / f"out.{target}")


def test_arrow_output_of_files_with_different_categories(tmp_path):
    (tmp_path / "in").mkdir()
    for i, kind in enumerate("ab"):
        frame = pandas.DataFrame({"text": texts(10), "kind": pandas.Categorical([kind] * 10)})
        frame.to_feather(tmp_path / f"in/{i}.feather")
    score(tmp_path / "in", tmp_path / "out.arrow")
    assert pandas.read_feather(tmp_path / "out.arrow")["kind"].tolist() == ["a"] * 10 + ["b"] * 10


def test_object_without_fields_is_an_error_for_parquet(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a", "m": {}}\n')
    classifier = HashClassifier()
    with pytest.raises(DataError, match=r"Parquet cannot hold such columns \(.*'m'.*; leave them out, or"):
        score(tmp_path / "in.jsonl", tmp_path / "out.parquet", classifier=classifier)
    assert classifier.calls == []
    score(tmp_path / "in.jsonl", tmp_path / "out.arrow")
    assert read(tmp_path / "out.arrow")[0]["m"] == {}


def test_names_of_columns_are_asked_for_once_a_table():
    """Arrow makes the list of names anew each time: once a column is quadratic in the columns."""

    class Watched:
        def __init__(self, table):
            self._table, self.asked = table, 0

        @property
        def schema(self):
            self.asked += 1
            return self._table.schema

        def __getattr__(self, name):
            return getattr(self._table, name)

    table = Watched(pa.table({f"c{i}": [i] for i in range(50)}))
    assert _jsonl_lines(table, None)[0].as_py().startswith('{"c0": 0, "c1": 1')
    assert table.asked == 1
