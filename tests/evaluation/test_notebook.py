"""What notebooks show of reports and comparisons, and of lists of predictions, explanations and timelines."""

from __future__ import annotations

import json
import pickle
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from emoscope import EmotionClassifier
from emoscope.data import Examples
from emoscope.evaluation import compare, evaluate
from emoscope.evaluation.comparison_table import comparison_tables
from emoscope.html_page import MAX_FRAGMENTS
from emoscope.labels import Labels
from emoscope.prediction import MAX_SHOWN, Prediction, Predictions
from fake_classifier import FakeClassifier

NAMES = ("<i>calm</i>", "cross")
ROWS = {"a": (0.9, 0.1), "b": (0.2, 0.8), "c": (0.6, 0.4)}
CLASSIFIER = FakeClassifier(NAMES, ROWS)
EXAMPLES = Examples(list("abc"), np.array([0, 1, 1]), Labels(NAMES), "<rows>", None)


class Cells(HTMLParser):
    """The cells of each row of all tables, and the tags that are still open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open += [] if tag == "br" else [tag]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def test_report_shows_figures_labels_and_confusion() -> None:
    report = evaluate(CLASSIFIER, EXAMPLES, model_name="<b>")
    html = report._repr_html_()
    shown = Cells(html)
    assert shown.open == []
    assert ["accuracy", "0.6667"] in [row[:2] for row in shown.rows]
    assert ["<i>calm</i>", "0.5000", "1.0000", "0.6667", "", "1"] in shown.rows
    assert shown.rows[-3:] == [["true \\ predicted", *NAMES], [NAMES[0], "1", "0"], [NAMES[1], "1", "1"]]
    assert "<b>&lt;b&gt;</b> on &lt;rows&gt;, 3 rows" in html
    assert json.loads(json.dumps(report)) == report


def test_comparison_shows_its_tables() -> None:
    comparison = compare({"<one>": CLASSIFIER, "two": CLASSIFIER}, EXAMPLES, rounds=1)
    shown = Cells(comparison._repr_html_())
    assert shown.open == []
    tables = list(comparison_tables(comparison))
    assert shown.rows == [row for table in tables for row in [list(table.columns), *map(list, table.rows())]]
    assert shown.rows[1][1] == "<one>" and len(tables) == 3
    assert json.loads(json.dumps(comparison)) == comparison


def test_predictions_are_a_list_that_shows_bars() -> None:
    predictions = EmotionClassifier.from_pretrained().predict(["i feel so happy today", "the bus leaves at nine"])
    assert predictions == list(predictions)
    assert pickle.loads(pickle.dumps(predictions)) == predictions
    shown = Cells(predictions._repr_html_())
    assert shown.open == []
    assert [row[:2] for row in shown.rows] == [["0", "joy"], ["1", "no emotion"]]


def test_long_lists_are_cut() -> None:
    many = Predictions([Prediction.from_scores({"<a>": 1.0})] * (MAX_SHOWN + 1200))
    assert many._repr_html_().count("<tr>") == MAX_SHOWN
    assert "and 1,200 more" in many._repr_html_()
    explanations = EmotionClassifier.from_pretrained().explain(["happy"] * (MAX_FRAGMENTS + 3))
    assert explanations._repr_html_().count("<p dir") == MAX_FRAGMENTS
    assert "and 3 more" in explanations._repr_html_()


@pytest.mark.parametrize("method", ["explain", "timeline"])
def test_lists_show_every_item(method: str) -> None:
    found = getattr(EmotionClassifier.from_pretrained(), method)(["i feel happy. so sad.", ""])
    assert found._repr_html_() == "".join(item._repr_html_() for item in found)
    assert isinstance(found, list) and len(found) == 2
