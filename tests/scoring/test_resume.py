"""Runs that are interrupted: nothing is scored twice, and the bytes are those of an undisturbed run."""

import errno
import io
import json
import os
import re
from pathlib import Path

import pytest
from scoring_fakes import (
    PARTS,
    ROWS,
    HashClassifier,
    NeutralClassifier,
    Stopped,
    names,
    score,
    stopped,
    texts,
    write_parquet,
)

import emoscope
from emoscope.errors import DataError
from emoscope.scoring import ScoreReport, Stream


def change_text(source):
    write_parquet(source, {"id": range(ROWS), "text": [*texts(ROWS)[:-1], "text number XX"]}, row_group_size=11)


def touch(source):
    os.utime(source, (0, 0))


def append(source):
    write_parquet(source, {"id": range(ROWS + 1), "text": texts(ROWS + 1)}, row_group_size=11)


def stop(*_):
    raise Stopped


def report(source, output, page, time_column=None, **options):
    return score(source, output, report=ScoreReport(page, time_column), **options)


@pytest.mark.parametrize("target", ["parquet", "csv", "jsonl.gz", "csv.zst", "arrow"])
@pytest.mark.parametrize("calls", [1, 3, 4])
def test_resumed_run_scores_nothing_twice_and_ends_with_the_same_bytes(source, tmp_path, target, calls):
    whole, output = tmp_path / f"whole.{target}", tmp_path / f"out.{target}"
    score(source, whole)
    stopped(source, output, calls)
    assert names(tmp_path) == sorted(["in.parquet", whole.name, f"{output.name}.parts"])
    rest = HashClassifier()
    score(source, output, classifier=rest, resume=True)
    assert len(rest.calls) == PARTS - calls
    assert output.read_bytes() == whole.read_bytes()
    assert names(tmp_path) == sorted(["in.parquet", whole.name, output.name])


def test_resume_without_a_run_begins_one(source, tmp_path):
    assert score(source, tmp_path / "out.csv", resume=True).rows == ROWS


def test_damaged_parts_are_scored_again(source, tmp_path):
    output = tmp_path / "out.csv"
    stopped(source, output, 3)
    kept = sorted((tmp_path / "out.csv.parts").glob("*.npy"))
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[1].read_bytes()[:40])
    (tmp_path / "out.csv.parts" / "x.npy.123.new").write_bytes(b"torn")
    rest = HashClassifier()
    score(source, output, classifier=rest, resume=True)
    assert len(rest.calls) == PARTS - 1
    score(source, tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("change", [change_text, touch, append])
def test_changed_input_is_an_error(source, tmp_path, change):
    output = tmp_path / "out.csv"
    stopped(source, output)
    change(source)
    with pytest.raises(
        DataError, match=r"its input .*in\.parquet has changed since, or is a different one; give what it began"
    ):
        score(source, output, resume=True)
    assert len(list((tmp_path / "out.csv.parts").glob("*.npy"))) == 2


def test_another_file_in_the_folder_is_an_error(tmp_path):
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
def test_another_model_or_other_options_are_an_error(source, tmp_path, options, words):
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
    manifest = tmp_path / "out.csv.parts" / "manifest.json"
    kept = json.loads(manifest.read_text())
    for name in ("neutral", "coverage", "abstain"):
        del kept["scoring"][name]
    kept.pop("checksum", None)
    manifest.write_text(json.dumps(kept))
    rest = HashClassifier()
    with pytest.raises(DataError, match="neutral was 'column', now it is 'label'"):
        score(source, tmp_path / "out.csv", classifier=NeutralClassifier(), resume=True, neutral="label")
    score(source, tmp_path / "out.csv", classifier=rest, resume=True)
    assert len(rest.calls) == PARTS - 2


def test_probabilities_of_neutral_are_kept(source, tmp_path):
    class Stops(NeutralClassifier):
        def predict_proba(self, asked):
            if len(self.calls) == 3:  # the first is to ask for no text
                raise Stopped
            return super().predict_proba(asked)

    options = {"neutral": "label", "coverage": 0.9, "abstain": 0.5}
    score(source, tmp_path / "whole.csv", classifier=NeutralClassifier(), **options)
    with pytest.raises(Stopped):
        score(source, tmp_path / "out.csv", classifier=Stops(), **options)
    rest = NeutralClassifier()
    score(source, tmp_path / "out.csv", classifier=rest, resume=True, **options)
    assert len([asked for asked in rest.calls if asked]) == PARTS - 2
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_folder_with_something_else_is_left_alone(source, tmp_path, content):
    folder = tmp_path / "out.csv.parts"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    if content is not None:
        (folder / "manifest.json").write_text(content)
    for options in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(DataError, match=r"out\.csv\.parts"):
            score(source, tmp_path / "out.csv", **options)
    assert (folder / "mine.txt").read_text() == "mine"


def test_run_killed_before_it_began_is_ignored(source, tmp_path):
    folder = tmp_path / "out.csv.parts"
    folder.mkdir()
    (folder / "manifest.json.123.new").write_text("{")
    score(source, tmp_path / "out.csv", resume=True)
    assert names(tmp_path) == ["in.parquet", "out.csv"]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_run_killed_while_it_cleans_up_is_finished(source, tmp_path, monkeypatch, kept):
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
def test_after_a_crash_at_the_end_only_the_output_is_moved(source, tmp_path, monkeypatch, step):
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
    assert (summary.rows, summary.rejected, classifier.calls) == (1, 1, [])
    assert names(tmp_path) == ["in.csv", "in.parquet", "out.jsonl", "out.jsonl.rejected.jsonl"]


def test_second_run_into_the_same_output_says_who_writes_it(source, tmp_path):
    output, refused = tmp_path / "out.csv", []

    class Meanwhile(HashClassifier):
        def predict_proba(self, texts):
            if len(self.calls) == 2:
                for options in ({}, {"resume": True}, {"overwrite": True}):
                    with pytest.raises(DataError) as error:
                        score(source, output, **options)
                    refused.append(error.value)
            return super().predict_proba(texts)

    score(source, output, classifier=Meanwhile())
    pattern = rf"out\.csv is being written by process {os.getpid()} of '.*' on '.*' since 20.*; wait"
    assert len(refused) == 3
    assert all(re.search(pattern, str(error)) and error.temporary for error in refused)
    score(source, tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert names(tmp_path) == ["in.parquet", "out.csv", "whole.csv"]


@pytest.mark.parametrize(("begin", "end"), [(128, -32), (0, 30), (0, None)])
def test_damaged_part_is_scored_again_and_said(source, tmp_path, begin, end):
    output = tmp_path / "out.csv"
    stopped(source, output, 3)
    part = min((tmp_path / "out.csv.parts").glob("*.npy"))
    content = bytearray(part.read_bytes())
    content[begin:end] = bytes(len(content[begin:end]))
    part.write_bytes(content)
    rest = HashClassifier()
    assert score(source, output, classifier=rest, resume=True).damaged_parts == 1
    assert len(rest.calls) == PARTS - 2
    score(source, tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"part_rows": 7', b'"part_rows": 8'),
        (b'"inputs": {', b'"inputs": [{'),
        (b'"output": {}', b'"output": {"table": "../../mine"}'),
        (b'"output": {}', b'"output": 5'),
        (b'"result": null', b'"result": "x"'),
        (b'"result": null', b'"result": ' + b"[" * 100_000),
        (b'"scoring"', b'"scor\xff\xfe"'),
    ],
)
def test_damaged_manifest_is_an_error(source, tmp_path, old, new):
    stopped(source, tmp_path / "out.csv")
    manifest = tmp_path / "out.csv.parts" / "manifest.json"
    content = manifest.read_bytes()
    assert old in content
    manifest.write_bytes(content.replace(old, new))
    with pytest.raises(
        DataError, match="is not the folder of an unfinished run that this version can read; move it away"
    ):
        score(source, tmp_path / "out.csv", resume=True)


def test_file_of_another_program_in_the_folder_is_kept(source, tmp_path):
    stopped(source, tmp_path / "out.csv")
    (tmp_path / "out.csv.parts" / "mine.txt").write_text("mine")
    score(source, tmp_path / "out.csv", resume=True)
    assert names(tmp_path / "out.csv.parts") == ["mine.txt"]


@pytest.mark.parametrize("calls", range(0, 16, 3))
def test_disk_that_fails_to_write(source, tmp_path, monkeypatch, calls):
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


def test_run_from_a_pipe_is_resumed_with_the_same_rows(tmp_path):
    content = ("text\n" + "\n".join(texts(ROWS))).encode()
    output = tmp_path / "out.csv"
    stopped(Stream(io.BytesIO(content), "csv"), output, 3)
    rest = HashClassifier()
    score(Stream(io.BytesIO(content), "csv"), output, classifier=rest, resume=True)
    assert len(rest.calls) == PARTS - 3


def test_scores_before_a_failure_of_the_model_are_kept(source, tmp_path):
    stopped(source, tmp_path / "out.csv", 0)
    assert names(tmp_path) == ["in.parquet"]


@pytest.mark.parametrize("calls", [1, 3])
def test_resumed_run_writes_the_same_report(dated, tmp_path, calls):
    class Stops(HashClassifier):
        def predict_proba(self, asked):
            if len(self.calls) == calls:
                raise KeyboardInterrupt
            return super().predict_proba(asked)

    report(dated, tmp_path / "whole.csv", tmp_path / "whole.html", "when")
    with pytest.raises(KeyboardInterrupt):
        report(dated, tmp_path / "out.csv", tmp_path / "page.html", "when", classifier=Stops())
    assert not (tmp_path / "page.html").exists()
    report(dated, tmp_path / "out.csv", tmp_path / "page.html", "when", resume=True)
    assert (tmp_path / "page.html").read_bytes() == (tmp_path / "whole.html").read_bytes()
    assert not (tmp_path / "out.csv.parts").exists()


@pytest.mark.parametrize("first", [True, False])
def test_finished_run_writes_a_report_that_is_added_later(dated, tmp_path, monkeypatch, first):
    def stop(*_):
        raise KeyboardInterrupt

    page = ScoreReport(tmp_path / "page.html")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("emoscope.scoring.target.Target.receive", stop)
        score(dated, tmp_path / "out.csv", report=page if first else None)
    rest = HashClassifier()
    score(dated, tmp_path / "out.csv", report=page, resume=True, classifier=rest)
    assert rest.calls == [] and "30 rows read" in (tmp_path / "page.html").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.csv", "page.html"]
