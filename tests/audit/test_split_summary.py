"""Counts over the rows of a split."""

from __future__ import annotations

from audit.made_rows import rows
from emoscope.audit.split_summary import summarize


def test_each_check_counts_its_texts() -> None:
    texts = [
        "see http://a.example",
        "a <b>bold</b> word",
        "fish &amp; chips",
        "Ã© broken",
        "naïve",
        "two  spaces",
        "!!!",
    ]
    summary = summarize(rows(*((text, "calm") for text in texts)))
    assert {name: count for name, count in summary.form.items() if count} == {
        "no letter or digit": 1,
        "URL or part of one": 1,
        "HTML or part of it": 2,
        "broken encoding": 1,
        "extra white space": 1,
        "not ASCII": 2,
        "capital letter": 1,
        "punctuation": 5,
    }
    assert summary.words == {"mean": 2.0, "median": 2.0, "max": 3}
    assert summary.labels == {"calm": 7, "cross": 0}
