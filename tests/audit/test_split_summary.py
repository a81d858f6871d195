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
        "it\x92s and isnâ€™t",
        "it\ufffds",
        r"isn\'t and isn\u2019t",
        "naïve",
        "two  spaces",
        "!!!",
    ]
    summary = summarize(rows(*((text, "calm") for text in texts)))
    assert {name: count for name, count in summary.form.items() if count} == {
        "no letter or digit": 1,
        "URL or part of one": 1,
        "HTML or part of it": 2,
        "broken encoding": 3,
        "escaped character": 1,
        "control character": 1,
        "extra white space": 1,
        "not ASCII": 4,
        "capital letter": 1,
        "punctuation": 8,
    }
    assert summary.words == {"mean": 2.1, "median": 2.0, "max": 3}
    assert summary.labels == {"calm": 10, "cross": 0}
