"""The accuracy of single words, on rows that they were not counted on."""

from __future__ import annotations

import pytest

from audit.made_rows import clean, rows
from emoscope.audit import audit
from emoscope.evaluation import fit_keywords


def test_the_rule_is_fitted_on_train_and_measured_on_the_other_splits() -> None:
    train, test = rows(*clean()), rows(*clean(40, 20), ("furious", "calm"), split="test")
    shortcut = audit({"train": train, "test": test}).shortcut
    assert shortcut is not None
    keywords = fit_keywords(train)
    plain = keywords.predict_label_ids(test.texts) == test.label_ids
    right = keywords.predict_proba(test.texts).argmax(1) == test.label_ids
    assert (shortcut.rows, shortcut.accuracy) == (21, pytest.approx(plain.mean()))
    assert shortcut.accuracy_with_rare == pytest.approx(right.mean())


def test_a_single_split_is_cross_validated() -> None:
    shortcut = audit({"all": rows(*clean(0, 400))}).shortcut
    assert shortcut is not None
    assert (shortcut.rows, shortcut.accuracy, shortcut.accuracy_with_rare) == (400, 1.0, 1.0)
    assert shortcut.evaluated_on == "all rows, in five folds"
