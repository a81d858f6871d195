"""The mended copy: nothing certain is wrong in it, and what was right is as it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

for module in ("sklearn", "cleanlab", "datasketch"):
    pytest.importorskip(module)

from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.audit import audit, plan_fix, write_repair
from emoscope.cli import main
from emoscope.data import Examples, load_splits
from emoscope.errors import DataError
from emoscope.labels import Labels
from hub.fixtures import RunWithHub
from hub.repositories import DATASET
from hub.sentences import splits

LABELS = Labels(("calm", "cross"))
ROWS = st.lists(
    st.tuples(st.sampled_from(["a", " a", "a &amp; b", "a &#38;amp; b", "a & b", "c", "&nbsp;"]), st.integers(0, 1))
)


def examples(pairs: list[tuple[str, int]], split: str) -> Examples:
    return Examples([text for text, _ in pairs], np.array([i for _, i in pairs]), LABELS, "made", split)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_after_the_repair_nothing_certain_is_wrong(train: list[tuple[str, int]], test: list[tuple[str, int]]) -> None:
    train, test = [*train, ("stays in train", 0)], [*test, ("stays in test", 1)]
    splits = {"train": examples(train, "train"), "test": examples(test, "test")}
    changes = {(change.row.split, change.row.number): change.new_text for change in plan_fix(splits)}
    mended = {}
    for split, pairs in (("train", train), ("test", test)):
        texts = [(changes.get((split, n), text), i) for n, (text, i) in enumerate(pairs, 1)]
        mended[split] = [(text, i) for text, i in texts if text is not None]
    texts = [text for part in mended.values() for text, _ in part]
    assert len(set(texts)) == len(texts) and all(text.strip() for text in texts)
    mended_splits = {split: examples(pairs, split) for split, pairs in mended.items()}
    found = audit(mended_splits)
    assert {problem.kind for problem in found.problems if problem.certain} <= {"missing label"}
    assert plan_fix(mended_splits) == []


def test_which_rows_go_and_why() -> None:
    train = [("twice", 0), ("twice", 0), ("torn", 0), ("torn", 1), ("most", 0), ("most", 1), ("most", 1), ("leak", 0)]
    changes = plan_fix({"train": examples(train, "train"), "test": examples([("leak", 1)], "test")})
    assert [(change.row.split, change.row.number, change.reason) for change in changes] == [
        ("train", 2, "repeats row 1"),
        ("train", 3, "the same text has the labels calm, cross, none of them most often"),
        ("train", 4, "the same text has the labels calm, cross, none of them most often"),
        ("train", 5, "contradicts cross in row 6"),
        ("train", 7, "repeats row 6"),
        ("train", 8, "stands in test too, as cross"),
    ]


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("tom &amp; jerry", "tom & jerry"),
        ("tom &amp;amp; jerry", "tom & jerry"),
        ("1 &amp;lt; 2,&amp;nbsp; &#38;#233;", "1 < 2, é"),
        ("a &nosuchentity; b", "a &nosuchentity; b"),
    ],
)
def test_entities_are_decoded_however_often_they_were_escaped(text: str, mended: str) -> None:
    assert [change.new_text for change in plan_fix({"all": examples([(text, 0)], "all")})] == [mended] * (
        text != mended
    )


def test_a_split_that_would_be_empty_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.txt").write_text("one;calm\ntwo;cross\n;calm\n")
    (tmp_path / "test.txt").write_text("two;cross\none;calm\nthree;cross\n")
    assert main(["audit", "--data", str(tmp_path), "--labels", "calm,cross", "--fix", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        "emoscope audit: error: the mended copy would have no row of train: all 3 would be dropped, 2 of them because "
        "of 'stands in test too'; see what the audit lists, and split the rows anew or take that split out\n"
    )
    assert not (tmp_path / "out").exists()


TABLE = [('one, "quoted"', "calm", "x"), ("two", "cross", "y"), ("two", "cross", "z"), ("a &amp; b", "calm", "w")]
MENDED = [('one, "quoted"', "calm", "x"), ("two", "cross", "y"), ("a & b", "calm", "w")]


def write(file: Path, header: bool = True) -> None:
    if file.suffix == ".txt":
        file.write_bytes("".join(f"{text};{label}\r\n" for text, label, _ in TABLE).encode("utf-8-sig"))
    elif file.suffix == ".jsonl":
        lines = (json.dumps({"more": more, "text": text, "label": label}) for text, label, more in TABLE)
        file.write_text("\n".join(lines))
    elif file.suffix == ".parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.table(dict(zip(("text", "label", "more"), zip(*TABLE, strict=True), strict=True))), file)
    else:
        with file.open("w", newline="") as sink:
            writer = csv.writer(sink, delimiter="\t" if file.suffix == ".tsv" else ",")
            writer.writerows([("text", "label", "more")] * header + TABLE)


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".parquet", ".csv", ".tsv"])
def test_the_copy_has_the_format_and_the_other_columns(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"rows{suffix}"
    write(file)
    write_repair(file, tmp_path / "out", plan_fix(load_splits(file, labels=LABELS)))
    copy = tmp_path / "out" / file.name
    mended = load_splits(copy, labels=LABELS)["all"]
    assert mended.texts == [text for text, _, _ in MENDED]
    assert [LABELS.names[i] for i in mended.label_ids] == [label for _, label, _ in MENDED]
    if suffix == ".txt":
        assert copy.read_bytes() == b'one, "quoted";calm\r\ntwo;cross\r\na & b;calm\n'
    elif suffix != ".parquet":
        more = "more" if suffix != ".jsonl" else '"more"'
        assert more in copy.read_text() and "z" not in copy.read_text()
    log = [json.loads(line) for line in (tmp_path / "out" / "changes.jsonl").read_text().splitlines()]
    assert [(line["number"], line["action"], line.get("new_text")) for line in log] == [
        (3, "drop", None),
        (4, "edit", "a & b"),
    ]


def test_a_table_without_a_header(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    write(file, header=False)
    changes = plan_fix(load_splits(file, labels=LABELS, text_column=0, label_column=1))
    write_repair(file, tmp_path / "out", changes, text_column=0, label_column=1)
    with (tmp_path / "out" / "rows.csv").open(newline="") as copy:
        assert [tuple(row) for row in csv.reader(copy)] == MENDED


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_of_a_table_that_stay_are_as_they_were_and_the_copy_can_be_read(
    tmp_path: Path, suffix: str, end: str
) -> None:
    rows = [
        '"label",note,text',
        'calm,"a\rb",hello  there',
        '"cross",x,"""foo"" bar"',
        'cross,"c\nd",once',
        "cross,,once",
    ]
    lines = [row.replace(",", "\t" if suffix == ".tsv" else ",") for row in rows]
    file = tmp_path / f"rows{suffix}"
    file.write_bytes(end.join(lines).encode())
    write_repair(file, tmp_path / "out", plan_fix(load_splits(file, labels=LABELS)))
    lines = [lines[0], lines[1].replace("hello  there", "hello there"), *lines[2:4]]
    assert (tmp_path / "out" / file.name).read_bytes() == "".join(f"{line}{end}" for line in lines).encode()
    assert load_splits(tmp_path / "out" / file.name, labels=LABELS)["all"].texts == ["hello there", '"foo" bar', "once"]


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "rows.csv")
    with pytest.raises(DataError, match="exists and is not empty; give another folder"):
        write_repair(tmp_path / "rows.csv", tmp_path, [])
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_what_a_killed_run_left_does_not_stand_in_the_way(tmp_path: Path) -> None:
    write(tmp_path / "rows.csv")
    (tmp_path / "out.partial").mkdir()
    write_repair(tmp_path / "rows.csv", tmp_path / "out", [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.partial", "rows.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["changes.jsonl", "rows.csv"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.txt").write_text("one;calm\ntwo;cross\ntwo;calm\nthree;cross\n")
    (tmp_path / "data" / "dev.txt").write_text("three;cross\nfour;calm\n")
    return tmp_path / "data"


def test_strict_fails_before_the_repair_and_not_after(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "out", tmp_path / "page.html"
    assert main(["audit", "--data", str(folder)]) == 0
    assert main(["audit", "--data", str(folder), "--strict", "--fix", str(out), "--report", str(page)]) == 1
    assert "3 rows dropped, 0 edited" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["changes.jsonl", "dev.txt", "train.txt"]
    assert (out / "train.txt").read_text() == "one;calm\n"
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert main(["audit", "--data", str(out), "--labels", "calm,cross", "--strict"]) == 1  # no cross is left in train


def test_json_holds_the_problems(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--data", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [problem["kind"] for problem in found["problems"] if problem["certain"]] == [
        "duplicates",
        "contradictions",
        "overlap",
    ]
    assert found["repeats"][0]["rows"] == [
        {"split": "train", "number": 2, "label": "cross"},
        {"split": "train", "number": 3, "label": "calm"},
    ]


def test_data_that_cannot_be_read_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.txt").write_text("one;calm\nno label at all\n")
    assert main(["audit", "--data", str(tmp_path / "rows.txt")]) == 1
    assert "line 2: no label, found 'no label at all'" in capsys.readouterr().err
    (tmp_path / "rows.txt").write_text(";calm\n")
    assert main(["audit", "--data", str(tmp_path / "rows.txt")]) == 1
    assert "all rows are bad; the first: no text" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv"])
def test_refused_rows_are_dropped_and_the_others_keep_their_places(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"rows{suffix}"
    table = [("one", "calm"), (" ", "calm"), ("two", "clam"), ("three", "cross"), ("three", "cross"), ("four", "")]
    if suffix == ".txt":
        file.write_text("".join(f"{text};{label}\n" for text, label in table))
    elif suffix == ".jsonl":
        file.write_text("\n".join(json.dumps({"text": text, "label": label}) for text, label in table))
    else:
        with file.open("w", newline="") as sink:
            csv.writer(sink).writerows([("text", "label"), *table])
    out = tmp_path / "out"
    assert main(["audit", "--data", str(file), "--labels", "calm,cross", "--strict", "--fix", str(out)]) == 1
    mended = load_splits(out / file.name, labels=LABELS)["all"]
    assert (mended.texts, mended.label_ids.tolist()) == (["one", "three"], [0, 1])
    log = [json.loads(line) for line in (out / "changes.jsonl").read_text().splitlines()]
    assert [(line["number"], line["reason"].split(",")[0].split(";")[0]) for line in log] == [
        (2, "no text"),
        (3, "unknown label 'clam'"),
        (5, "repeats row 4"),
        (6, "no label"),
    ]


def test_lone_surrogates_are_dropped_as_a_text_and_stay_beside_one(tmp_path: Path) -> None:
    lines = [
        r'{"text": "bad \ud800 text", "label": "calm"}',
        r'{"text": "good", "label": "calm", "more": "\ud800"}',
        r'{"text": "two  words, été", "label": "cross", "more": "\udfff"}',
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    out, page = tmp_path / "out", tmp_path / "page.html"
    data = ["--data", str(tmp_path / "rows.jsonl"), "--labels", "calm,cross"]
    assert main(["audit", *data, "--fix", str(out), "--report", str(page)]) == 0
    kept = r'{"text": "two words, été", "label": "cross", "more": "\udfff"}'
    assert (out / "rows.jsonl").read_text("utf-8").splitlines() == [lines[1], kept]
    log = [json.loads(line) for line in (out / "changes.jsonl").read_text("utf-8").splitlines()]
    assert log[0]["text"] == "bad \ud800 text"
    assert "bad \ufffd text" in page.read_text("utf-8")


def test_a_data_set_of_the_hub_is_mended_into_files(run_with_hub: RunWithHub, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    out = tmp_path / "out"
    quiet = {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = run_with_hub(["-m", "emoscope", "audit", "--data", DATASET, "--json", "--fix", str(out)], **quiet)
    assert done.returncode == 0, done.stderr
    changes = [json.loads(line) for line in (out / "changes.jsonl").read_text().splitlines()]
    dropped = {split: sum(line["split"] == split for line in changes) for split in splits()}
    mended = load_splits(out)
    for split, rows in splits().items():
        assert len(mended[split]) == len(rows) - dropped[split]
        assert set(zip(mended[split].texts, mended[split].label_ids.tolist(), strict=True)) <= set(rows)
    assert '"label": "joy"' in (out / "train.jsonl").read_text("utf-8")
