"""The fixed copy: the same files in the same formats, with every row that needs no change as it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from audit.made_rows import LABELS
from emoscope.audit import plan_fix, write_fixed_copy
from emoscope.data import load_splits
from emoscope.errors import DataError
from hub.fixtures import RunWithHub
from hub.repositories import DATASET
from hub.sentences import splits

TABLE = [('one, "quoted"', "calm", "x"), ("two", "cross", "y"), ("two", "cross", "z"), ("a &amp; b", "calm", "w")]
FIXED = [('one, "quoted"', "calm", "x"), ("two", "cross", "y"), ("a & b", "calm", "w")]


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
def test_the_copy_keeps_the_format_and_the_other_columns(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"rows{suffix}"
    write(file)
    write_fixed_copy(file, tmp_path / "out", plan_fix(load_splits(file, labels=LABELS)))
    copy = tmp_path / "out" / file.name
    fixed = load_splits(copy, labels=LABELS)["all"]
    assert fixed.texts == [text for text, _, _ in FIXED]
    assert [LABELS.names[i] for i in fixed.label_ids] == [label for _, label, _ in FIXED]
    if suffix == ".txt":
        assert copy.read_bytes() == b'one, "quoted";calm\r\ntwo;cross\r\na & b;calm\r\n'
    elif suffix != ".parquet":
        more = "more" if suffix != ".jsonl" else '"more"'
        assert more in copy.read_text() and "z" not in copy.read_text()
    log = [json.loads(line) for line in (tmp_path / "out" / "changes.jsonl").read_text().splitlines()]
    assert [(line["number"], line["action"], line.get("new_text")) for line in log] == [
        (3, "drop", None),
        (4, "edit", "a & b"),
    ]


def test_a_table_without_a_header_stays_without(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    write(file, header=False)
    changes = plan_fix(load_splits(file, labels=LABELS, text_column=0, label_column=1))
    write_fixed_copy(file, tmp_path / "out", changes, text_column=0, label_column=1)
    with (tmp_path / "out" / "rows.csv").open(newline="") as copy:
        assert [tuple(row) for row in csv.reader(copy)] == FIXED


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_unchanged_rows_of_a_table_stay_byte_for_byte(tmp_path: Path, suffix: str, end: str) -> None:
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
    write_fixed_copy(file, tmp_path / "out", plan_fix(load_splits(file, labels=LABELS)))
    lines = [lines[0], lines[1].replace("hello  there", "hello there"), *lines[2:4]]
    assert (tmp_path / "out" / file.name).read_bytes() == "".join(f"{line}{end}" for line in lines).encode()
    assert load_splits(tmp_path / "out" / file.name, labels=LABELS)["all"].texts == ["hello there", '"foo" bar', "once"]


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "rows.csv")
    with pytest.raises(DataError, match="exists and is not empty; give another folder"):
        write_fixed_copy(tmp_path / "rows.csv", tmp_path, [])
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_leftovers_of_a_killed_run_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path / "rows.csv")
    (tmp_path / "out.partial").mkdir()
    write_fixed_copy(tmp_path / "rows.csv", tmp_path / "out", [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.partial", "rows.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["changes.jsonl", "rows.csv"]


def test_a_data_set_of_the_hub_becomes_files(run_with_hub: RunWithHub, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    out = tmp_path / "out"
    quiet = {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = run_with_hub(["-m", "emoscope", "audit", "--data", DATASET, "--json", "--fix", str(out)], **quiet)
    assert done.returncode == 0, done.stderr
    changes = [json.loads(line) for line in (out / "changes.jsonl").read_text().splitlines()]
    dropped = {split: sum(line["split"] == split for line in changes) for split in splits()}
    fixed = load_splits(out)
    for split, rows in splits().items():
        assert len(fixed[split]) == len(rows) - dropped[split]
        assert set(zip(fixed[split].texts, fixed[split].label_ids.tolist(), strict=True)) <= set(rows)
    assert '"label": "joy"' in (out / "train.jsonl").read_text("utf-8")
