import dataclasses

import pytest

from emoscope import Prediction


def test_label_is_the_highest_score():
    prediction = Prediction.from_scores({"a": 0.2, "b": 0.5, "c": 0.3})
    assert (prediction.label, prediction.score) == ("b", 0.5)


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Prediction.from_scores({"a": 1.0}).label = "b"


def test_notebook_shows_every_label_and_escapes():
    html = Prediction.from_scores({"<b>": 0.75, "joy": 0.25})._repr_html_()
    assert "&lt;b&gt;" in html and "<b>" not in html
    assert "0.7500" in html and "0.2500" in html
