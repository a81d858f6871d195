"""The job: its output appears whole or not, and goes on after whatever stopped it."""

import errno
import io
import os
import threading
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
from scoring_fakes import HashClassifier, score, texts, write_parquet

import emoscope
from emoscope.errors import DataError
from emoscope.scoring import Job, Scoring, Stream, score_table

ROWS = 30
PARTS = 5  # of 7 rows


class Stopped(Exception):  # noqa: N818 - it stands for a kill
    pass


class StopsAfter(HashClassifier):
    """Fails once it has been asked so often."""

    def __init__(self, calls):
        super().__init__()
        self._calls = calls

    def predict_proba(self, texts):
        if len(self.asked) == self._calls:
            raise Stopped
        return super().predict_proba(texts)


@pytest.fixture
def source(tmp_path):
    return write_parquet(tmp_path / "in.parquet", {"id": range(ROWS), "text": texts(ROWS)}, row_group_size=11)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def stopped(source, output, calls=2, **options):
    with pytest.raises(Stopped):
        score(source, output, classifier=StopsAfter(calls), **options)


@pytest.mark.parametrize("target", ["parquet", "csv", "jsonl.gz", "csv.zst", "arrow"])
@pytest.mark.parametrize("calls", [1, 3, 4])
def test_a_resumed_run_scores_nothing_twice_and_ends_with_the_same_bytes(source, tmp_path, target, calls):
    whole, output = tmp_path / f"whole.{target}", tmp_path / f"out.{target}"
    score(source, whole)
    stopped(source, output, calls)
    assert names(tmp_path) == sorted(["in.parquet", whole.name, f"{output.name}.parts"])
    rest = HashClassifier()
    score(source, output, classifier=rest, resume=True)
    assert len(rest.asked) == PARTS - calls
    assert output.read_bytes() == whole.read_bytes()
    assert names(tmp_path) == sorted(["in.parquet", whole.name, output.name])


def test_resume_without_a_run_begins_one(source, tmp_path):
    assert score(source, tmp_path / "out.csv", resume=True).rows == ROWS


def test_parts_that_are_not_whole_are_scored_again(source, tmp_path):
    output = tmp_path / "out.csv"
    stopped(source, output, 3)
    kept = sorted((tmp_path / "out.csv.parts").glob("*.npy"))
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[1].read_bytes()[:40])
    (tmp_path / "out.csv.parts" / "x.npy.123.new").write_bytes(b"torn")
    rest = HashClassifier()
    score(source, output, classifier=rest, resume=True)
    assert len(rest.asked) == PARTS - 1
    score(source, tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_output_that_is_there_is_refused_and_left_as_it_is(source, tmp_path):
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


def test_an_unfinished_run_is_not_begun_again_by_mistake(source, tmp_path):
    output = tmp_path / "out.csv"
    stopped(source, output)
    with pytest.raises(DataError, match=r"out\.csv\.parts keeps 2 parts of an unfinished run; --resume it, or --over"):
        score(source, output)
    fresh = HashClassifier()
    score(source, output, classifier=fresh, overwrite=True)
    assert len(fresh.asked) == PARTS


def change_text(source):
    write_parquet(source, {"id": range(ROWS), "text": [*texts(ROWS)[:-1], "text number XX"]}, row_group_size=11)


def touch(source):
    os.utime(source, (0, 0))


def append(source):
    write_parquet(source, {"id": range(ROWS + 1), "text": texts(ROWS + 1)}, row_group_size=11)


@pytest.mark.parametrize("change", [change_text, touch, append])
def test_a_changed_input_is_refused(source, tmp_path, change):
    output = tmp_path / "out.csv"
    stopped(source, output)
    change(source)
    with pytest.raises(
        DataError, match=r"its input .*in\.parquet has changed since, or is a different one; give what it began"
    ):
        score(source, output, resume=True)
    assert len(list((tmp_path / "out.csv.parts").glob("*.npy"))) == 2


def test_another_file_in_the_folder_is_refused(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1.csv").write_text("text\n" + "\n".join(texts(ROWS)))
    stopped(folder, tmp_path / "out.csv")
    (folder / "2.csv").write_text("text\nmore\n")
    with pytest.raises(DataError, match=r"2\.csv has changed since, or is a different one"):
        score(folder, tmp_path / "out.csv", resume=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "another"}, "it was begun with another model"),
        ({"columns": ("joy",)}, r"columns was None, now it is \['joy'\]"),
        ({"part_rows": 8}, "part_rows was 7, now it is 8"),
        ({"long": "truncate"}, "long was 'windows', now it is 'truncate'"),
        ({"delimiter": ";"}, "delimiter was None, now it is ';'"),
    ],
)
def test_another_model_or_other_options_are_refused(source, tmp_path, options, words):
    output = tmp_path / "out.csv"
    stopped(source, output)
    with pytest.raises(DataError, match=f"keeps a run that cannot be continued: {words}"):
        score(source, output, resume=True, **options)


def test_run_of_another_version_is_an_error(source, tmp_path, monkeypatch):
    monkeypatch.setattr(emoscope, "__version__", "98")
    stopped(source, tmp_path / "out.csv")
    monkeypatch.setattr(emoscope, "__version__", "99")
    with pytest.raises(DataError, match="emoscope was '98', now it is '99'"):
        score(source, tmp_path / "out.csv", resume=True)


def test_run_of_0_1_is_continued(source, tmp_path, monkeypatch):
    monkeypatch.setattr(emoscope, "__version__", "0.1.0")
    stopped(source, tmp_path / "out.csv")
    monkeypatch.setattr(emoscope, "__version__", "0.2.0")
    rest = HashClassifier()
    score(source, tmp_path / "out.csv", classifier=rest, resume=True)
    assert len(rest.asked) == PARTS - 2


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_a_folder_of_something_else_is_left_alone(source, tmp_path, content):
    folder = tmp_path / "out.csv.parts"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    if content is not None:
        (folder / "manifest.json").write_text(content)
    for options in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(DataError, match=r"out\.csv\.parts"):
            score(source, tmp_path / "out.csv", **options)
    assert (folder / "mine.txt").read_text() == "mine"


def test_a_run_killed_before_it_began_is_no_run(source, tmp_path):
    folder = tmp_path / "out.csv.parts"
    folder.mkdir()
    (folder / "manifest.json.123.new").write_text("{")
    score(source, tmp_path / "out.csv", resume=True)
    assert names(tmp_path) == ["in.parquet", "out.csv"]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_run_killed_while_it_cleans_up_is_finished(source, tmp_path, monkeypatch, kept):
    output, original = tmp_path / "out.csv", Path.unlink
    left = iter(range(kept))

    def unlink(path, **options):
        if path.parent.suffix == ".parts" and next(left, None) is None:
            raise Stopped
        original(path, **options)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Path, "unlink", unlink)
        score(source, output)
    content = output.read_bytes() if output.exists() else None
    score(source, output, resume=True)
    assert names(tmp_path) == ["in.parquet", "out.csv"]
    assert content in (None, output.read_bytes())


@pytest.mark.parametrize("step", ["receive", "remove"])
def test_a_crash_after_the_last_row_only_puts_the_output_in_place(source, tmp_path, monkeypatch, step):
    (tmp_path / "in.csv").write_text("text\na\nb,c\n")
    output = tmp_path / "out.jsonl"
    owner = "emoscope.scoring.target.Target" if step == "receive" else "emoscope.scoring.resume.WorkFolder"
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(f"{owner}.{step}", stop)
        score(tmp_path / "in.csv", output)
    assert output.exists() == (step == "remove")
    with pytest.raises(DataError):
        score(tmp_path / "in.csv", output)
    classifier = HashClassifier()
    summary = score(tmp_path / "in.csv", output, classifier=classifier, resume=True)
    assert (summary.rows, summary.rejected, classifier.asked) == (1, 1, [])
    assert names(tmp_path) == ["in.csv", "in.parquet", "out.jsonl", "out.jsonl.rejected.jsonl"]


def stop(*_):
    raise Stopped


def test_two_runs_at_once_do_not_spoil_each_other(source, tmp_path, monkeypatch):
    """While one runs, another takes its folder over: the one that comes last finds its files gone, and says so."""
    output = tmp_path / "out.csv"

    class Meanwhile(HashClassifier):
        def predict_proba(self, texts):
            if len(self.asked) == 2:
                with monkeypatch.context() as patch:
                    patch.setattr(os, "getpid", lambda: 99)
                    score(source, output, resume=True)
            return super().predict_proba(texts)

    with pytest.raises(DataError, match="No such file"):
        score(source, output, classifier=Meanwhile())
    score(source, tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("calls", range(0, 16, 3))
def test_a_disk_that_fails_to_keep_something(source, tmp_path, monkeypatch, calls):
    output, left, fsync = tmp_path / "out.csv", iter(range(calls)), os.fsync

    def failing(handle):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    with monkeypatch.context() as patch, pytest.raises(DataError, match="No space left on device"):
        patch.setattr(os, "fsync", failing)
        score(source, output)
    score(source, output, resume=True)
    score(source, tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.fixture
def largest_file():
    """Sets how large a file may grow: what is written beyond it fails as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size or before[0], before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("target", ["csv", "parquet", "arrow", "jsonl.gz", "jsonl.zst"])
@pytest.mark.parametrize("size", [2500, 9000])
def test_a_disk_without_room_for_the_output(tmp_path, target, size, largest_file):
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


def test_a_pipe_that_is_full_is_an_error_and_one_cannot_be_resumed(source):
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        score(source, Stream(full, "csv"))
    with pytest.raises(DataError, match="a run into a pipe cannot be resumed; name a file"):
        score(source, Stream(io.BytesIO(), "csv"), resume=True)


def test_a_run_from_a_pipe_is_resumed_with_the_same_rows(tmp_path):
    content = ("text\n" + "\n".join(texts(ROWS))).encode()
    output = tmp_path / "out.csv"
    stopped(Stream(io.BytesIO(content), "csv"), output, 3)
    rest = HashClassifier()
    score(Stream(io.BytesIO(content), "csv"), output, classifier=rest, resume=True)
    assert len(rest.asked) == PARTS - 3


def test_output_among_the_inputs_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text\na\n")
    with pytest.raises(DataError, match=r"a\.csv is among the files to read"):
        score(tmp_path, tmp_path / "a.csv", overwrite=True)
    with pytest.raises(DataError, match=r"a\.csv is among the files to read"):
        score(tmp_path / "a.csv", f"{tmp_path}/../{tmp_path.name}/a.csv", overwrite=True)
    score(tmp_path, tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == "text\na\n"


@pytest.mark.parametrize("scheme", ["", "file://", "local://"])
@pytest.mark.parametrize("other", ["", "file://", "local://"])
def test_an_address_of_an_input_is_that_input(tmp_path, scheme, other):
    (tmp_path / "a.csv").write_text("text\na\n")
    with pytest.raises(DataError, match=r"a\.csv is among the files to read"):
        score(f"{scheme}{tmp_path}/a.csv", f"{other}{tmp_path}/a.csv", overwrite=True)
    assert (tmp_path / "a.csv").read_text() == "text\na\n"


def test_an_object_in_a_store_is_not_written_over_while_it_is_read():
    memory = fsspec.filesystem("memory")
    memory.pipe("/spoiled/a.csv", b"text\na\n")
    with pytest.raises(DataError, match=r"a\.csv is among the files to read"):
        score("memory://spoiled/*.csv", "memory:///spoiled/a.csv", overwrite=True)
    assert memory.cat("/spoiled/a.csv") == b"text\na\n"


def test_rows_that_were_rejected_are_not_removed_while_they_are_read(tmp_path):
    source = tmp_path / "out.jsonl.rejected.jsonl"
    source.write_text('{"text": "a"}\n')
    with pytest.raises(DataError, match=r"out\.jsonl\.rejected\.jsonl is among the files to read"):
        score(source, tmp_path / "out.jsonl")
    assert source.read_text() == '{"text": "a"}\n'


@pytest.mark.parametrize("folder", ["out.csv", "out.csv.rejected.jsonl"])
def test_a_folder_in_the_place_of_the_output_is_refused_before_anything_is_done(source, tmp_path, folder):
    (tmp_path / folder).mkdir()
    classifier = HashClassifier()
    with pytest.raises(DataError, match=f"{folder} is a folder; give another name"):
        score(source, tmp_path / "out.csv", overwrite=True, classifier=classifier)
    assert classifier.asked == [] and names(tmp_path) == ["in.parquet", folder]


def test_an_output_without_a_format_is_refused_before_anything_is_done(source, tmp_path):
    with pytest.raises(DataError, match=r"out\.txt: no known format"):
        score(source, tmp_path / "out.txt")
    assert names(tmp_path) == ["in.parquet"]


def test_the_folder_of_the_output_is_made(source, tmp_path):
    score(source, tmp_path / "new" / "folder" / "out.csv")
    assert names(tmp_path / "new" / "folder") == ["out.csv"]


def test_a_model_that_fails_leaves_what_it_said(source, tmp_path):
    stopped(source, tmp_path / "out.csv", 0)
    assert names(tmp_path) == ["in.parquet"]


def test_row_groups_are_parts(source, tmp_path):
    score(source, tmp_path / "out.parquet")
    metadata = pq.ParquetFile(tmp_path / "out.parquet").metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [7, 7, 7, 7, 2]


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


def test_the_model_is_asked_in_the_calling_thread(source, tmp_path):
    """So that Ctrl-C reaches it."""
    threads = []

    class Noting(HashClassifier):
        def predict_proba(self, texts):
            threads.append(threading.current_thread())
            return super().predict_proba(texts)

    score(source, tmp_path / "out.csv", classifier=Noting())
    assert set(threads) == {threading.current_thread()}
