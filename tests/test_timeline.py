import json
import re
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.timeline import MIN_CERTAINTY, combine, shown_answer, timeline

TEXT = "I was scared!\nThen they sang. I love them.  I was scared!"


class Table:
    """Two labels; the probability of the first is given for each sentence. Records the texts that it scores."""

    labels = ("yes", "no")

    def __init__(self, **yes):
        self._yes = yes
        self.scored = []

    def predict_proba(self, texts):
        self.scored.append(list(texts))
        yes = np.array([self._yes.get(text.strip("."), 0.5) for text in texts], np.float32)
        return np.stack([yes, 1 - yes], axis=1).reshape(-1, 2)


class NeutralTable(Table):
    """Also returns the probability of neutral: 0.9 for "Flat", else 0.2."""

    def predict_with_neutral(self, texts):
        neutral = np.array([0.9 if text == "Flat." else 0.2 for text in texts], np.float32)
        return np.column_stack([self.predict_proba(texts), neutral])


def slow_combine(rows, certainty, evidence):
    """The definition, one sentence at a time."""
    weights = []
    for row in rows:
        entropy = -sum(p * log(p) for p in row if p > 0)
        weights.append(max(1 - entropy / log(len(row)), MIN_CERTAINTY) ** certainty)
    mean = [sum(w * row[k] for w, row in zip(weights, rows, strict=True)) / sum(weights) for k in range(len(rows[0]))]
    power = (sum(weights) ** 2 / sum(w * w for w in weights)) ** evidence
    sharpened = [max(p, 1e-37) ** power for p in mean]
    return [p / sum(sharpened) for p in sharpened]


@st.composite
def several(draw, labels=None):
    shape = draw(st.integers(1, 7)), labels or draw(st.integers(2, 5))
    rows = draw(arrays.arrays(np.float64, shape, elements=st.floats(1e-3, 1)))
    return (rows / rows.sum(1, keepdims=True)).astype(np.float32)


@settings(max_examples=100, deadline=None)
@given(several(), st.floats(0, 4), st.floats(0, 1))
def test_combine_equals_its_definition(rows, certainty, evidence):
    combined = combine(rows, np.array([len(rows)]), certainty=certainty, evidence=evidence)
    np.testing.assert_allclose(combined[0], slow_combine(rows.astype(float).tolist(), certainty, evidence), atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.lists(several(labels=3), min_size=1, max_size=4))
def test_a_text_does_not_depend_on_the_others(texts):
    together = combine(np.concatenate(texts), np.array(list(map(len, texts))))
    alone = [combine(rows, np.array([len(rows)]))[0] for rows in texts]
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-5)


def test_one_sentence_keeps_its_probabilities():
    rows = np.array([[0.7, 0.2, 0.1], [1, 0, 0]], np.float32)
    np.testing.assert_allclose(combine(rows, np.array([1, 1])), rows, atol=1e-6)


def test_sentences_without_emotion_do_not_dilute_the_others():
    sure, plain = [0.95, 0.03, 0.02], [0.34, 0.33, 0.33]
    rows = np.array([sure, *[plain] * 9], np.float32)
    assert combine(rows, np.array([10]))[0, 0] > 0.9 > rows.mean(0)[0]


def test_sentences_that_agree_are_stronger_evidence_than_one():
    rows = np.array([[0.7, 0.2, 0.1]] * 4, np.float32)
    assert combine(rows, np.array([4]))[0, 0] > combine(rows[:2], np.array([2]))[0, 0] > 0.7
    np.testing.assert_allclose(combine(rows, np.array([4]), evidence=0.0)[0], rows[0], atol=1e-6)


def test_certain_and_uniform_probabilities_stay_finite():
    rows = np.array([[1, 0], [0, 1], [0.5, 0.5], [0.5, 0.5], *[[1, 0]] * 5000], np.float32)
    combined = combine(rows, np.array([2, 2, 5000]))
    np.testing.assert_allclose(combined, [[0.5, 0.5], [0.5, 0.5], [1, 0]], atol=1e-6)


def test_no_text():
    assert combine(np.empty((0, 2), np.float32), np.array([], np.int64)).shape == (0, 2)
    assert timeline(Table(), []) == []


def test_sentences_are_in_order_and_equal_ones_are_scored_once():
    classifier = Table(**{"I was scared!": 0.9, "Then they sang": 0.2})
    (line,) = timeline(classifier, [TEXT])
    assert classifier.scored == [["I was scared!", "Then they sang.", "I love them."]]
    assert [TEXT[one.start : one.end] for one in line.sentences] == [one.text for one in line.sentences]
    assert [round(one.prediction.scores["yes"], 2) for one in line.sentences] == [0.9, 0.2, 0.5, 0.9]
    assert line.prediction.label == "yes"


def test_a_blank_text_is_scored_as_it_is():
    classifier = Table(**{" ": 0.8})
    blank, other = timeline(classifier, [" ", "a. b."])
    assert (blank.sentences, round(blank.prediction.score, 2)) == ((), 0.8)
    assert len(other.sentences) == 2


def test_json_lists_scores_in_the_order_of_the_labels():
    (line,) = timeline(Table(a=0.9, b=0.3), ["a. b."])
    row = json.loads(json.dumps(line.to_json()))
    assert set(row) == {"labels", "label", "score", "scores", "sentences"}
    assert (row["labels"], row["label"]) == (["yes", "no"], line.prediction.label)
    assert row["sentences"][1] == {
        "text": "b.",
        "start": 3,
        "end": 5,
        "label": "no",
        "score": pytest.approx(0.7),
        "scores": pytest.approx([0.3, 0.7]),
    }


def test_too_many_columns_are_means_of_runs():
    (line,) = timeline(Table(one=0.9, two=0.3, three=0.1, four=0.5), ["one. two. three. four."])
    np.testing.assert_allclose(line.columns(9)[:, 0], [0.9, 0.3, 0.1, 0.5], atol=1e-6)
    np.testing.assert_allclose(line.columns(2)[:, 0], [0.6, 0.3], atol=1e-6)
    assert timeline(Table(), [""])[0].columns(3).shape == (0, 2)


def test_a_notebook_shows_the_text_escaped():
    (line,) = timeline(Table(), ["<b>\x07 a & b.\nc"])
    shown = line._repr_html_()
    assert "&lt;b&gt;\ufffd a &amp; b." in shown and "<b>\x07" not in shown
    assert shown.count("<mark") == 2 and shown.count("<rect") == 4


def test_a_neutral_sentence_is_shown_as_no_emotion():
    mixed, flat = timeline(NeutralTable(Flat=0.8, Fine=0.9), ["Flat. Fine.", "Flat."])
    assert [shown_answer(sentence.prediction)[0] for sentence in mixed.sentences] == ["no emotion", "yes"]
    assert shown_answer(mixed.prediction)[0] == "yes" and shown_answer(flat.prediction)[0] == "no emotion"
    assert 'title="no emotion 90.0%">Flat.</mark>' in mixed._repr_html_()
    assert "<b>no emotion</b> 90.0%" in flat._repr_html_() and "<b>yes</b>" in mixed._repr_html_()


def test_the_bundled_model_follows_a_text():
    classifier = EmotionClassifier.from_pretrained()
    text = "I was terrified of the dark stairs. Then everybody sang. I am so happy now!"
    (line,) = classifier.timeline([text])
    assert [line.sentences[i].prediction.label for i in (0, 2)] == ["fear", "joy"]
    np.testing.assert_allclose(
        [list(one.prediction.scores.values()) for one in line.sentences],
        classifier.predict_proba([one.text for one in line.sentences]),
        atol=1e-6,
    )
    assert tuple(line.prediction.scores) == EMOTIONS
    with pytest.raises(TypeError, match="a single str"):
        classifier.timeline(text)


def test_neutral_sentences_have_low_bars_that_rise_from_the_bottom():
    class Half:
        labels = ("joy", "love")

        def predict_with_neutral(self, texts):
            return np.array([[0.75, 0.25, 0.8 if text == "It came." else 0.0] for text in texts], np.float32)

    (line,) = timeline(Half(), ["It came. I am glad."])
    np.testing.assert_allclose(line.columns(9), [[0.15, 0.05], [0.75, 0.25]], atol=1e-6)
    bars = re.findall(r'<rect x="(\d)" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', line._repr_html_())
    assert bars == [("0", "0.850", "0.150"), ("0", "0.800", "0.050"), ("1", "0.250", "0.750"), ("1", "0.000", "0.250")]
