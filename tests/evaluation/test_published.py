"""Published figures, beside those that are measured."""

from __future__ import annotations

from typing import Any

from emoscope.evaluation import PUBLISHED


def test_published_rows_name_their_sources(comparison: dict[str, Any]) -> None:
    published = comparison["published"]
    assert "validation split" in published["note"] and "test split" in published["test_note"]
    assert [row["model"].split("/")[1].split("-")[0] for row in published["models"]] == [
        "distilbert",
        "bert",
        "roberta",
        "albert",
    ]
    for row, result in zip(published["models"], PUBLISHED, strict=True):
        assert "validation" in row["source"]
        assert (row["test_accuracy"] is None) == (row["test_source"] is None)
        assert result.test_accuracy is None or result.test_accuracy < result.accuracy
