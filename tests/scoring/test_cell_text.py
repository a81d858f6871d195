"""Values of every type as the text of cells."""

import csv
import datetime
import decimal
import io
import json
import subprocess
import sys

import pyarrow as pa
import pytest
from scoring_fakes import emotion, score, write_parquet

from emoscope.scoring.cell_text import csv_cells, json_cells

NANOSECONDS = 1_700_000_000_123_456_789


TIMES = [
    ([NANOSECONDS], pa.timestamp("ns"), "2023-11-14T22:13:20.123456789"),
    ([NANOSECONDS], pa.timestamp("ns", "Asia/Kolkata"), "2023-11-15T03:43:20.123456789+05:30"),
    ([45_296_000_000_001], pa.time64("ns"), "12:34:56.000000001"),
    ([NANOSECONDS], pa.duration("ns"), NANOSECONDS),
    ([10**12 // 3], pa.timestamp("s", "UTC"), "12532-11-29T16:35:33Z"),
    ([-(10**11)], pa.timestamp("s"), "-1199-02-15T14:13:20"),
    ([10**7], pa.date32(), "29349-01-26"),
]


def test_every_type_has_a_cell_in_csv_and_in_json(tmp_path):
    table = pa.table(
        {
            "text": ["a", None, ""],
            "b": [True, None, False],
            "f": [float("nan"), None, float("inf")],
            "d": [datetime.date(2024, 1, 2), None, datetime.date(1, 1, 1)],
            "t": pa.array([datetime.datetime(2024, 1, 2, 3), None, None], pa.timestamp("s", "UTC")),
            "p": [decimal.Decimal("1.50"), None, decimal.Decimal("0.00")],
            "l": [[1, None], None, []],
            "s": [{"x": b"\xff", "y": datetime.date(2024, 1, 2)}, None, {"x": None, "y": None}],
            "n": pa.nulls(3),
            "m": pa.array([[("k", 1.5)], None, []], pa.map_(pa.string(), pa.float64())),
        }
    )
    source = write_parquet(tmp_path / "in.parquet", table)
    score(source, tmp_path / "out.csv", columns=("emotion",))
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "text,b,f,d,t,p,l,s,n,m,emotion",
        'a,true,nan,2024-01-02,2024-01-02 03:00:00.000Z,1.50,"[1, null]",'
        f'"{{""x"": ""/w=="", ""y"": ""2024-01-02""}}",,"[[""k"", 1.5]]",{emotion("a")}',
        ",,,,,,,,,,",
        '"",false,inf,0001-01-01,,0.00,[],"{""x"": null, ""y"": null}",,[],',
    ]
    score(source, tmp_path / "out.jsonl", columns=("emotion",))
    first, _, last = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first == {
        "text": "a", "b": True, "f": None, "d": "2024-01-02", "t": "2024-01-02T03:00:00.000Z", "p": "1.50",
        "l": [1, None], "s": {"x": "/w==", "y": "2024-01-02"}, "n": None, "m": [["k", 1.5]], "emotion": emotion("a"),
    }  # fmt: skip
    assert (last["text"], last["f"], last["emotion"]) == ("", None, None)


@pytest.mark.parametrize(("values", "arrow_type", "expected"), TIMES, ids=str)
def test_times_that_python_cannot_represent(values, arrow_type, expected):
    times = pa.array(values, pa.int32() if arrow_type == pa.date32() else pa.int64()).cast(arrow_type)
    nested = pa.StructArray.from_arrays([pa.ListArray.from_arrays([0, 1], times)], names=["x"])
    assert json.loads(json_cells(pa.chunked_array([times])).to_pylist()[0]) == expected
    for cells in (json_cells(pa.chunked_array([nested])), csv_cells(pa.chunked_array([nested]), ";")):
        text = cells.to_pylist()[0]
        assert json.loads(text if text[0] == "{" else next(csv.reader([text], delimiter=";"))[0]) == {"x": [expected]}


def test_times_do_not_depend_on_pandas():
    program = f"""import sys
class NoPandas:
    def find_spec(self, name, *_):
        if name == "pandas":
            raise ImportError(name)
sys.meta_path.insert(0, NoPandas())
import pyarrow as pa
from emoscope.scoring.cell_text import json_cells
for kind in (pa.timestamp("ns"), pa.duration("ns")):
    times = pa.array([{NANOSECONDS}]).cast(kind)
    pairs = pa.MapArray.from_arrays([0, 1], times, times)
    print(*json_cells(pa.chunked_array([times])), *json_cells(pa.chunked_array([pairs])))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    time, number = '"2023-11-14T22:13:20.123456789"', NANOSECONDS
    assert result.stdout == f"{time} [[{time}, {time}]]\n{number} [[{number}, {number}]]\n"


@pytest.mark.parametrize("delimiter", list(" :.-+eTZ0"))
def test_delimiter_that_occurs_in_numbers_and_times(tmp_path, delimiter):
    when = pa.array([datetime.datetime(2024, 1, 2, 3, 4)], pa.timestamp("s", "UTC"))
    source = write_parquet(tmp_path / "in.parquet", {"text": ["a"], "n": [-1e30], "b": [True], "when": when})
    score(source, tmp_path / "out.csv", delimiter=delimiter, columns=("emotion_score",))
    _, row = csv.reader(io.StringIO((tmp_path / "out.csv").read_text()), delimiter=delimiter)
    assert row[:4] == ["a", "-1e+30", "true", "2024-01-02 03:04:00.000Z"] and len(row) == 5
