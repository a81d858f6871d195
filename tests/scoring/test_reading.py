"""Several files as one table."""

import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring_fakes import HashClassifier, emotion, read, score, write, write_parquet

from emoscope.errors import DataError


def test_files_of_a_folder_are_read_in_order(tmp_path):
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
def test_files_that_do_not_fit_together_are_an_error(tmp_path, second, words):
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
def test_numbers_that_do_not_fit_the_widened_type_are_an_error(tmp_path, first, second, asked):
    write_parquet(tmp_path / "1.parquet", {"n": first, "text": ["a"]})
    write_parquet(tmp_path / "2.parquet", {"n": second, "text": ["b"]})
    classifier = HashClassifier()
    words = r"[12]\.parquet: the column 'n' is \w+, with the other files .*; score the files separately"
    with pytest.raises(DataError, match=words):
        score(f"{tmp_path}/[12].parquet", tmp_path / "out.parquet", classifier=classifier, part_rows=1)
    assert classifier.calls == asked


@pytest.mark.parametrize(
    ("first", "second", "column", "words"),
    [
        ("text,n\na,1\n", "n,text\n1,a\n", "text", "has the columns 'n', 'text', .* 'text', 'n'; .* in the same order"),
        ("text,n\na,1\n", "text,m\na,1\n", "text", "has the columns 'text', 'm', "),
        ("a,1\n", "b,2,extra\n", "0", "has the columns '0', '1', '2', .* '0', '1'; give files with the same columns$"),
    ],
)
def test_csv_files_with_other_columns_are_an_error(tmp_path, first, second, column, words):
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


@pytest.mark.parametrize("name", ["in.csv", "in.parquet", "in.arrow"])
def test_columns_with_one_name_are_an_error(tmp_path, name):
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], ["text", "more", "more"])
    if name == "in.csv":
        (tmp_path / name).write_text("text,more,more\na,b,c\n")
    elif name == "in.parquet":
        pq.write_table(table, tmp_path / name)
    else:
        with pa.ipc.new_file(tmp_path / name, table.schema) as file:
            file.write_table(table)
    with pytest.raises(DataError, match="several columns have the same name; the columns are: 'text', 'more', 'more'"):
        score(tmp_path / name, tmp_path / "out.jsonl")
    if name == "in.csv":
        assert score(tmp_path / name, tmp_path / "out.csv").rows == 1
