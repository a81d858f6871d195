"""Checked examples: which rows are good, which labels the data have, fingerprints and subsets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope.data import Examples, hold_out, load_examples, load_splits
from emoscope.errors import DataError
from emoscope.labels import EMOTIONS, Labels
from labelled_files import ALLOWED, ROWS, WRITERS, examples_of, label_sets, labelled, message, message_of, rows_of


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"a b;joy\nc d;\n", f"a.txt, line 2: no label, found ''; {ALLOWED}"),
        (
            "a.txt",
            b"a b;joy\n;joy\n",
            "a.txt, line 2: no text, found ''; allowed: a string that is not blank",
        ),
        ("a.txt", b" \t;joy\n", r"a.txt, line 1: no text, found ' \t'; allowed: a string that is not blank"),
        ("a.txt", b"a b;glee\n", f"a.txt, line 1: unknown label 'glee'; {ALLOWED}"),
        ("a.txt", b"a b; \n", f"a.txt, line 1: no label, found ''; {ALLOWED}"),
        ("a.txt", b"a b;6\n", f"a.txt, line 1: unknown label '6'; {ALLOWED}"),
        ("a.txt", b"a b;" + b"x" * 999, f"a.txt, line 1: unknown label '{'x' * 56}...; {ALLOWED}"),
        ("a.csv", b"text,label\na,\n", f"a.csv, line 2: no label, found ''; {ALLOWED}"),
        ("a.csv", b"text,label\na,1.5\n", f"a.csv, line 2: unknown label '1.5'; {ALLOWED}"),
        (
            "a.csv",
            b"text,label\n,joy\n",
            "a.csv, line 2: no text, found ''; allowed: a string that is not blank",
        ),
        ("a.jsonl", b'{"text": 3, "label": 1}\n', "a.jsonl, line 1: the text is 3; allowed: a string"),
        ("a.jsonl", b'{"text": null, "label": 1}\n', "a.jsonl, line 1: the text is None; allowed: a string"),
        ("a.jsonl", b'{"text": "a", "label": null}', f"a.jsonl, line 1: no label, found None; {ALLOWED}"),
        ("a.jsonl", b'{"text": "a", "label": true}', f"a.jsonl, line 1: unknown label True; {ALLOWED}"),
        ("a.jsonl", b'{"text": "a", "label": 1.5}', f"a.jsonl, line 1: unknown label 1.5; {ALLOWED}"),
        (
            "a.jsonl",
            b'{"text": "a", "label": [1]}',
            f"a.jsonl, line 1: unknown label [1] (several labels need --multi-label); {ALLOWED}",
        ),
        ("a.jsonl", b'{"text": "a", "label": -1}', f"a.jsonl, line 1: unknown label -1; {ALLOWED}"),
        (
            "a.json",
            rb'[{"text": "a \ud83d", "label": 1}]',
            r"a.json, row 1: the text holds the lone surrogate '\ud83d'; allowed: what UTF-8 can encode",
        ),
    ],
)
def test_bad_row_is_an_error(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert message_of(tmp_path, name, content) == expected


# Labels found in the data


@pytest.mark.parametrize("suffix", WRITERS)
def test_labels_are_found_in_the_rows(tmp_path: Path, suffix: str) -> None:
    file = labelled(tmp_path / f"a{suffix}", ["tense", "calm", "tense", "bored"])
    examples = load_examples(file, labels=None)
    assert examples.labels.names == ("bored", "calm", "tense")
    assert examples.label_ids.tolist() == [2, 1, 2, 0]


@pytest.mark.parametrize("labels", [["joy", "fear"], ["1", "4"], ["joy", "4"]])
def test_rows_that_fit_the_six_emotions_get_them(tmp_path: Path, labels: list[str]) -> None:
    examples = load_examples(labelled(tmp_path / "a.csv", labels), labels=None)
    assert examples.labels == Labels()
    assert rows_of(examples) == [("row 0", "joy"), ("row 1", "fear")]


@pytest.mark.parametrize("kind", [int, str])
def test_ids_without_names_are_their_own_names(tmp_path: Path, kind: type) -> None:
    examples = load_examples(labelled(tmp_path / "a.jsonl", map(kind, [10, *range(10)])), labels=None)
    assert examples.labels.names == tuple(map(str, range(11)))
    assert examples.label_ids.tolist() == [10, *range(10)]


def test_ids_with_a_gap_are_an_error(tmp_path: Path) -> None:
    file = labelled(tmp_path / "a.csv", [1, 7])
    assert (
        message(file, labels=None)
        == f"{file}: the label ids are [1, 7], but must be 0, 1, 2 ... without a gap; name the labels"
    )
    assert "the label ids are [-1, 0, 1]" in message(labelled(file, [-1, 0, 1]), labels=None)


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("labels", [Labels(("calm", "tense")), None])
def test_white_space_around_a_label_is_ignored(tmp_path: Path, suffix: str, labels: Labels | None) -> None:
    file = labelled(tmp_path / f"a{suffix}", ["tense", " tense", "calm\t", "calm"])
    examples = load_examples(file, labels=labels)
    assert (examples.labels.names, examples.label_ids.tolist()) == (("calm", "tense"), [1, 1, 0, 0])


def test_several_labels_in_a_cell_are_an_error(tmp_path: Path) -> None:
    file = labelled(tmp_path / "a.tsv", ["3", "7,9"])
    assert message(file, labels=None) == f"{file}: the label '7,9' looks like several; read the data as multi-label"


def test_all_splits_have_the_same_labels(tmp_path: Path) -> None:
    labelled(tmp_path / "train.csv", ["tense", "calm", "bored"])
    labelled(tmp_path / "dev.jsonl", ["tense", "calm"])
    splits = load_splits(tmp_path, labels=None)
    assert {examples.labels.names for examples in splits.values()} == {("bored", "calm", "tense")}
    alone = load_examples(tmp_path, "validation", labels=None)
    assert alone.labels == splits["validation"].labels
    assert alone.label_ids.tolist() == splits["validation"].label_ids.tolist() == [2, 1]


def test_bad_row_is_an_error_if_labels_are_found_too(tmp_path: Path) -> None:
    expected = "line 3: no label, found ''; allowed: calm, or 0 to 0"
    assert message(labelled(tmp_path / "a.csv", ["calm", ""]), labels=None).endswith(expected)


# Several labels a row

SEVERAL = [{"joy", "love"}, set(), {"fear"}, {"anger", "fear", "sadness"}]


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("labels", [Labels(), None])
def test_multi_label_row_has_any_number_of_labels(tmp_path: Path, suffix: str, labels: Labels | None) -> None:
    in_cells = suffix in (".txt", ".csv", ".tsv")
    as_ids = (EMOTIONS.index, lambda name: str(EMOTIONS.index(name)))
    for kind in (str, *(as_ids if labels else ())):  # a few ids alone do not say whose they are
        lists = [[kind(name) for name in sorted(names)] for names in SEVERAL]
        cells = [",".join(map(str, labels)) for labels in lists] if in_cells else lists
        file = labelled(tmp_path / f"a{suffix}", cells)
        examples = load_examples(file, labels=labels, multi_label=True)
        assert label_sets(examples) == SEVERAL
        assert examples.labels == Labels()


def test_labels_of_multi_label_rows_are_found(tmp_path: Path) -> None:
    examples = load_examples(labelled(tmp_path / "a.csv", ["tense, calm", "", "bored"]), labels=None, multi_label=True)
    assert examples.labels.names == ("bored", "calm", "tense")
    assert label_sets(examples) == [{"calm", "tense"}, set(), {"bored"}]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("joy,glee", f"unknown label 'glee'; {ALLOWED}"),
        ("joy,", f"no label, found ''; {ALLOWED}"),
        ([1, 6], f"unknown label 6; {ALLOWED}"),
        ([[1]], f"unknown label [1]; {ALLOWED}"),
        (None, f"no label, found None; {ALLOWED}"),
    ],
)
def test_bad_label_among_several_is_an_error(tmp_path: Path, label: Any, expected: str) -> None:
    file = labelled(tmp_path / "a.jsonl", [[1], label])
    assert message(file, multi_label=True) == f"{file}, line 2: {expected}"


def several(sets: Iterable[set[str]], names: tuple[str, ...] = EMOTIONS) -> Examples:
    rows = list(sets)
    indicators = np.array([[name in row for name in names] for row in rows])
    return Examples([f"row {i}" for i in range(len(rows))], indicators, Labels(names), "made up", None)


def test_multi_label_fingerprint_is_as_documented() -> None:
    def framed(content: bytes) -> bytes:
        return len(content).to_bytes(8, "little") + content

    labels = [framed(framed(b"joy") + framed(b"love")), framed(b"")]
    rows = framed(b"row 0") + labels[0] + framed(b"row 1") + labels[1]
    assert several([{"love", "joy"}, set()]).fingerprint == hashlib.sha256(rows).hexdigest()
    assert several([{"love", "joy"}, set()], EMOTIONS[::-1]).fingerprint == hashlib.sha256(rows).hexdigest()
    assert several([{"love"}, {"joy"}]).fingerprint != several([{"love", "joy"}, set()]).fingerprint


def test_subset_of_multi_label_rows() -> None:
    examples = several(SEVERAL)
    assert label_sets(examples.subset([3, 0])) == [SEVERAL[3], SEVERAL[0]]
    assert label_sets(examples.subset(examples.label_ids[:, EMOTIONS.index("fear")])) == SEVERAL[2:]
    assert not examples_of(ROWS).multi_label


# Fingerprint and subset


@pytest.mark.parametrize("suffix", WRITERS)
def test_fingerprint_is_the_same_in_every_format(tmp_path: Path, suffix: str) -> None:
    WRITERS[suffix](tmp_path / f"mine{suffix}", ROWS)
    assert load_examples(tmp_path / f"mine{suffix}").fingerprint == examples_of(ROWS).fingerprint


def test_fingerprint_is_as_documented() -> None:
    rows = b"\3\0\0\0\0\0\0\0\xc3\xa9a" + b"\3\0\0\0\0\0\0\0joy"
    assert examples_of([("éa", "joy")]).fingerprint == hashlib.sha256(rows).hexdigest()


def test_fingerprint_changes_with_order_text_label_and_framing() -> None:
    variants = [
        [("ab", "joy"), ("c", "fear")],
        [("c", "fear"), ("ab", "joy")],
        [("a", "joy"), ("bc", "fear")],
        [("ab", "joy"), ("c", "anger")],
        [("ab", "joy")],
        [("abjoyc", "fear")],
    ]
    assert len({examples_of(rows).fingerprint for rows in variants}) == len(variants)


def test_fingerprint_depends_on_names_and_not_on_ids() -> None:
    one = Examples(["a"], np.array([0]), Labels(("joy", "fear")), "x", None)
    other = Examples(["a"], np.array([1]), Labels(("fear", "joy")), "y", "test")
    assert one.fingerprint == other.fingerprint


def test_subset_keeps_the_given_order() -> None:
    examples = examples_of(ROWS)
    assert rows_of(examples.subset([3, 0])) == [ROWS[3], ROWS[0]]
    assert rows_of(examples.subset(np.array([1, 4]))) == [ROWS[1], ROWS[4]]
    assert rows_of(examples.subset(examples.label_ids == EMOTIONS.index("joy"))) == [ROWS[0]]
    assert len(examples.subset([])) == 0
    assert examples.subset(range(2)).name == examples.name
    with pytest.raises(IndexError):
        examples.subset([5])


def test_ids_of_other_labels_are_not_taken_for_emotions(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\nbuy now,1\nsee you at noon,0\n")
    assert load_examples(tmp_path / "rows.csv", labels=None).labels.names == ("0", "1")


# Held-out rows


def test_rows_are_held_out_of_one_file_or_of_train(tmp_path: Path) -> None:
    file = labelled(tmp_path / "train.csv", [EMOTIONS[i % 2] for i in range(40)])
    for source, split in ((file, "all"), (tmp_path, "train")):
        splits = load_splits(source)
        parts = hold_out(splits, 0.25, seed=1)
        assert [(name, part.split, len(part)) for name, part in parts.items()] == [
            ("train", "train", 30),
            ("validation", "validation", 10),
        ]
        assert np.bincount(parts["validation"].label_ids).tolist() == [5, 5]
        assert sorted(parts["train"].texts + parts["validation"].texts) == sorted(splits[split].texts)
    several_labels = labelled(tmp_path / "several.jsonl", [[0, 1], [2]] * 10)
    parts = hold_out(load_splits(several_labels, multi_label=True), 0.2)
    assert parts["validation"].label_ids.sum(0).tolist() == [2, 2, 2, 0, 0, 0]


def test_rows_that_cannot_be_held_out_are_an_error() -> None:
    rows = examples_of(ROWS)
    with pytest.raises(DataError, match="has a validation split already"):
        hold_out({"train": rows, "validation": rows}, 0.2)
    with pytest.raises(DataError, match="there is no train split, only a, b"):
        hold_out({"a": rows, "b": rows}, 0.2)
    with pytest.raises(DataError, match=r"of 1 rows, 0\.2 cannot be held out"):
        hold_out({"all": rows.subset([0])}, 0.2)
    assert list(hold_out({"train": rows, "test": rows}, 0.4)) == ["train", "validation", "test"]
