"""The labels in a cell: every form of several labels, other names, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope.data import load_examples
from emoscope.errors import DataError
from emoscope.label_cells import LabelCellError, are_indicators, separator_of, several
from emoscope.labels import EMOTIONS, Labels
from labelled_files import ALLOWED, label_sets, labelled, message

JOY_AND_LOVE = [
    "joy,love",
    " joy , love ",
    "['joy', 'love']",
    '["joy", "love"]',
    "['joy' 'love']",
    "[joy love]",
    "{'joy', 'love'}",
    "('joy', 'love')",
    "[1, 2]",
    "[1 2]",
    "[1. 2.]",
    "1,2",
    "1.0,2.0",
    '{"choices": ["joy", "love"]}',
    '{"joy": 1, "love": true, "fear": 0}',
]


@pytest.mark.parametrize("cell", JOY_AND_LOVE)
def test_forms_of_several_labels_as_text(tmp_path: Path, cell: str) -> None:
    file = labelled(tmp_path / "a.csv", [cell, "", "[]", "fear"])
    assert label_sets(load_examples(file, multi_label=True)) == [{"joy", "love"}, set(), set(), {"fear"}]


@pytest.mark.parametrize(
    "cell", [["joy", "love"], [1, 2], [1.0, 2.0], {"choices": ["joy", "love"]}, {"joy": True, "love": 1, "fear": False}]
)
def test_forms_of_several_labels_in_json(tmp_path: Path, cell: Any) -> None:
    file = labelled(tmp_path / "a.jsonl", [cell, [], ["fear"]])
    assert label_sets(load_examples(file, multi_label=True)) == [{"joy", "love"}, set(), {"fear"}]


ONE_HOT = [[0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]]


@pytest.mark.parametrize("kind", [int, float, bool])
@pytest.mark.parametrize("labels", [Labels(), None])
def test_a_0_or_1_for_each_label(tmp_path: Path, kind: type, labels: Labels | None) -> None:
    rows = [[kind(value) for value in row] for row in ONE_HOT]
    expected = [{"joy", "love"}, set(), {"fear"}]
    cells = [str(row) for row in rows], [str(np.array(row)) for row in rows], [json.dumps(row) for row in rows]
    for written in cells:
        examples = load_examples(labelled(tmp_path / "a.csv", written), labels=labels, multi_label=True)
        assert (label_sets(examples), examples.labels) == (expected, Labels())
    examples = load_examples(labelled(tmp_path / "a.jsonl", rows), labels=labels, multi_label=True)
    assert label_sets(examples) == expected


def test_lists_of_two_ids_and_two_indicators_differ_by_all_rows(tmp_path: Path) -> None:
    two = Labels(("calm", "tense"))
    ids = labelled(tmp_path / "a.jsonl", [[0, 1], [1], []])
    assert label_sets(load_examples(ids, labels=two, multi_label=True)) == [{"calm", "tense"}, {"tense"}, set()]
    indicators = labelled(tmp_path / "b.jsonl", [[0, 1], [1, 1], [0, 0]])
    found = label_sets(load_examples(indicators, labels=two, multi_label=True))
    assert found == [{"tense"}, {"calm", "tense"}, set()]
    assert are_indicators([], 2) and not are_indicators([[0]], 1)


def test_indicators_of_unnamed_labels_are_an_error(tmp_path: Path) -> None:
    file = labelled(tmp_path / "a.jsonl", [[0, 1, 1, 0], [0, 0, 0, 1]])
    expected = f"{file}: the rows have a 0 or 1 for each of 4 labels; name them with --labels"
    assert message(file, labels=None, multi_label=True) == expected


@pytest.mark.parametrize("separator", ["#", "|", ";", " / "])
def test_another_separator_is_found_and_read(tmp_path: Path, separator: str) -> None:
    file = labelled(tmp_path / "a.csv", [f"joy{separator}love", "", "fear", "joy", "love"])
    expected = [{"joy", "love"}, set(), {"fear"}, {"joy"}, {"love"}]
    assert label_sets(load_examples(file, multi_label=True, label_separator=separator)) == expected
    for labels in (Labels(), None):
        assert f"give --label-separator {separator.strip()!r}" in message(
            file, multi_label=True, labels=labels
        ).replace("with --label-separator", "give --label-separator")
    with pytest.raises(DataError, match="the separator of labels is empty"):
        load_examples(file, label_separator="")


@pytest.mark.parametrize("cell", ["['joy', love", '{"choices": "joy"}', "{'a': 7}", "[joy, love]", "{}"])
def test_other_forms_are_refused_with_those_that_are_read(cell: str) -> None:
    if cell.startswith("['joy'"):
        assert several(cell) == ["['joy'", " love"]
        return
    with pytest.raises(LabelCellError, match=r"unknown labels .*; allowed: a,b; a list; "):
        several(cell)


def test_several_labels_in_single_label_data_are_an_error(tmp_path: Path) -> None:
    for cell in ("joy,love", ["joy"]):
        file = labelled(tmp_path / "a.jsonl", [cell])
        expected = f"{file}, line 1: unknown label {cell!r} (several labels need --multi-label); {ALLOWED}"
        assert message(file) == expected


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_ids_that_pandas_wrote_as_floats(tmp_path: Path, suffix: str) -> None:
    values = [0.0, 5.0, 1.0]
    cells = [str(value) for value in values] if suffix == ".csv" else values
    file = labelled(tmp_path / f"a{suffix}", cells)
    for labels in (Labels(), None):
        examples = load_examples(file, labels=labels)
        assert [EMOTIONS[i] for i in examples.label_ids] == ["sadness", "surprise", "joy"]


def test_ratings_are_names_and_not_ids(tmp_path: Path) -> None:
    file = labelled(tmp_path / "a.csv", ["1.0", "5.0", "3.5"])
    assert load_examples(file, labels=None).labels.names == ("1.0", "3.5", "5.0")
    file = labelled(tmp_path / "b.jsonl", [1.0, 5.0, 3.5])
    assert load_examples(file, labels=None).label_ids.tolist() == [0, 2, 1]
    file = labelled(tmp_path / "c.csv", ["1.0", "0.0"])
    assert load_examples(file, labels=None).labels.names == ("0", "1")


def test_labels_are_read_under_other_names(tmp_path: Path) -> None:
    label_map = {"joyful": "joy", "mad": "anger", "7": "fear"}
    file = labelled(tmp_path / "a.jsonl", ["joyful", " mad ", "joy", 7, 7.0, "7"])
    examples = load_examples(file, label_map=label_map)
    assert [EMOTIONS[i] for i in examples.label_ids] == ["joy", "anger", "joy", "fear", "fear", "fear"]
    assert load_examples(file, labels=None, label_map=label_map).labels == Labels()
    several_labels = labelled(tmp_path / "b.csv", ["joyful,mad", "7"])
    expected = [{"joy", "anger"}, {"fear"}]
    assert label_sets(load_examples(several_labels, multi_label=True, label_map=label_map)) == expected
    assert "the label 'mad' is mapped to 'angry'; allowed: sadness" in message(file, label_map={"mad": "angry"})


def test_ids_in_another_order_are_mapped(tmp_path: Path) -> None:
    """A map goes by what is in the rows, so the ids of another data set can be named."""
    file = labelled(tmp_path / "a.csv", [0, 1, 3])
    examples = load_examples(file, label_map={"0": "anger", "1": "joy", "3": "sadness"})
    assert [EMOTIONS[i] for i in examples.label_ids] == ["anger", "joy", "sadness"]


def test_rows_of_other_labels_are_skipped_and_counted(tmp_path: Path) -> None:
    file = labelled(tmp_path / "a.csv", ["joy", "disgust", "neutral", "fear", "disgust", "99"])
    examples = load_examples(file, skip_other_labels=True)
    assert [EMOTIONS[i] for i in examples.label_ids] == ["joy", "fear"]
    assert examples.skipped_labels == {"disgust": 2, "neutral": 1, "99": 1}
    assert [(row.number, row.split) for row in examples.skipped] == [(2, "all"), (3, "all"), (5, "all"), (6, "all")]
    assert examples.subset([0]).skipped == ()
    several_labels = labelled(tmp_path / "b.csv", ["joy,disgust", "joy"])
    assert load_examples(several_labels, multi_label=True, skip_other_labels=True).skipped_labels == {"disgust": 1}
    assert "unknown label 'disgust'" in message(file)
    assert "no label" in message(labelled(tmp_path / "c.csv", ["joy", ""]), skip_other_labels=True)
    nothing = labelled(tmp_path / "d.csv", ["disgust"])
    assert "no row can be used; the first: unknown label 'disgust'" in message(nothing, skip_other_labels=True)


def test_a_separator_needs_known_parts() -> None:
    assert separator_of("joy|love", EMOTIONS) == "|"
    assert separator_of("joy|glee", EMOTIONS) is None
    assert separator_of("joy", EMOTIONS) is None
