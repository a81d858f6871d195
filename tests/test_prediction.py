import copy
import dataclasses
import json
import pickle

import pytest

from emoscope import EmotionClassifier, Prediction
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
    shown = [Prediction.from_scores({"a": 1.0}, neutral=neutral)._repr_html_() for neutral in (None, 0.4, 0.6)]
    assert ["no emotion" in html for html in shown] == [False, False, True]


TEXTS = ["i feel so happy today", "the bus leaves at nine", "they make me furious"]
COLUMNS = ["label", "score", "scores", "neutral", "familiar"]


@pytest.fixture(scope="module")
def predictions():
    return EmotionClassifier.from_pretrained().predict(TEXTS)


def test_predictions_make_a_clean_frame_of_pandas(predictions, tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(predictions)
    assert list(frame.columns) == COLUMNS
    assert frame["label"].tolist() == [prediction.label for prediction in predictions]
    frame.to_parquet(tmp_path / "predictions.parquet")
    read = pandas.read_parquet(tmp_path / "predictions.parquet")
    assert read["scores"].tolist() == [prediction.scores for prediction in predictions]


def test_predictions_make_a_clean_frame_of_polars(predictions, tmp_path):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(predictions)
    assert frame.columns == COLUMNS
    frame.write_parquet(tmp_path / "predictions.parquet")
    assert polars.read_parquet(tmp_path / "predictions.parquet").to_dicts() == [each.to_dict() for each in predictions]


def test_a_prediction_is_plain_data(predictions):
    assert [field.name for field in dataclasses.fields(Prediction)] == COLUMNS
    assert dataclasses.asdict(predictions[0]) == predictions[0].to_dict()
    assert json.loads(json.dumps(predictions[0].to_dict())) == predictions[0].to_dict()
    assert len(repr(predictions[0])) < 300
    for again in (pickle.loads(pickle.dumps(predictions[0])), copy.deepcopy(predictions[0])):
        assert again == predictions[0]
        assert again.prediction_set(0.9) == predictions[0].prediction_set(0.9)


def test_a_dict_has_the_labels_of_a_multi_label_model():
    assert Prediction.from_scores({"a": 0.2, "b": 0.9}, (0.1, 0.95)).to_dict() == {
        "label": "b",
        "score": 0.9,
        "scores": {"a": 0.2, "b": 0.9},
        "labels": ["a"],
    }
