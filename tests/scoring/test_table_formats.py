"""Tables through every format: what goes in comes out, in order, with the emotions."""

import csv
import datetime
import decimal
import gzip
import io
import json
import subprocess
import sys

import pandas
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from scoring_fakes import HashClassifier, emotion, probabilities, rejected, score, texts, write_parquet

from emoscope import EMOTIONS
from emoscope.errors import DataError
from emoscope.scoring import ScoreReport, Stream
from emoscope.scoring.cell_text import csv_cells, json_cells

ADDED = ["emotion", "emotion_score", *EMOTIONS]
TEXTS = ["first", 'with "quotes", commas', "two\nlines\r\nthree", "first", "", " ", "ünïcode 😀", "tab\there", "\\n"]


def read(path):
    """Rows of a scored file, by readers that are not ours."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        return pq.read_table(path).to_pylist()
    if name.endswith((".arrow", ".feather")) and name == path.name:
        return pyarrow.feather.read_table(path).to_pylist()
    content = unpacked(path)
    if name.endswith(".arrow"):
        return pa.ipc.open_file(content).read_all().to_pylist()
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in content.decode().splitlines()]
    delimiter = "\t" if name.endswith(".tsv") else ","
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), delimiter=delimiter))


def unpacked(path):
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        with pa.input_stream(path, compression="zstd") as stream:
            return stream.read()
    return path.read_bytes()


def write(path, rows):
    """Write rows by writers that are not ours."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    content = io.BytesIO()
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), content, row_group_size=4)
    elif name.endswith(".arrow"):
        with pa.ipc.new_file(content, pa.Table.from_pylist(rows).schema) as file:
            file.write_table(pa.Table.from_pylist(rows), max_chunksize=4)
    elif name.endswith(".jsonl"):
        content.write("".join(json.dumps(row) + "\n" for row in rows).encode())
    else:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if name.endswith(".tsv") else ",")
        writer.writeheader()
        writer.writerows(rows)
        content.write(text.getvalue().encode())
    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.output_stream(path, compression=compression) as file:
        file.write(content.getvalue())
    return path


NAMES = ["csv", "tsv", "jsonl", "parquet", "arrow", "csv.gz", "csv.zst", "jsonl.gz", "arrow.zst"]


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("source", NAMES)
def test_every_format_to_every_other(tmp_path, source, target):
    rows = [{"id": str(i), "text": text} for i, text in enumerate(TEXTS)]
    output = tmp_path / f"out.{target}"
    summary = score(write(tmp_path / f"in.{source}", rows), output, part_rows=4)
    scored = read(output)
    assert [{"id": row["id"], "text": row["text"]} for row in scored] == rows
    assert [row["emotion"] or None for row in scored] == [emotion(text) if text.strip() else None for text in TEXTS]
    assert float(scored[0]["joy"]) == pytest.approx(float(probabilities("first")[1]), rel=1e-6)
    assert list(scored[0]) == ["id", "text", *ADDED]
    assert (summary.rows_in, summary.rows, summary.rejected, summary.without_text) == (9, 9, 0, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({f"in.{source}", output.name})


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


@pytest.mark.parametrize(("values", "arrow_type", "expected"), TIMES, ids=str)
def test_times_that_python_does_not_have(values, arrow_type, expected):
    times = pa.array(values, pa.int32() if arrow_type == pa.date32() else pa.int64()).cast(arrow_type)
    nested = pa.StructArray.from_arrays([pa.ListArray.from_arrays([0, 1], times)], names=["x"])
    assert json.loads(json_cells(pa.chunked_array([times])).to_pylist()[0]) == expected
    for cells in (json_cells(pa.chunked_array([nested])), csv_cells(pa.chunked_array([nested]), ";")):
        text = cells.to_pylist()[0]
        assert json.loads(text if text[0] == "{" else next(csv.reader([text], delimiter=";"))[0]) == {"x": [expected]}


def test_times_are_the_same_where_pandas_is_missing():
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


@pytest.mark.parametrize("target", ["csv", "jsonl"])
def test_a_value_that_cannot_be_written_as_text_is_an_error_that_names_its_column(tmp_path, target):
    times = pa.array([0]).cast(pa.timestamp("s", "No/Where"))
    source = write_parquet(tmp_path / "in.parquet", {"text": ["a"], "when": times})
    with pytest.raises(DataError, match=r"the column 'when' \(timestamp.*No/Where.*cannot be written as text \("):
        score(source, tmp_path / f"out.{target}")


@pytest.mark.parametrize("delimiter", list(" :.-+eTZ0"))
def test_a_delimiter_that_stands_in_numbers_and_times(tmp_path, delimiter):
    when = pa.array([datetime.datetime(2024, 1, 2, 3, 4)], pa.timestamp("s", "UTC"))
    source = write_parquet(tmp_path / "in.parquet", {"text": ["a"], "n": [-1e30], "b": [True], "when": when})
    score(source, tmp_path / "out.csv", delimiter=delimiter, columns=("emotion_score",))
    _, row = csv.reader(io.StringIO((tmp_path / "out.csv").read_text()), delimiter=delimiter)
    assert row[:4] == ["a", "-1e+30", "true", "2024-01-02 03:04:00.000Z"] and len(row) == 5


def test_pandas_reads_what_pandas_wrote(tmp_path):
    frame = pandas.DataFrame({"text": ["a", "b"], "n": [1, 2]}, index=[10, 20])
    frame.to_parquet(tmp_path / "in.parquet")
    score(tmp_path / "in.parquet", tmp_path / "out.parquet")
    scored = pandas.read_parquet(tmp_path / "out.parquet")
    pandas.testing.assert_frame_equal(scored[["text", "n"]], frame)


def test_arrow_takes_categories_of_which_each_file_has_others(tmp_path):
    (tmp_path / "in").mkdir()
    for i, kind in enumerate("ab"):
        frame = pandas.DataFrame({"text": texts(10), "kind": pandas.Categorical([kind] * 10)})
        frame.to_feather(tmp_path / f"in/{i}.feather")
    score(tmp_path / "in", tmp_path / "out.arrow")
    assert pandas.read_feather(tmp_path / "out.arrow")["kind"].tolist() == ["a"] * 10 + ["b"] * 10


def test_json_lines_get_the_types_of_their_values(tmp_path):
    rows = [{"text": "a", "i": 1, "f": 1, "s": {"x": [1]}}, {"f": 0.5, "text": "b", "extra": True}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    score(tmp_path / "in.jsonl", tmp_path / "out.parquet", columns=("emotion",))
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == [
        {"text": "a", "i": 1, "f": 1.0, "s": {"x": [1]}, "extra": None, "emotion": emotion("a")},
        {"text": "b", "i": None, "f": 0.5, "s": None, "extra": True, "emotion": emotion("b")},
    ]


def test_an_object_without_fields_is_none_for_parquet(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a", "m": {}}\n')
    classifier = HashClassifier()
    with pytest.raises(DataError, match=r"Parquet cannot hold such columns \(.*'m'.*; leave them out, or"):
        score(tmp_path / "in.jsonl", tmp_path / "out.parquet", classifier=classifier)
    assert classifier.asked == []
    score(tmp_path / "in.jsonl", tmp_path / "out.arrow")
    assert read(tmp_path / "out.arrow")[0]["m"] == {}


@pytest.mark.parametrize("target", ["parquet", "csv", "jsonl", "arrow"])
@pytest.mark.parametrize("options", [{}, {"long": "sentences", "sentence_rows": True}])
def test_a_text_column_of_nulls_alone(tmp_path, target, options):
    source = write_parquet(tmp_path / "in.parquet", {"id": ["1", "2"], "text": pa.nulls(2)})
    summary = score(source, tmp_path / f"out.{target}", **options)
    assert (summary.rows, summary.without_text) == (2, 2)
    assert [(row["id"], row["text"] or None) for row in read(tmp_path / f"out.{target}")] == [("1", None), ("2", None)]


@pytest.mark.parametrize("first", ["", "\n", "nonsense\n"])
@pytest.mark.parametrize("target", ["parquet", "jsonl"])
def test_json_lines_begin_in_a_file_without_an_object(tmp_path, first, target):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/0.jsonl").write_text(first)
    (tmp_path / "in/1.jsonl").write_text('{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}\n')
    (tmp_path / "in/2.jsonl").write_text("")
    summary = score(tmp_path / "in", tmp_path / f"out.{target}")
    assert [(row["id"], row["text"]) for row in read(tmp_path / f"out.{target}")] == [(1, "a"), (2, "b")]
    assert summary.rejected == len(first.strip()) // 8


def test_json_lines_without_any_object(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(2):
        (tmp_path / f"in/{i}.jsonl").write_text("\n")
    assert score(tmp_path / "in", tmp_path / "out.parquet").rows == 0


def test_files_of_a_folder_follow_one_another(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, suffix in ((1, "csv"), (2, "csv.gz"), (3, "csv.zst")):
        write(folder / f"{number}.{suffix}", [{"id": f"{number}-{i}", "text": f"t{i}"} for i in range(10)])
    assert score(folder, tmp_path / "out.jsonl").rows == 30
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == [f"{n}-{i}" for n in (1, 2, 3) for i in range(10)]


def test_parquet_files_with_different_number_types_are_joined(tmp_path):
    write_parquet(tmp_path / "1.parquet", {"n": pa.array([1], pa.int32()), "text": ["a"]})
    write_parquet(tmp_path / "2.parquet", {"text": ["b"], "n": pa.array([0.5])})
    score(f"{tmp_path}/[12].parquet", tmp_path / "out.parquet", columns=("emotion",))
    assert [row["n"] for row in read(tmp_path / "out.parquet")] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("second", "words"),
    [({"other": ["a"], "text": ["b"]}, "columns"), ({"n": ["a"], "text": ["b"]}, "different types")],
)
def test_files_that_do_not_go_together(tmp_path, second, words):
    write_parquet(tmp_path / "1.parquet", {"n": [1], "text": ["a"]})
    write_parquet(tmp_path / "2.parquet", second)
    with pytest.raises(DataError, match=words):
        score(f"{tmp_path}/*.parquet", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet.parts").exists()


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        (pa.array([1], pa.int64()), pa.array([decimal.Decimal("1.5")]), []),
        (pa.array([2**53 + 1]), pa.array([0.5]), []),
        (pa.array([0.5]), pa.array([2**53 + 1]), [["a"]]),
        (pa.array([1]), pa.array([2**64 - 1], pa.uint64()), [["a"]]),
    ],
    ids=str,
)
def test_numbers_that_do_not_fit_the_widened_type(tmp_path, first, second, asked):
    write_parquet(tmp_path / "1.parquet", {"n": first, "text": ["a"]})
    write_parquet(tmp_path / "2.parquet", {"n": second, "text": ["b"]})
    classifier = HashClassifier()
    words = r"[12]\.parquet: the column 'n' is \w+, with the other files .*; score the files separately"
    with pytest.raises(DataError, match=words):
        score(f"{tmp_path}/[12].parquet", tmp_path / "out.parquet", classifier=classifier, part_rows=1)
    assert classifier.asked == asked


@pytest.mark.parametrize(
    ("first", "second", "column", "words"),
    [
        ("text,n\na,1\n", "n,text\n1,a\n", "text", "has the columns 'n', 'text', .* 'text', 'n'; .* in the same order"),
        ("text,n\na,1\n", "text,m\na,1\n", "text", "has the columns 'text', 'm', "),
        ("a,1\n", "b,2,extra\n", "0", "has the columns '0', '1', '2', .* '0', '1'; give files with the same columns$"),
    ],
)
def test_csv_files_with_other_columns(tmp_path, first, second, column, words):
    (tmp_path / "1.csv").write_text(first)
    (tmp_path / "2.csv").write_text(second)
    with pytest.raises(DataError, match=rf"2\.csv {words}"):
        score(f"{tmp_path}/*.csv", tmp_path / "out.csv", text_column=column)


def test_csv_files_with_the_same_columns_in_other_quotes_are_joined(tmp_path):
    (tmp_path / "1.csv").write_text('"id",text\r\n"1","a"\r\n')
    (tmp_path / "2.csv").write_text('\ufeffid,"text"\n2,b\n')
    score(f"{tmp_path}/[12].csv", tmp_path / "out.csv", columns=("emotion",))
    expected = f'"id",text,emotion\n"1","a",{emotion("a")}\n2,b,{emotion("b")}\n'
    assert (tmp_path / "out.csv").read_text() == expected
    (tmp_path / "2.csv").write_text('text,"id"\nb,2\n')
    score(f"{tmp_path}/[12].csv", tmp_path / "out.jsonl", columns=("emotion",))
    assert [(row["id"], row["text"]) for row in read(tmp_path / "out.jsonl")] == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize("target", ["csv", "jsonl"])
def test_a_file_without_a_header(tmp_path, target):
    (tmp_path / "in.tsv").write_text("a\t1\nb\t2\n")
    score(tmp_path / "in.tsv", tmp_path / f"out.{target}", text_column="0", columns=("emotion",))
    expected = {
        "csv": f"0,1,emotion\na,1,{emotion('a')}\nb,2,{emotion('b')}\n",
        "jsonl": f'{{"0": "a", "1": "1", "emotion": "{emotion("a")}"}}\n'
        f'{{"0": "b", "1": "2", "emotion": "{emotion("b")}"}}\n',
    }
    assert (tmp_path / f"out.{target}").read_text() == expected[target]
    score(tmp_path / "in.tsv", tmp_path / "out.tsv", text_column="0", columns=("emotion",))
    assert (tmp_path / "out.tsv").read_text() == f"a\t1\t{emotion('a')}\nb\t2\t{emotion('b')}\n"


@pytest.mark.parametrize("target", ["csv", "jsonl", "parquet", "arrow", "csv.gz"])
def test_a_table_without_rows(tmp_path, target):
    (tmp_path / "in.csv").write_text("id,text\n")
    assert score(tmp_path / "in.csv", tmp_path / f"out.{target}").rows == 0
    assert read(tmp_path / f"out.{target}") == []
    if target == "csv":
        assert (tmp_path / "out.csv").read_text() == f"id,text,{','.join(ADDED)}\n"


def test_one_row_a_sentence_in_every_text_format(tmp_path):
    write(tmp_path / "in.jsonl", [{"id": 1, "text": "One. Two."}, {"id": 2, "text": None}])
    options = {"long": "sentences", "sentence_rows": True, "columns": ("emotion",)}
    summary = score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", **options)
    assert (summary.rows_in, summary.rows, summary.without_text) == (2, 3, 1)
    assert [(row["id"], row["text"]) for row in read(tmp_path / "out.jsonl")] == [(1, "One."), (1, "Two."), (2, None)]
    score(tmp_path / "out.jsonl", tmp_path / "again.csv", **options | {"prefix": "p_"})
    assert [row["p_emotion"] for row in read(tmp_path / "again.csv")] == [emotion("One."), emotion("Two."), ""]


def test_json_lines_of_any_fields_become_a_row_a_sentence(tmp_path, monkeypatch):
    for name in ("BLOCK_BYTES", "_SLICE_BYTES"):
        monkeypatch.setattr(f"emoscope.scoring.line_reader.{name}", 10)
    lines = ['{"text": "One. Two.", "n": 1, "when": "2024"}', '{"n": 1.5, "m": {"é": []}, "text": "Three."}']
    (tmp_path / "in.jsonl").write_text("\n".join([*lines, '{"k": 1}', "{}"]))
    options = {"long": "sentences", "sentence_rows": True, "columns": ("emotion",)}
    page = ScoreReport(tmp_path / "page.html", "when")
    assert score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", report=page, **options).rejected == 0
    assert (tmp_path / "out.jsonl").read_text().splitlines() == [
        f'{{"n": 1, "when": "2024", "text": "One.", "emotion": "{emotion("One.")}"}}',
        f'{{"n": 1, "when": "2024", "text": "Two.", "emotion": "{emotion("Two.")}"}}',
        f'{{"n": 1.5, "m": {{"é": []}}, "text": "Three.", "emotion": "{emotion("Three.")}"}}',
        '{"k": 1, "text": null, "emotion": null}',
        '{"text": null, "emotion": null}',
    ]
    assert "2024-01-01 00:00: 2 rows" in page.output.read_text("utf-8")


def test_big_files_pass_through_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("emoscope.scoring.line_reader.BLOCK_BYTES", 1500)
    monkeypatch.setattr("emoscope.scoring.line_reader._SLICE_BYTES", 70)
    rows = [{"id": str(i), "text": f"line {i}\nand\n\n, more {'x' * (i % 50)}"} for i in range(300)]
    for name in ("csv", "jsonl", "csv.gz"):
        score(write(tmp_path / f"in.{name}", rows), tmp_path / f"out.{name}")
        assert [row["text"] for row in read(tmp_path / f"out.{name}")] == [row["text"] for row in rows]


def test_pipes(tmp_path):
    written = io.BytesIO()
    content = gzip.compress("".join(f'{{"text": "{text}"}}\n' for text in texts(20)).encode())
    summary = score(Stream(io.BytesIO(content), "jsonl.gz"), Stream(written, "csv"))
    assert summary.rows == 20 and not written.closed
    rows = list(csv.DictReader(io.StringIO(written.getvalue().decode())))
    assert [row["text"] for row in rows] == texts(20)


def test_arrow_through_a_pipe_is_a_stream(tmp_path):
    table = pa.table({"text": texts(20)})
    sent, received = io.BytesIO(), io.BytesIO()
    with pa.ipc.new_stream(sent, table.schema) as writer:
        writer.write_table(table, max_chunksize=6)
    sent.seek(0)
    score(Stream(sent, "arrow"), Stream(received, "arrow"))
    scored = pa.ipc.open_stream(received.getvalue()).read_all()
    assert scored.column("text").to_pylist() == texts(20)


def test_rejected_rows_of_a_pipe_are_told_where_asked(tmp_path):
    told = io.BytesIO()
    summary = score(Stream(io.BytesIO(b"text\na\nb,c\n"), "csv"), Stream(io.BytesIO(), "csv", rejected=told))
    assert summary.rejected == 1
    assert json.loads(told.getvalue())["file"] == "standard input"
    assert score(Stream(io.BytesIO(b"text\na\nb,c\n"), "csv"), Stream(io.BytesIO(), "csv")).rejected == 1


def test_parquet_goes_into_a_pipe_but_does_not_come_out_of_one(tmp_path):
    written = io.BytesIO()
    score(Stream(io.BytesIO(b"text\na\n"), "csv"), Stream(written, "parquet"))
    assert pq.read_table(pa.BufferReader(written.getvalue())).num_rows == 1
    with pytest.raises(DataError, match="Parquet cannot be read from a pipe"):
        score(Stream(io.BytesIO(), "parquet"), Stream(io.BytesIO(), "csv"))


def test_addresses_in_and_out(tmp_path, monkeypatch):
    import fsspec

    monkeypatch.chdir(tmp_path)
    memory = fsspec.filesystem("memory")
    memory.pipe("/tables/in.csv", b"text\na\nb,c\n")
    summary = score("memory://tables/in.csv", "memory://tables/out.jsonl")
    assert (summary.rows, summary.rejected) == (1, 1)
    assert json.loads(memory.cat("/tables/out.jsonl"))["emotion"] == emotion("a")
    assert json.loads(memory.cat("/tables/out.jsonl.rejected.jsonl"))["line"] == 3
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match=r"memory://tables/out\.jsonl exists already"):
        score("memory://tables/in.csv", "memory://tables/out.jsonl")


def test_what_was_rejected_before_goes_with_what_was_written_before(tmp_path):
    (tmp_path / "in.csv").write_text("text\na\nb,c\n")
    score(tmp_path / "in.csv", tmp_path / "out.csv")
    assert len(rejected(tmp_path / "out.csv")) == 1
    (tmp_path / "in.csv").write_text("text\na\n")
    score(tmp_path / "in.csv", tmp_path / "out.csv", overwrite=True)
    assert not (tmp_path / "out.csv.rejected.jsonl").exists()


@pytest.mark.parametrize("delimiter", [";", "|", "\t", "^", "]", "\\"])
@pytest.mark.parametrize("target", ["csv", "jsonl", "tsv"])
def test_another_delimiter(tmp_path, delimiter, target):
    rows = [["id", "text"], ["1", f"a{delimiter}b, c"], ["2", 'say "x"']]
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    output = tmp_path / f"out.{target}"
    score(tmp_path / "in.csv", output, delimiter=delimiter, columns=("emotion",))
    expected = [[*row, emotion(row[1])] for row in rows[1:]]
    if target == "jsonl":
        assert [list(row.values()) for row in read(output)] == expected
    else:
        written = csv.reader(io.StringIO(output.read_text()), delimiter="\t" if target == "tsv" else delimiter)
        assert list(written) == [["id", "text", "emotion"], *expected]


def test_a_delimiter_of_what_is_written(tmp_path):
    score(write_parquet(tmp_path / "in.parquet", {"text": ["a; b"]}), tmp_path / "out.csv", delimiter=";")
    assert (tmp_path / "out.csv").read_text().startswith("text;emotion;emotion_score;")
    assert '\n"a; b";' in (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize(
    ("delimiter", "words"),
    [("::", "one character"), ('"', "not a quote"), ("\n", "line end"), (";", "for CSV only")],
)
def test_what_is_no_delimiter(tmp_path, delimiter, words):
    source = write_parquet(tmp_path / "in.parquet", {"text": ["a"]})
    with pytest.raises(DataError, match=words):
        score(source, tmp_path / "out.jsonl", delimiter=delimiter)
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


@pytest.mark.parametrize(("delimiter", "shown"), [(";", ";"), ("\t", r"\\t"), ("|", r"\|")])
def test_a_delimiter_that_was_forgotten_is_suggested(tmp_path, delimiter, shown):
    (tmp_path / "in.csv").write_text(f"id{delimiter}text\n1{delimiter}a\n")
    with pytest.raises(DataError, match=f"its columns are separated by '{shown}'; give --delimiter '{shown}'"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")
