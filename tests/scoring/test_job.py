"""Complete jobs: every format to every other, pipes, addresses, and what must not be overwritten."""

import csv
import gzip
import io
import json
import os
import threading
from pathlib import Path

import fsspec
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring_fakes import (
    PARTS,
    ROWS,
    HashClassifier,
    emotion,
    names,
    probabilities,
    read,
    rejected,
    score,
    stopped,
    texts,
    write,
    write_parquet,
)

from emoscope import EMOTIONS
from emoscope.errors import DataError
from emoscope.scoring import Job, Scorer, ScoreReport, Scoring, Stream, score_table

ADDED = ["emotion", "emotion_score", *EMOTIONS]


TEXTS = ["first", 'with "quotes", commas', "two\nlines\r\nthree", "first", "", " ", "ünïcode 😀", "tab\there", "\\n"]


NAMES = ["csv", "tsv", "jsonl", "parquet", "arrow", "csv.gz", "csv.zst", "jsonl.gz", "arrow.zst"]


@pytest.fixture
def largest_file():
    """Limits the size of files: writing beyond it fails as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size or before[0], before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def report(source, output, page, time_column=None, **options):
    return score(source, output, report=ScoreReport(page, time_column), **options)


def scored(texts, classifier=None, **options):
    table = pa.table({"id": range(len(texts)), "text": pa.array(texts, pa.string())})
    return Scorer(classifier or HashClassifier(), Scoring("text", **options))(table)


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


def test_pandas_reads_back_its_index(tmp_path):
    frame = pandas.DataFrame({"text": ["a", "b"], "n": [1, 2]}, index=[10, 20])
    frame.to_parquet(tmp_path / "in.parquet")
    score(tmp_path / "in.parquet", tmp_path / "out.parquet")
    scored = pandas.read_parquet(tmp_path / "out.parquet")
    pandas.testing.assert_frame_equal(scored[["text", "n"]], frame)


@pytest.mark.parametrize("target", ["parquet", "csv", "jsonl", "arrow"])
@pytest.mark.parametrize("options", [{}, {"long": "sentences", "sentence_rows": True}])
def test_text_column_of_nulls(tmp_path, target, options):
    source = write_parquet(tmp_path / "in.parquet", {"id": ["1", "2"], "text": pa.nulls(2)})
    summary = score(source, tmp_path / f"out.{target}", **options)
    assert (summary.rows, summary.without_text) == (2, 2)
    assert [(row["id"], row["text"] or None) for row in read(tmp_path / f"out.{target}")] == [("1", None), ("2", None)]


@pytest.mark.parametrize("target", ["csv", "jsonl", "parquet", "arrow", "csv.gz"])
def test_table_without_rows(tmp_path, target):
    (tmp_path / "in.csv").write_text("id,text\n")
    assert score(tmp_path / "in.csv", tmp_path / f"out.{target}").rows == 0
    assert read(tmp_path / f"out.{target}") == []
    if target == "csv":
        assert (tmp_path / "out.csv").read_text() == f"id,text,{','.join(ADDED)}\n"


def test_row_for_each_sentence_in_every_text_format(tmp_path):
    write(tmp_path / "in.jsonl", [{"id": 1, "text": "One. Two."}, {"id": 2, "text": None}])
    options = {"long": "sentences", "sentence_rows": True, "columns": ("emotion",)}
    summary = score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", **options)
    assert (summary.rows_in, summary.rows, summary.without_text) == (2, 3, 1)
    assert [(row["id"], row["text"]) for row in read(tmp_path / "out.jsonl")] == [(1, "One."), (1, "Two."), (2, None)]
    score(tmp_path / "out.jsonl", tmp_path / "again.csv", **options | {"prefix": "p_"})
    assert [row["p_emotion"] for row in read(tmp_path / "again.csv")] == [emotion("One."), emotion("Two."), ""]


def test_pipes(tmp_path):
    written = io.BytesIO()
    content = gzip.compress("".join(f'{{"text": "{text}"}}\n' for text in texts(20)).encode())
    summary = score(Stream(io.BytesIO(content), "jsonl.gz"), Stream(written, "csv"))
    assert summary.rows == 20 and not written.closed
    rows = list(csv.DictReader(io.StringIO(written.getvalue().decode())))
    assert [row["text"] for row in rows] == texts(20)


def test_arrow_is_written_to_a_pipe_as_a_stream(tmp_path):
    table = pa.table({"text": texts(20)})
    sent, received = io.BytesIO(), io.BytesIO()
    with pa.ipc.new_stream(sent, table.schema) as writer:
        writer.write_table(table, max_chunksize=6)
    sent.seek(0)
    score(Stream(sent, "arrow"), Stream(received, "arrow"))
    scored = pa.ipc.open_stream(received.getvalue()).read_all()
    assert scored.column("text").to_pylist() == texts(20)


def test_rejected_rows_of_a_pipe_go_to_their_own_file(tmp_path):
    rejected_rows = io.BytesIO()
    summary = score(Stream(io.BytesIO(b"text\na\nb,c\n"), "csv"), Stream(io.BytesIO(), "csv", rejected=rejected_rows))
    assert summary.rejected == 1
    assert json.loads(rejected_rows.getvalue())["file"] == "standard input"
    assert score(Stream(io.BytesIO(b"text\na\nb,c\n"), "csv"), Stream(io.BytesIO(), "csv")).rejected == 1


def test_parquet_is_written_to_a_pipe_but_not_read_from_one(tmp_path):
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


def test_old_rejected_rows_are_removed_with_the_old_output(tmp_path):
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


def test_delimiter_of_the_output(tmp_path):
    score(write_parquet(tmp_path / "in.parquet", {"text": ["a; b"]}), tmp_path / "out.csv", delimiter=";")
    assert (tmp_path / "out.csv").read_text().startswith("text;emotion;emotion_score;")
    assert '\n"a; b";' in (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize(
    ("delimiter", "words"),
    [("::", "one character"), ('"', "not a quote"), ("\n", "line end"), (";", "for CSV only")],
)
def test_invalid_delimiter_is_an_error(tmp_path, delimiter, words):
    source = write_parquet(tmp_path / "in.parquet", {"text": ["a"]})
    with pytest.raises(DataError, match=words):
        score(source, tmp_path / "out.jsonl", delimiter=delimiter)
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("in.csv", b"", "the first line is blank"),
        ("in.csv", b"id,name\n1,a\n", "no column 'text'; the columns are: 'id', 'name'"),
        ("in.csv", b"text,text\n1,a\n", "more than one column 'text'"),
        ("in.csv", b"text,joy\na,1\n", "there is a column 'joy' already"),
        ("in.csv", b'"text\na\n', "the first line cannot be read"),
        ("in.csv", b"te\xe9t\na\n", "the first line cannot be read .the byte 0xe9 is not valid UTF-8"),
        ("in.jsonl", b'{"a": 1}\n', "no column 'text'; the columns are: 'a'"),
        ("in.jsonl", b'{"text": "a", "emotion": 1}\n', "there is a column 'emotion' already"),
        ("in.parquet", b"PAR1", "not a Parquet file that can be read"),
        ("in.parquet", b"", "not a Parquet file that can be read"),
        ("in.arrow", b"nonsense", "not an Arrow file that can be read"),
        ("in.csv.gz", b"text\na\n", "the compressed data are broken"),
    ],
)
def test_file_that_is_not_a_table_is_an_error_and_leaves_nothing(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        score(tmp_path / name, tmp_path / "out.csv")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_columns_of_the_same_name_can_be_copied_but_not_converted(tmp_path):
    (tmp_path / "in.csv").write_text("text,a,a\nx,1,2\n")
    score(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().startswith("text,a,a,emotion,")
    with pytest.raises(DataError, match="several columns have the same name"):
        score(tmp_path / "in.csv", tmp_path / "out.jsonl")


def test_existing_output_is_an_error_and_left_alone(source, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("mine")
    for resume in (False, True):
        with pytest.raises(DataError, match=r"out\.csv exists already; give another name, or --overwrite"):
            score(source, output, resume=resume)
    assert output.read_text() == "mine" and names(tmp_path) == ["in.parquet", "out.csv"]
    stopped(source, output, overwrite=True)
    assert output.read_text() == "mine"
    score(source, output, resume=True, overwrite=True)
    assert output.read_text().startswith("id,text,emotion")


def test_unfinished_run_is_not_started_again_by_mistake(source, tmp_path):
    output = tmp_path / "out.csv"
    stopped(source, output)
    with pytest.raises(DataError, match=r"out\.csv\.parts keeps 2 parts of an unfinished run; --resume it, or --over"):
        score(source, output)
    fresh = HashClassifier()
    score(source, output, classifier=fresh, overwrite=True)
    assert len(fresh.calls) == PARTS


@pytest.mark.parametrize("target", ["csv", "parquet", "arrow", "jsonl.gz", "jsonl.zst"])
@pytest.mark.parametrize("size", [2500, 9000])
def test_disk_without_room_for_the_output(tmp_path, target, size, largest_file):
    source = write_parquet(tmp_path / "in.parquet", {"text": texts(400)})
    output, whole = tmp_path / f"out.{target}", tmp_path / f"whole.{target}"
    largest_file(size)
    with pytest.raises(DataError, match=r"File too large; \d parts are kept in .*\.parts: fix it, then --resume"):
        score(source, output, part_rows=70)
    largest_file(None)
    assert not output.exists() and list((tmp_path / f"out.{target}.parts").glob("*.output")) == []
    score(source, output, part_rows=70, resume=True)
    score(source, whole, part_rows=70)
    assert output.read_bytes() == whole.read_bytes()


def test_full_pipe_is_an_error_and_a_pipe_cannot_be_resumed(source):
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        score(source, Stream(full, "csv"))
    with pytest.raises(DataError, match="a run into a pipe cannot be resumed; name a file"):
        score(source, Stream(io.BytesIO(), "csv"), resume=True)


def test_output_among_the_inputs_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("text\na\n")
    with pytest.raises(DataError, match=r"a\.csv is among the files to read"):
        score(tmp_path, tmp_path / "a.csv", overwrite=True)
    with pytest.raises(DataError, match=r"a\.csv is among the files to read"):
        score(tmp_path / "a.csv", f"{tmp_path}/../{tmp_path.name}/a.csv", overwrite=True)
    score(tmp_path, tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == "text\na\n"


@pytest.mark.parametrize("scheme", ["", "file://", "local://"])
@pytest.mark.parametrize("other", ["", "file://", "local://"])
def test_address_of_an_input_is_that_input(tmp_path, scheme, other):
    (tmp_path / "a.csv").write_text("text\na\n")
    with pytest.raises(DataError, match=r"a\.csv is among the files to read"):
        score(f"{scheme}{tmp_path}/a.csv", f"{other}{tmp_path}/a.csv", overwrite=True)
    assert (tmp_path / "a.csv").read_text() == "text\na\n"


def test_object_in_a_store_is_not_overwritten_while_it_is_read():
    memory = fsspec.filesystem("memory")
    memory.pipe("/spoiled/a.csv", b"text\na\n")
    with pytest.raises(DataError, match=r"a\.csv is among the files to read"):
        score("memory://spoiled/*.csv", "memory:///spoiled/a.csv", overwrite=True)
    assert memory.cat("/spoiled/a.csv") == b"text\na\n"


def test_rejected_rows_are_not_removed_while_they_are_read(tmp_path):
    source = tmp_path / "out.jsonl.rejected.jsonl"
    source.write_text('{"text": "a"}\n')
    with pytest.raises(DataError, match=r"out\.jsonl\.rejected\.jsonl is among the files to read"):
        score(source, tmp_path / "out.jsonl")
    assert source.read_text() == '{"text": "a"}\n'


@pytest.mark.parametrize("folder", ["out.csv", "out.csv.rejected.jsonl"])
def test_folder_as_output_is_an_error_before_anything_is_done(source, tmp_path, folder):
    (tmp_path / folder).mkdir()
    classifier = HashClassifier()
    with pytest.raises(DataError, match=f"{folder} is a folder; give another name"):
        score(source, tmp_path / "out.csv", overwrite=True, classifier=classifier)
    assert classifier.calls == [] and names(tmp_path) == ["in.parquet", folder]


def test_output_without_a_format_is_an_error_before_anything_is_done(source, tmp_path):
    with pytest.raises(DataError, match=r"out\.txt: no known format"):
        score(source, tmp_path / "out.txt")
    assert names(tmp_path) == ["in.parquet"]


def test_folder_of_the_output_is_made(source, tmp_path):
    score(source, tmp_path / "new" / "folder" / "out.csv")
    assert names(tmp_path / "new" / "folder") == ["out.csv"]


def test_row_groups_are_parts(source, tmp_path):
    score(source, tmp_path / "out.parquet")
    metadata = pq.ParquetFile(tmp_path / "out.parquet").metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [7, 7, 7, 7, 2]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("in.csv", "text\nfirst\n" + "1,row,5\n" * 3, "3 of 4 rows are rejected .* line 3: 3 fields; allowed: 1"),
        ("in.csv", "text\n" + "a,b\n" * 3, "3 of 3 rows are rejected"),
        ("in.jsonl", "text\nfirst\n", "2 of 2 rows are rejected .* line 1: not JSON"),
    ],
)
def test_table_with_most_rows_rejected_is_an_error(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)
    output = tmp_path / f"out{Path(name).suffix}"
    with pytest.raises(DataError, match=f"{reason}.*; fix the input, or allow it with --allow-rejected"):
        score(tmp_path / name, output, allow_rejected=False)
    assert not output.exists() and len(rejected(output)) in (2, 3)
    pipe = io.BytesIO(content.encode())
    with pytest.raises(DataError, match="rows are rejected; the first is standard input, line"):
        job = Job(Stream(pipe, name), Stream(io.BytesIO(), name), Scoring("text"))
        score_table(job, HashClassifier())
    classifier = HashClassifier()
    summary = score(tmp_path / name, output, classifier=classifier, resume=True)
    assert (summary.rows, classifier.calls) == (content.count("first\n") if name == "in.csv" else 0, [])
    assert output.exists() and not output.with_name(f"{output.name}.parts").exists()


def test_half_of_the_rows_may_be_rejected(tmp_path):
    (tmp_path / "in.csv").write_text("text\none\ntwo,three\n")
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", allow_rejected=False).rejected == 1


@pytest.mark.parametrize("content", ['[{"text": "a"}]', '{\n"text": "a"\n}', '{"text": "a"},\n{"text": "b"}\n'])
def test_json_of_another_layout_is_an_error_without_output(tmp_path, content):
    (tmp_path / "in.jsonl").write_text(content)
    with pytest.raises(DataError, match=r"in\.jsonl: the first line begins"):
        score(tmp_path / "in.jsonl", tmp_path / "out.csv")
    assert names(tmp_path) == ["in.jsonl"]


def test_summary_and_progress(source, tmp_path):
    seen = []
    classifier = HashClassifier()
    job = Job(source, tmp_path / "out.csv", Scoring("text", part_rows=7))
    summary = score_table(job, classifier, seen.append)
    assert [progress.rows for progress in seen] == [7, 14, 21, 28, 30]
    assert seen[-1].total == ROWS and all(7 <= progress.total <= ROWS for progress in seen)
    assert (summary.rows_in, summary.rows, summary.without_text, summary.rejected) == (ROWS, ROWS, 0, 0)
    assert sum(summary.labels.values()) == ROWS and list(summary.labels) == list(classifier.labels)
    assert summary.rows_per_second == pytest.approx(ROWS / summary.seconds)


def test_model_is_called_in_the_calling_thread(source, tmp_path):
    """So that Ctrl-C reaches it."""
    threads = []

    class Noting(HashClassifier):
        def predict_proba(self, texts):
            threads.append(threading.current_thread())
            return super().predict_proba(texts)

    score(source, tmp_path / "out.csv", classifier=Noting())
    assert set(threads) == {threading.current_thread()}


def test_existing_report_is_an_error_before_anything_is_done(dated, tmp_path):
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(DataError, match=r"page\.html exists already; name another report, or give --overwrite"):
        report(dated, tmp_path / "out.csv", tmp_path / "page.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "page.html"]
    report(dated, tmp_path / "out.csv", tmp_path / "page.html", overwrite=True)
    assert "30 rows read" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["in.parquet", "out.csv", "./out.csv", "new/../out.csv", "out.csv.rejected.jsonl"])
def test_report_with_the_name_of_a_table_is_an_error(dated, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="is read, or takes the table or its rejected rows; name another report"):
        report(dated, "out.csv", name, overwrite=True)


def test_report_in_the_folder_of_the_run_is_an_error(dated, tmp_path):
    with pytest.raises(DataError, match="is in a folder that is removed at the end; name another report"):
        report(dated, tmp_path / "out.csv", tmp_path / "out.csv.parts" / "page.html")
    assert names(tmp_path) == ["in.parquet"]


def test_output_that_is_a_link_is_followed(source, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "out.csv").symlink_to(tmp_path / "there" / "real.csv")
    score(source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").is_symlink()
    assert len((tmp_path / "there" / "real.csv").read_text().splitlines()) == ROWS + 1
    assert names(tmp_path) == ["in.parquet", "out.csv", "there"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["out.csv", "out.csv.rejected.jsonl"])
def test_output_that_is_a_pipe_is_an_error(source, tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=f"{name} is a pipe or a device; give a file, or '-' for standard output"):
        score(source, tmp_path / "out.csv", overwrite=True)
    assert (tmp_path / name).is_fifo() and names(tmp_path) == ["in.parquet", name]


def test_folder_as_report_is_an_error_before_anything_is_done(dated, tmp_path):
    (tmp_path / "page.html").mkdir()
    with pytest.raises(DataError, match=r"page\.html is a folder; name a file for the report"):
        report(dated, tmp_path / "out.csv", tmp_path / "page.html", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "page.html"]


def test_folder_of_the_report_is_made(dated, tmp_path):
    report(dated, tmp_path / "out.csv", tmp_path / "new" / "page.html")
    assert (tmp_path / "new" / "page.html").exists()


def test_table_into_a_pipe_has_a_report(dated, tmp_path):
    job = Job(dated, Stream(io.BytesIO(), "csv"), Scoring("text"), report=ScoreReport(tmp_path / "page.html"))
    score_table(job, HashClassifier())
    assert "30 rows read" in (tmp_path / "page.html").read_text("utf-8")
    with pytest.raises(DataError, match="exists already"):
        score_table(job, HashClassifier())
