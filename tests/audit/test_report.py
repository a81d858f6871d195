"""Issues of rows that were made with known errors."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from audit.made_rows import LABELS, clean, rows
from emoscope.audit import audit, audit_text
from emoscope.audit.unique_texts import RowRef, usable_rows
from emoscope.data import Examples, load_splits, load_valid_splits
from emoscope.errors import DataError
from emoscope.labels import Labels


def kinds(*examples: Examples, certain: bool = True) -> dict[str, int]:
    found = audit({part.split or "all": part for part in examples})
    return {issue.kind: issue.count for issue in found.issues if issue.certain is certain}


def test_clean_rows_have_no_errors() -> None:
    assert kinds(rows(*clean()), rows(*clean(40, 10), split="test")) == {}


def test_each_error_is_found_once() -> None:
    train = rows(
        *clean(), ("once more", "calm"), ("once more", "calm"), ("either way", "calm"), ("either way", "cross")
    )
    assert kinds(train) == {"duplicates": 2, "contradictions": 1}
    blank = rows(*clean(), ("  ", "calm"))
    assert kinds(blank) == {"blank": 1}


def test_rejected_rows_are_listed_and_nothing_else_counts_them(tmp_path: Path) -> None:
    good = [(text, label) for text, label in clean()]
    lines = [*(f"{text};{label}" for text, label in good[:3]), ";calm", "lost;", "odd;clam", " ;cross"]
    lines += [f"{text};{label}" for text, label in good[3:]]
    (tmp_path / "rows.txt").write_text("\n".join(lines))
    splits, rejected = load_valid_splits(tmp_path / "rows.txt", labels=LABELS)
    found = audit(splits, rejected=rejected)
    assert found.splits["all"].rows == 40
    assert [(row.number, row.kind) for row in found.rejected] == [
        (4, "blank"),
        (5, "no label"),
        (6, "unknown label"),
        (7, "blank"),
    ]
    certain = {issue.kind: issue.count for issue in found.issues if issue.certain}
    assert certain == {"blank": 2, "no label": 1, "unknown label": 1}
    assert re.search(r"all 6 +unknown label +clam +odd\n", audit_text(found))
    assert found.to_json()["rejected"][2]["reason"] == "unknown label 'clam'; allowed: calm, cross, or 0 to 1"
    assert [row.number for _, row in usable_rows(splits, rejected)] == [1, 2, 3, *range(8, 45)]


def test_a_misspelt_label_gives_a_hint() -> None:
    labels = Labels(("calm", "clam", "cross"))
    pairs = [*clean(0, 300), ("something else", "clam")]
    assert kinds(rows(*pairs, labels=labels), certain=False)["rare label"] == 1
    assert "rare label" not in kinds(rows(*clean()), certain=False)


def test_overlap_is_contradicting_if_the_labels_differ() -> None:
    train = rows(*clean(), ("same", "calm"), ("other", "calm"), ("both", "calm"), ("both", "cross"))
    test = rows(("same", "calm"), ("other", "cross"), ("both", "calm"), split="test")
    found = audit({"train": train, "test": test})
    assert {unique.text for unique in found.overlap("train", "test")} == {"same", "other", "both"}
    assert {unique.text for unique in found.contradicting_overlap("train", "test")} == {"other", "both"}
    assert found.overlap("train", "test")[0].rows == (RowRef("train", 41, "calm"), RowRef("test", 1, "calm"))


def test_a_label_that_only_train_lacks_is_an_error() -> None:
    calm = [pair for pair in clean() if pair[1] == "calm"]
    assert kinds(rows(*calm), rows(*clean(40, 10), split="test")) == {"missing label": 1}
    assert kinds(rows(*calm)) == {}


def test_multi_label_rows_are_compared_by_all_their_labels() -> None:
    ids = np.array([[True, True], [True, False], [False, False]])
    found = audit({"all": Examples(["both", "both", "none"], ids, LABELS, "made", None)})
    assert [row.label for row in found.contradictions("all")[0].rows] == ["calm,cross", "calm"]
    assert (found.shortcut, found.label_issues) == (None, None)
    assert found.splits["all"].labels == {"calm": 2, "cross": 1}


def test_data_without_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="no rows"):
        audit({"all": rows()})
    with pytest.raises(DataError, match="no split"):
        audit({})


def test_the_emotion_data_has_the_issues_that_are_known(emotion_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the README of the data set describes them; near-duplicates, which take long, are not among them."""
    monkeypatch.setattr("emoscope.audit.report.find_near_duplicates", lambda texts: [])
    splits = load_splits(emotion_data, labels=None)
    found = audit(splits, classifier=Uniform())
    assert len(found.duplicates("train")) == 31
    assert len(found.contradictions("train")) == 30
    assert len(found.contradicting_overlap("train", "validation")) == 5
    assert found.shortcut is not None
    assert len(found.shortcut.ambiguous) >= 20
    assert found.shortcut.accuracy == pytest.approx(0.877, abs=0.01)
    assert found.shortcut.ceiling == pytest.approx(0.95, abs=0.01)


class Uniform:
    """Takes the place of a slow cross-validation."""

    labels = ("sadness", "joy", "love", "anger", "fear", "surprise")

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        return np.full((len(texts), 6), 1 / 6, np.float32)
