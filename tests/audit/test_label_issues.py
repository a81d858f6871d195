"""Likely label errors in rows whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from audit.made_rows import clean, rows
from emoscope.audit import audit, audit_text
from emoscope.errors import LabelError


def test_flipped_labels_are_found_and_come_first() -> None:
    pairs = clean(0, 200)
    flipped = [7, 50, 123]
    for i in flipped:
        pairs[i] = (pairs[i][0], "calm" if pairs[i][1] == "cross" else "cross")
    found = audit({"train": rows(*pairs)}).label_issues
    assert found is not None
    assert {issue.row.number - 1 for issue in found.issues[:3]} == set(flipped)
    assert all(issue.suggested != issue.row.label for issue in found.issues[:3])
    assert found.model == "cross-validation" and found.accuracy > 0.9


class MistakenClassifier:
    """Knows the label of every text, except that it has the first ones wrong."""

    labels = ("cross", "calm")

    def __init__(self, pairs: list[tuple[str, str]], wrong: int = 10) -> None:
        self.known = {text: (label == "cross") ^ (i < wrong) for i, (text, label) in enumerate(pairs)}

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        return np.array([(0.9, 0.1) if self.known[text] else (0.1, 0.9) for text in texts], np.float32)


def test_a_classifier_replaces_cross_validation() -> None:
    pairs = clean(0, 100)
    classifier = MistakenClassifier(pairs)
    found = audit({"all": rows(*pairs)}, classifier=classifier, classifier_name="mistaken").label_issues
    assert found is not None
    assert {issue.row.number for issue in found.issues} == set(range(1, 11))
    assert (found.model, found.accuracy) == ("mistaken", pytest.approx(0.9))


@pytest.mark.parametrize(
    ("calm", "wrong", "hinted"),
    [(50, 30, True), (50, 31, False), (90, 7, True), (90, 8, False)],
)
def test_the_hint_reports_the_accuracy_of_the_model_and_a_weak_model_gives_none(
    calm: int, wrong: int, hinted: bool
) -> None:
    pairs = [(f"row {number} of a hundred", "calm" if number < calm else "cross") for number in range(100)]
    found = audit({"all": rows(*pairs)}, classifier=MistakenClassifier(pairs, wrong))
    messages = [issue.message for issue in found.issues if issue.kind == "label errors"]
    assert [f"the model is right on {100 - wrong}.0% of the rows" in message for message in messages] == [True] * hinted
    assert found.label_issues is not None and found.label_issues.issues
    assert (", too weak for a hint" in audit_text(found)) is not hinted


def test_a_classifier_with_other_labels_is_an_error() -> None:
    model = MistakenClassifier(clean())
    model.labels = ("cross", "glad")
    with pytest.raises(LabelError, match="cross, glad"):
        audit({"all": rows(*clean())}, classifier=model)


def test_labels_with_too_few_rows_are_not_checked() -> None:
    few = [pair for pair in clean() if pair[1] == "calm"] + clean()[1:8:2]
    assert audit({"all": rows(*few)}).label_issues is None
