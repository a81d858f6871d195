"""emoscope audit: reports, exit codes and the fixed copy."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

for module in ("sklearn", "cleanlab", "datasketch"):
    pytest.importorskip(module)

from emoscope.cli import main
from emoscope.data import load_splits
from emoscope.labels import Labels

LABELS = Labels(("calm", "cross"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.txt").write_text("one;calm\ntwo;cross\ntwo;calm\nthree;cross\n")
    (tmp_path / "data" / "dev.txt").write_text("three;cross\nfour;calm\n")
    return tmp_path / "data"


def test_strict_fails_on_errors(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, page = tmp_path / "out", tmp_path / "page.html"
    assert main(["audit", "--data", str(folder)]) == 0
    assert main(["audit", "--data", str(folder), "--strict", "--fix", str(out), "--report", str(page)]) == 1
    assert "3 rows dropped, 0 edited" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["changes.jsonl", "dev.txt", "train.txt"]
    assert (out / "train.txt").read_text() == "one;calm\n"
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert main(["audit", "--data", str(out), "--labels", "calm,cross", "--strict"]) == 1  # no cross is left in train


def test_json_has_the_issues_and_the_old_keys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--data", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [issue["kind"] for issue in found["issues"] if issue["certain"]] == [
        "duplicates",
        "contradictions",
        "overlap",
    ]
    old = {key: found[key] for key in ("problems", "refused", "label_errors")}
    assert old == {"problems": found["issues"], "refused": [], "label_errors": None}
    assert found["repeats"][0]["rows"] == [
        {"split": "train", "number": 2, "label": "cross"},
        {"split": "train", "number": 3, "label": "calm"},
    ]


def test_unreadable_data_is_an_error_on_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.txt").write_text("one;calm\nno label at all\n")
    assert main(["audit", "--data", str(tmp_path / "rows.txt")]) == 1
    assert "line 2: no label, found 'no label at all'" in capsys.readouterr().err
    (tmp_path / "rows.txt").write_text(";calm\n")
    assert main(["audit", "--data", str(tmp_path / "rows.txt")]) == 1
    assert "no row can be used; the first: no text" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv"])
def test_rejected_rows_are_dropped_and_the_others_keep_their_order(tmp_path: Path, suffix: str) -> None:
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
    fixed = load_splits(out / file.name, labels=LABELS)["all"]
    assert (fixed.texts, fixed.label_ids.tolist()) == (["one", "three"], [0, 1])
    log = [json.loads(line) for line in (out / "changes.jsonl").read_text().splitlines()]
    assert [(line["number"], line["reason"].split(",")[0].split(";")[0]) for line in log] == [
        (2, "no text"),
        (3, "unknown label 'clam'"),
        (5, "repeats row 4"),
        (6, "no label"),
    ]


def test_lone_surrogates_are_dropped_in_texts_and_kept_in_other_columns(tmp_path: Path) -> None:
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


def test_a_split_without_any_rows_left_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.txt").write_text("one;calm\ntwo;cross\n;calm\n")
    (tmp_path / "test.txt").write_text("two;cross\none;calm\nthree;cross\n")
    assert main(["audit", "--data", str(tmp_path), "--labels", "calm,cross", "--fix", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        "emoscope audit: error: the fixed copy would have no rows in train: all 3 would be dropped, 2 of them with "
        "the reason 'also in test'; read the audit, then split the rows again or remove that split\n"
    )
    assert not (tmp_path / "out").exists()
