import json
import subprocess
import sys
from dataclasses import asdict
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.explanation import MAX_WORDS, METHODS, Words, explain
from emoscope.manifest import Manifest, read_manifest, write_manifest
from emoscope.model_folder import open_folder
from emoscope.text import normalize

RECIPE = Path(__file__).parents[1] / "recipes" / "ambiguous_keywords.py"
SENTENCES = [
    "i feel so happy today",
    "I'm NOT angry, just sad!!!",
    "😀😭 #SoHappy :( https://a.b/c @you",
    "  two  spaces\nand a line  ",
    "",
    "?!",
    "i feel \ud800 lost",
]
any_text = st.text(max_size=40) | st.lists(
    st.sampled_from(["happy", "I'm", "-", " ", "😀", "❤️", "#So", ":(", "我", "'", "  ", "&amp;"]), max_size=12
).map("".join)
both_methods = pytest.mark.parametrize("method", list(METHODS))


class Reader:
    """Two labels; the probability of the first is a function of the text's words. Records the texts that it scores."""

    labels = ("yes", "no")

    def __init__(self, value):
        self._value = value
        self.scored = []

    def predict_proba(self, texts):
        self.scored += texts
        yes = np.array([self._value(frozenset(text.split())) for text in texts], np.float32)
        return np.stack([yes, 1 - yes], axis=1).reshape(-1, 2)


def weights(explanation):
    return {word.word: word.weight for word in explanation.words}


def exact_shapley(value, words):
    """Shapley's definition (1953), over all subsets of the other words."""
    count = len(words)
    result = {}
    for word in words:
        others = [other for other in words if other != word]
        subsets = [frozenset(some) for size in range(count) for some in combinations(others, size)]
        share = [factorial(len(some)) * factorial(count - len(some) - 1) / factorial(count) for some in subsets]
        result[word] = sum(s * (value(some | {word}) - value(some)) for s, some in zip(share, subsets, strict=True))
    return result


@pytest.fixture(scope="module")
def classifier():
    return EmotionClassifier.from_pretrained()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("i feel happy", ["i", "feel", "happy"]),
        ("I don't... REALLY?!", ["I", "don't", "REALLY"]),
        ("rock’n’roll, well-known", ["rock’n’roll", "well", "known"]),
        ("#SoHappy @you (https://a.b/c?d)", ["#SoHappy", "@you", "https://a.b/c?d)"]),
        ("yes😀❤️👩‍👩‍👧 no", ["yes", "😀", "❤️", "👩‍👩‍👧", "no"]),
        ("well :( and <3", ["well", ":(", "and", "<3"]),
        ("我很高兴 नमस्ते café", ["我", "很", "高", "兴", "नमस्ते", "café"]),
        ("", []),
        (" ?! ", []),
    ],
)
def test_words_of_a_text(text, words):
    assert [text[start:end] for start, end in Words(text).spans] == words


@given(any_text)
def test_spans_are_ordered_and_do_not_overlap(text):
    flat = [place for span in Words(text).spans for place in span]
    assert flat == sorted(flat)
    assert all(start < end for start, end in Words(text).spans)


@given(any_text, st.data())
def test_kept_words_are_unchanged_and_others_removed(text, data):
    words = Words(text)
    mask = data.draw(st.lists(st.booleans(), min_size=len(words.spans), max_size=len(words.spans)))
    spoken = [text[start:end] for (start, end), keep in zip(words.spans, mask, strict=True) if keep]
    perturbed = words.keep(mask)
    place = 0
    for word in spoken:
        assert word in perturbed[place:]
        place = perturbed.index(word, place) + len(word)
    assert words.keep([True] * len(mask)) == text
    left = words.keep([False] * len(mask))
    assert sum(map(str.isalnum, left)) == sum(map(str.isalnum, text)) - sum(
        char.isalnum() for start, end in words.spans for char in text[start:end]
    )


@pytest.mark.parametrize(
    ("text", "out", "left"),
    [
        ("i feel happy today", {2}, "i feel today"),
        ("i feel happy today", {3}, "i feel happy"),
        ("happy, so happy", {0}, ", so happy"),
        ("so😀happy", {1}, "so happy"),
        ("one-two-three", {1}, "one-- three"),
        ("i feel happy today", {0, 1, 2, 3}, ""),
    ],
)
def test_a_text_without_a_word(text, out, left):
    words = Words(text)
    assert words.keep([place not in out for place in range(len(words.spans))]) == left


@both_methods
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=8))
def test_additive_words_have_their_contribution_as_weight(method, adds):
    added = {f"w{place}": value / 200 for place, value in enumerate(adds)}
    reader = Reader(lambda words: 0.5 + sum(added[word] for word in words))
    (explained,) = explain(reader, [" ".join(added)], method=method)
    sign = 1 if explained.label == "yes" else -1
    assert weights(explained) == pytest.approx({word: sign * value for word, value in added.items()}, abs=1e-6)


def together(words):
    """Two words that count only together, and one that counts with either of them."""
    return 0.1 + 0.6 * ({"very", "glad"} <= words) + 0.2 * ("now" in words and not words.isdisjoint({"very", "glad"}))


def test_leave_one_out_is_the_loss_without_the_word():
    (explained,) = explain(Reader(together), ["very glad now"])
    assert weights(explained) == pytest.approx({"very": 0.6, "glad": 0.6, "now": 0.2}, abs=1e-6)


def test_shapley_approaches_the_definition(monkeypatch):
    monkeypatch.setattr("emoscope.explanation.PERMUTATIONS", 4000)
    (explained,) = explain(Reader(together), ["very glad now then"], method="shapley")
    assert weights(explained) == pytest.approx(exact_shapley(together, ["very", "glad", "now", "then"]), abs=0.01)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(SENTENCES), st.integers(0, 99))
def test_shapley_weights_sum_to_the_contribution_of_all_words(classifier, text, seed):
    (explained,) = classifier.explain([text], method="shapley", seed=seed)
    words = Words(text)
    nothing = classifier.predict([words.keep([False] * len(words.spans))])[0].scores[explained.label]
    assert sum(word.weight for word in explained.words) == pytest.approx(explained.score - nothing, abs=1e-5)


@both_methods
def test_label_and_score_are_those_of_predict(classifier, method):
    for explained, predicted in zip(
        classifier.explain(SENTENCES, method=method), classifier.predict(SENTENCES), strict=True
    ):
        assert explained.label == predicted.label
        assert explained.score == pytest.approx(predicted.score, abs=1e-5)
        assert [explained.text[word.start : word.end] for word in explained.words] == [w.word for w in explained.words]
        assert "".join(piece for piece, _ in explained.pieces()) == explained.text


@both_methods
def test_an_explanation_does_not_depend_on_the_other_texts(classifier, method):
    together = classifier.explain(SENTENCES, method=method, seed=7)
    for text, explained in zip(SENTENCES, together, strict=True):
        (alone,) = classifier.explain([text], method=method, seed=7)
        assert [w.weight for w in alone.words] == pytest.approx([w.weight for w in explained.words], abs=1e-5)


def test_weights_depend_on_the_seed():
    def value(words):
        return len(words) ** 2 / 100 if "a" in words else 0.0

    of = [weights(explain(Reader(value), ["a b c d e f g h"], method="shapley", seed=seed)[0]) for seed in (3, 3, 4)]
    assert of[0] == of[1] != of[2]


def test_the_word_for_the_emotion_has_the_largest_weight(classifier):
    texts = ["i feel so happy today", "I'm FURIOUS, really!", "i was terrified of the dark"]
    words = [explained.strongest(1)[0].word for explained in classifier.explain(texts)]
    assert words == ["happy", "FURIOUS", "terrified"]


def test_equal_perturbations_are_scored_once():
    reader = Reader(lambda words: len(words) / 10)
    explain(reader, ["a b c", "b c", "a b c"])
    assert len(reader.scored) == len(set(reader.scored))
    assert set(reader.scored) == {"a b c", "b c", "a c", "a b", "c", "b"}


def test_batches_are_bounded(monkeypatch):
    monkeypatch.setattr("emoscope.explanation.BATCH_CHARACTERS", 20)
    reader = Reader(lambda words: 0.4 * ("a" in words) + 0.3 * ("f" in words))
    (explained,) = explain(reader, ["a b c d e f"])
    assert weights(explained) == pytest.approx({"a": 0.4, "b": 0, "c": 0, "d": 0, "e": 0, "f": 0.3}, abs=1e-6)
    assert len(reader.scored) == 7


def test_a_long_text_is_explained_in_runs_of_words():
    text = "so and so " * 400 + "happy " + "and so on " * 400
    reader = Reader(lambda words: 0.2 + 0.7 * ("happy" in words))
    (explained,) = explain(reader, [text])
    assert len(explained.words) <= MAX_WORDS
    strongest, second = explained.strongest(2)
    assert "happy" in strongest.word
    assert strongest.weight == pytest.approx(0.7, abs=1e-6)
    assert second.weight == 0


def test_no_texts():
    assert explain(Reader(len), []) == []


def test_an_unknown_method_is_an_error(classifier):
    with pytest.raises(ValueError, match="no method 'lime'; allowed: loo, shapley"):
        classifier.explain(["i feel happy"], method="lime")


def test_a_single_str_is_an_error(classifier):
    with pytest.raises(TypeError, match="a single str"):
        classifier.explain("i feel happy")


def test_the_top_label_of_several_is_explained():
    class Apart(Reader):
        def predict_proba(self, texts):
            return np.array([[0.3 + 0.6 * ("glad" in text), 0.2 + 0.1 * ("sad" in text)] for text in texts], np.float32)

    (explained,) = explain(Apart(None), ["glad and sad"])
    assert (explained.label, explained.score) == ("yes", pytest.approx(0.9))
    assert weights(explained) == pytest.approx({"glad": 0.6, "and": 0, "sad": 0}, abs=1e-6)


TABLE = {"sweet": {"joy": 0.49, "love": 0.48}, "inhibited": {"sadness": 0.68, "fear": 0.32}}


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("i feel SWEET !", "sweet: joy or love about evenly in the training data (49% and 48% of its rows)"),
        ("he felt #inhibited there", "inhibited: sadness or fear in the training data (68% and 32% of its rows)"),
        ("inhibited with glad", "None"),
        ("so so so", "None"),
        ("", "None"),
    ],
)
def test_an_ambiguous_word_that_decides_is_named(text, note):
    adds = {"SWEET": 0.3, "#inhibited": 0.3, "inhibited": 0.2, "glad": 0.4}
    reader = Reader(lambda words: 0.1 + sum(adds.get(word, 0) for word in words))
    (explained,) = explain(reader, [text], ambiguous_keywords=TABLE)
    assert str(explained.ambiguous) == note


def test_a_word_with_a_small_weight_does_not_decide():
    reader = Reader(lambda words: 0.9 + 0.05 * ("sweet" in words))
    (explained,) = explain(reader, ["sweet or not"], ambiguous_keywords=TABLE)
    assert explained.strongest(1)[0].word == "sweet" and explained.ambiguous is None


def test_json_and_html_are_made_of_the_fields(classifier):
    explained = explain(classifier, ["<b>I'm</b> SWEET & \x1b \ud800"], ambiguous_keywords=TABLE)[0]
    assert json.loads(json.dumps(asdict(explained)))["words"][1]["word"] == "I'm"
    html = explained._repr_html_()
    assert "<b>I" not in html and "&lt;" in html and "&amp;" in html
    assert "\x1b" not in html and html.encode("utf-8")
    assert "about evenly" in html and ">SWEET</mark>" in html


def test_a_model_folder_says_which_words_are_ambiguous(tmp_path, emotion_data, classifier):
    folder = tmp_path / "model"
    folder.mkdir()
    bundled = open_folder(Path(sys.modules["emoscope"].__file__).parent / "bundled")
    for name in bundled.manifest.files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((bundled.path / name).read_bytes())
    write_manifest(folder, Manifest(normalizer="plain", parity={"as_trained": 1}))
    subprocess.run([sys.executable, RECIPE, folder, "--data", emotion_data], check=True, capture_output=True)
    table = read_manifest(folder).ambiguous_keywords
    assert 20 <= len(table) <= 25 and {"sweet", "weird", "overwhelmed"} <= set(table)
    for word, shares in table.items():
        first, second = shares.values()
        assert 0 < second <= first < 0.7 and first + second <= 1 and normalize(word) == word
        assert set(shares) <= set(EMOTIONS)
    assert read_manifest(folder).parity == {"as_trained": 1}
    (explained,) = EmotionClassifier.from_pretrained(folder).explain(["i feel sweet"])
    assert explained.ambiguous is not None and explained.ambiguous.word == "sweet"
