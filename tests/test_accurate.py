"""The accurate model in its package of its own, and the cascade of the bundled model and it."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.cascade import answers, confidences
from emoscope.cli import main
from emoscope.errors import MissingExtraError, ModelError
from emoscope.model_folder import CASCADE, INSTALLED, resolve
from emoscope.verification import verify

TEXTS = [
    "my grandmother died on friday and i cannot stop crying",
    "How dare they cancel our order without a word!",
    "The committee meets on the second floor at ten.",
    "i feel so happy and relieved",
    "I hear steps behind the door and my hands are shaking",
    "",
]


@pytest.fixture(scope="module")
def accurate() -> EmotionClassifier:
    pytest.importorskip("emoscope_accurate")
    return EmotionClassifier.from_pretrained("accurate")


@pytest.fixture(scope="module")
def cascade(accurate: EmotionClassifier) -> EmotionClassifier:
    return EmotionClassifier.from_pretrained("cascade")


def test_it_answers(accurate: EmotionClassifier) -> None:
    predictions = accurate.predict(TEXTS)
    assert [each.label for each in predictions[:2]] == ["sadness", "anger"]
    assert [each.is_neutral for each in predictions] == [False, False, True, False, False, True]
    assert accurate.labels == EMOTIONS
    assert predictions[0].familiar
    assert not accurate.predict(["Das ist mir ehrlich gesagt ganz egal"])[0].familiar


def test_it_returns_here_what_it_returned_at_its_export(accurate: EmotionClassifier) -> None:
    assert verify("accurate").passed


def test_the_cascade_asks_the_accurate_model_where_the_bundled_one_is_unsure(
    accurate: EmotionClassifier, cascade: EmotionClassifier
) -> None:
    texts = [f"{text} {more}".strip() for text in TEXTS for more in ("", "and it was a day", "so they said")][:-3]
    fast = EmotionClassifier.from_pretrained().predict_with_neutral(texts)
    threshold = json.loads((resolve("accurate") / CASCADE).read_text())["thresholds"]["99"]
    expected = np.where(confidences(fast)[:, None] < threshold, accurate.predict_with_neutral(texts), fast)
    rows = cascade.predict_with_neutral(texts)
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    assert cascade.predict_proba(texts) == pytest.approx(rows[:, :-1])
    assert answers(rows).shape == (len(texts),)
    assert cascade.neutral_proba([""]) == 1.0


def test_a_lower_agreement_passes_fewer_texts_on(accurate: EmotionClassifier) -> None:
    passed = []
    for name in ("cascade:0.8", "cascade"):
        classifier = EmotionClassifier.from_pretrained(name)
        classifier.predict_proba(TEXTS * 3)
        passed.append(classifier._model.passed_on[0])
    assert passed[0] <= passed[1]


def test_the_cascade_can_be_pickled_and_called(cascade: EmotionClassifier) -> None:
    copied = pickle.loads(pickle.dumps(cascade))
    assert "Cascade" in repr(copied)
    assert copied.predict_proba(TEXTS) == pytest.approx(cascade.predict_proba(TEXTS))
    assert cascade(TEXTS[0], function_to_apply="softmax")[0][0]["label"] == "sadness"
    assert cascade.explain(TEXTS[:1])[0].label == "sadness"
    assert cascade.checksum != EmotionClassifier.from_pretrained("cascade:0.9").checksum


def test_commands_take_both_names(accurate: EmotionClassifier, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("accurate", "cascade", "cascade:0.9"):
        assert main(["predict", "--json", "--model", name, TEXTS[0]]) == 0
        assert json.loads(capsys.readouterr().out)["label"] == "sadness"
    assert main(["predict", "--verify", "--model", "cascade"]) == 1
    assert "is two models, and this needs one; give 'bundled' or 'accurate'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["cascade:0.2", "cascade:1"])
def test_a_share_out_of_range_is_an_error(accurate: EmotionClassifier, name: str) -> None:
    with pytest.raises(ModelError, match=r"allowed: 0\.5 to 0\.999"):
        EmotionClassifier.from_pretrained(name)


def test_a_cascade_with_another_bundled_model_is_an_error(
    accurate: EmotionClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emoscope.loading.BUNDLED", resolve("accurate"))
    with pytest.raises(ModelError, match="belongs to another version of emoscope"):
        EmotionClassifier.from_pretrained("cascade")


@pytest.mark.parametrize("name", ["accurate", "cascade"])
def test_without_the_package_the_error_names_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[accurate\]'"):
        EmotionClassifier.from_pretrained(name)
    assert "accurate" in INSTALLED
