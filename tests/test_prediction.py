import dataclasses

import pytest

from emoscope import Prediction
from emoscope.errors import ModelError
from emoscope.prediction_sets import PredictionSets


def test_label_is_the_highest_score():
    prediction = Prediction.from_scores({"a": 0.2, "b": 0.5, "c": 0.3})
    assert (prediction.label, prediction.score) == ("b", 0.5)


def test_a_single_label_model_gives_one_label():
    assert Prediction.from_scores({"a": 0.2, "b": 0.5, "c": 0.3}).labels == ("b",)
    assert Prediction("b", 0.5, {"a": 0.2, "b": 0.5}).labels == ("b",)


def test_labels_at_or_above_their_thresholds_apply():
    scores = {"a": 0.2, "b": 0.9, "c": 0.5}
    prediction = Prediction.from_scores(scores, (0.2, 0.95, 0.5))
    assert (prediction.label, prediction.score, prediction.labels) == ("b", 0.9, ("a", "c"))
    assert Prediction.from_scores(scores, (1.0, 1.0, 1.0)).labels == ()
    with pytest.raises(ValueError):
        Prediction.from_scores(scores, (0.5,)).labels  # noqa: B018


def test_a_prediction_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Prediction.from_scores({"a": 1.0}).label = "b"


def test_a_notebook_shows_every_label_escaped():
    html = Prediction.from_scores({"<b>": 0.75, "joy": 0.25})._repr_html_()
    assert "&lt;b&gt;" in html and "<b>" not in html
    assert "0.7500" in html and "0.2500" in html


def test_the_prediction_set_has_the_labels_at_or_above_the_thresholds_of_its_coverage():
    sets = PredictionSets({90: (0.3, 0.3, 0.9), 95: (0.2, 0.25, 0.0), 99: (0.6, 0.6, 0.6)})
    prediction = Prediction.from_scores({"a": 0.2, "b": 0.5, "c": 0.3}, prediction_sets=sets)
    assert prediction.prediction_set(0.9) == ("b",)
    assert prediction.prediction_set(0.93) == ("a", "b", "c")
    assert prediction.prediction_set(0.99) == ()
    assert prediction.prediction_set(0.99) or (prediction.label,) == ("b",)
    with pytest.raises(ValueError, match="coverage must be from 0.9 to 0.99"):
        prediction.prediction_set(0.5)


def test_a_model_without_prediction_sets_is_an_error():
    with pytest.raises(ModelError, match="emoscope calibrate"):
        Prediction.from_scores({"a": 1.0}).prediction_set(0.9)


def test_a_notebook_shows_that_there_is_no_clear_emotion():
    shown = [Prediction.from_scores({"a": 1.0}, neutral=neutral)._repr_html_() for neutral in (None, False, True)]
    assert ["no clear emotion" in html for html in shown] == [False, False, True]
