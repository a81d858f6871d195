from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.calibrated import WrittenText
from emoscope.errors import ModelError
from emoscope.prediction_sets import PredictionSets
from emoscope.probabilities import temperature_scaled
from emoscope.text import mark
from emoscope.text_model import CHUNK

CARD = "I love using transformers. The best part is wide range of support and its easy to use"
TEXTS = [
    CARD,
    "I'M SO ANGRY!!!",
    "i feel so happy today",
    "i was scared of the dark",
    "",
    "they left me and i feel completely alone and sad " * 60,
    "what a surprise",
]
HOSTILE = {
    "empty": "",
    "blank": " \t\n ",
    "NUL bytes": "i feel\x00 happy\x00",
    "lone surrogate": "i feel \ud800 happy",
    "emoji only": "😀😭❤️👩‍👩‍👧",
    "Arabic": "أنا سعيد جدا اليوم",
    "Chinese": "我今天很高兴",
    "right-to-left marks": "i \u202efeel\u202c \u200fhappy",
    "control characters": "".join(map(chr, range(32))),
}


@pytest.fixture(scope="module")
def classifier():
    return EmotionClassifier.from_pretrained()


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("i feel so happy today", "joy"),
        ("I'm heartbroken and I cry every night.", "sadness"),
        ("She makes me so angry!", "anger"),
        ("i was terrified of the dark", "fear"),
        ("i was amazed and stunned by the news", "surprise"),
        ("i feel so tender and caring towards him", "love"),
    ],
)
def test_plain_sentences(classifier, text, emotion):
    assert classifier.predict([text])[0].label == emotion


def test_shape_dtype_and_sums(classifier):
    rows = classifier.predict_proba(TEXTS)
    assert rows.shape == (len(TEXTS), 6)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    assert classifier.labels == EMOTIONS


def test_no_texts(classifier):
    assert classifier.predict_proba([]).shape == (0, 6)
    assert classifier.predict([]) == []


def test_predictions_have_the_probabilities_as_scores(classifier):
    for prediction, row in zip(classifier.predict(TEXTS), classifier.predict_proba(TEXTS), strict=True):
        assert list(prediction.scores) == list(EMOTIONS)
        np.testing.assert_array_equal(np.float32(list(prediction.scores.values())), row)
        assert prediction.label == EMOTIONS[row.argmax()]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_batch(classifier, texts, random):
    alone = np.concatenate([classifier.predict_proba([text]) for text in texts])
    order = list(range(len(texts)))
    random.shuffle(order)
    together = classifier.predict_proba([texts[i] for i in order])
    np.testing.assert_allclose(together, alone[order], atol=1e-5)


def test_chunks_keep_the_order(classifier):
    texts = [f"i feel {word} number {i}" for i in range(CHUNK) for word in ("happy", "angry")]
    rows = classifier.predict_proba(texts)
    np.testing.assert_allclose(rows[-3:], classifier.predict_proba(texts[-3:]), atol=1e-5)
    assert rows[::2].argmax(axis=1).tolist() == [1] * CHUNK


def test_case_punctuation_and_apostrophes_make_no_difference(classifier):
    rows = classifier.predict_proba(["I'M SO ANGRY!!!", "i'm so angry", "I’m so angry.", "im so angry"])
    np.testing.assert_allclose(rows[:3], rows[:1].repeat(3, axis=0), atol=1e-6)
    assert (rows.argmax(axis=1) == EMOTIONS.index("anger")).all()


def test_a_long_text_is_read_completely(classifier):
    filler = "the the the " * 400
    happy, angry = (classifier.predict_proba([filler + f"i feel {word} " * 100])[0] for word in ("happy", "angry"))
    assert happy[EMOTIONS.index("joy")] > angry[EMOTIONS.index("joy")]
    assert angry[EMOTIONS.index("anger")] > happy[EMOTIONS.index("anger")]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_are_scored(classifier, text):
    row = classifier.predict_proba([text])
    assert np.isfinite(row).all()
    assert row.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "i feel happy " * 77_000, "😀" * 250_000], ids=["word", "words", "emoji"]
)
def test_a_megabyte_in_one_line(classifier, text):
    assert np.isfinite(classifier.predict_proba([text])).all()


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(), max_size=200))
def test_any_text_is_scored(classifier, text):
    row = classifier.predict_proba([text])
    assert np.isfinite(row).all()
    np.testing.assert_array_equal(row, classifier.predict_proba([mark(text)]))


def test_repr_names_model_labels_and_runtime(classifier):
    assert repr(classifier) == f"EmotionClassifier('bundled', labels={EMOTIONS!r}, runtime=OnnxModel)"


def test_written_texts_have_their_own_temperature_and_sets(classifier):
    plain, written = ["i feel so happy", " i  feel fine"], ["I feel so happy", "so happy!", "café, oh no", "so. " * 900]
    texts = [*plain, *written]
    equal, softer = copy(classifier), copy(classifier)
    equal.calibration = replace(classifier.calibration, written=WrittenText())
    low, high = (PredictionSets({90: (value,) * 6}) for value in (0.0, 0.99))
    softer.calibration = replace(classifier.calibration, prediction_sets=high, written=WrittenText(2.0, low))
    before, after = equal.predict_with_neutral(texts), softer.predict_with_neutral(texts)
    np.testing.assert_array_equal(after[: len(plain)], before[: len(plain)])
    np.testing.assert_array_equal(after[:, -1], before[:, -1])
    np.testing.assert_allclose(after[len(plain) :, :-1], temperature_scaled(before[len(plain) :, :-1], 2.0), atol=1e-6)
    np.testing.assert_array_equal(softer.predict_logits(texts), equal.predict_logits(texts))
    *_, row = softer.predict_in_steps(texts[-1], 512)
    np.testing.assert_allclose(row[0], after[-1], atol=1e-5)
    sets = [prediction.prediction_set(0.9) for prediction in softer.predict(texts)]
    assert all(len(labels) < 2 for labels in sets[: len(plain)])
    assert sets[len(plain) :] == [EMOTIONS] * len(written)
    assert softer.prediction_sets(after[:, :-1], texts=texts).sum(axis=1).tolist() == list(map(len, sets))
    assert softer.prediction_sets(after[:, :-1]).all()


def test_old_names_of_methods_warn(classifier):
    texts = ["i feel so happy today", "the bus leaves at nine"]
    rows = classifier.predict_proba(texts)
    with pytest.warns(DeprecationWarning, match=r"label_sets is now EmotionClassifier\.prediction_sets"):
        np.testing.assert_array_equal(classifier.label_sets(rows), classifier.prediction_sets(rows))
    with pytest.warns(DeprecationWarning, match=r"clear is now EmotionClassifier\.neutral_proba"):
        assert classifier.clear(texts, rows).tolist() == [True, False]


def test_a_single_str_is_an_error(classifier):
    for method in (classifier.predict, classifier.predict_proba):
        with pytest.raises(TypeError, match=r"predict\(\[text\]\)"):
            method("i feel happy")


@pytest.mark.parametrize("rubbish", [3, b"bytes", ["nested"]])
def test_an_error_names_the_position_of_what_is_not_a_text(classifier, rubbish):
    with pytest.raises(TypeError, match=r"texts\[1\] must be a str"):
        classifier.predict_proba(["fine", rubbish])


class Fixed:
    """A runtime that returns the same logits for every row."""

    parameters, tokens_read = None, (0, 0)

    def __init__(self, row):
        self._row = row

    def logits(self, batch):
        return np.tile(np.float32(self._row), (len(batch.lengths), 1))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_logits", "timeline"])
def test_logits_that_are_not_numbers_are_an_error(classifier, monkeypatch, value, method):
    """One check for every runtime."""
    monkeypatch.setattr(classifier._model, "runtime", Fixed([0, 1, value, 0, 0, 0, 0]))
    with pytest.raises(ModelError, match="the model returned NaN or infinity instead of logits"):
        getattr(classifier, method)(["a text"])
    monkeypatch.setattr(classifier._model, "runtime", Fixed([0, 1, -np.inf, 0, 0, 0, 0]))
    assert classifier.predict_proba(["a text"])[0, 2] == 0


def test_call_is_shaped_like_the_pipeline(classifier):
    (one,) = classifier(CARD)
    assert [set(entry) for entry in one] == [{"label", "score"}] * 6
    assert [entry["score"] for entry in one] == sorted((entry["score"] for entry in one), reverse=True)
    assert one[0]["label"] in ("joy", "love")
    assert len(classifier([CARD, "i am sad"])) == 2
    assert classifier([CARD]) == classifier(CARD)


def test_call_returns_the_types_of_the_pipeline(classifier):
    """The same call on a real transformers pipeline gives the same types, nesting and order."""
    transformers = pytest.importorskip("transformers")
    from emoscope.model_folder import BUNDLED

    config = transformers.DistilBertConfig(
        num_labels=6, n_layers=1, n_heads=2, dim=8, hidden_dim=8, id2label=dict(enumerate(EMOTIONS))
    )
    pipeline = transformers.pipeline(
        "text-classification",
        model=transformers.DistilBertForSequenceClassification(config),
        tokenizer=transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(BUNDLED / "tokenizer.json"), pad_token="[PAD]"
        ),
        top_k=None,
        device="cpu",
    )
    for inputs in (CARD, [CARD], [CARD, "i am sad"]):
        assert _form(classifier(inputs)) == _form(pipeline(inputs))


def _form(value):
    if isinstance(value, list):
        return [_form(item) for item in value]
    assert sorted(value) == ["label", "score"]
    return {key: type(item) for key, item in value.items()}


@pytest.mark.parametrize("text", [" ".join(f"word{i} so happy" for i in range(3000)), CARD, "", " \n" * 1000])
def test_steps_end_with_the_same_scores(classifier, text):
    *steps, row = classifier.predict_in_steps(text, 600)
    assert set(steps) == {None}
    assert len(steps) >= classifier.token_counts([text])[0] / 600
    np.testing.assert_allclose(row, classifier.predict_with_neutral([text]), atol=1e-6)
    *steps, logits = classifier.predict_in_steps(text, 600, logits=True)
    np.testing.assert_allclose(logits, classifier.predict_logits([text]), atol=1e-5)
