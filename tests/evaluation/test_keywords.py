"""Keywords found in rows that were generated from known ones."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from emoscope.data import Examples, load_splits
from emoscope.errors import DataError
from emoscope.evaluation import evaluate, fit_keywords
from emoscope.evaluation.keywords import MIN_ROWS
from emoscope.labels import Labels

LABELS = Labels(("sadness", "joy", "love"))
WORDS = {"gloomy": (60, 0, 0), "cheerful": (0, 60, 0), "smitten": (0, 0, 60), "odd": (22, 18, 0)}


def _examples(words: dict[str, tuple[int, ...]], split: str = "train") -> Examples:
    """Rows "i feel WORD today N": as many of each word under each label as `words` says."""
    rows = [
        (f"i feel {word} today {number}", label_id)
        for word, counts in words.items()
        for label_id, count in enumerate(counts)
        for number in range(count)
    ]
    texts, label_ids = zip(*rows, strict=True)
    return Examples(list(texts), np.array(label_ids, np.int64), LABELS, "made", split)


def test_a_word_shared_by_two_labels_is_ambiguous_and_the_others_are_not() -> None:
    keywords = fit_keywords(_examples(WORDS))
    assert list(keywords.ambiguous) == ["odd"]
    odd = keywords.ambiguous["odd"]
    assert (odd.rows, odd.label, odd.share) == (40, "sadness", pytest.approx(22 / 40))


@pytest.mark.parametrize(
    ("counts", "ambiguous"),
    [
        ((MIN_ROWS // 2, MIN_ROWS - MIN_ROWS // 2, 0), True),
        ((MIN_ROWS // 2, MIN_ROWS - 1 - MIN_ROWS // 2, 0), False),
        ((70, 30, 0), False),
        ((69, 31, 0), True),
    ],
    ids=["just enough rows", "one row too few", "a majority of 70 %", "a majority of 69 %"],
)
def test_limits_of_ambiguity(counts: tuple[int, ...], ambiguous: bool) -> None:
    keywords = fit_keywords(_examples(WORDS | {"weird": counts, "odd": (0, 0, 0)}))
    assert ("weird" in keywords.ambiguous) is ambiguous


def test_the_keyword_of_a_text_is_its_strongest_word() -> None:
    keywords = fit_keywords(_examples(WORDS))
    assert keywords.keyword("i feel odd and smitten") == "smitten"
    assert keywords.keyword("odd i feel") == "odd"
    assert keywords.keyword("unheard of") == keywords.keyword("") == ""


def test_keywords_are_found_despite_capitals_and_punctuation() -> None:
    keywords = fit_keywords(_examples(WORDS))
    written = ["I feel ODD about it.", "I feel odd.", "Odd, but cheerful!"]
    assert keywords.decides(written).tolist() == [True, True, False]
    assert keywords.contains(written).all()
    assert keywords.ceiling(written[:1]) == pytest.approx(22 / 40)
    plain = _examples(WORDS)
    shouted = Examples([f"{text.upper()}!" for text in plain.texts], plain.label_ids, LABELS, "made", "train")
    assert fit_keywords(shouted).ambiguous == keywords.ambiguous


def _naive_keyword(text: str, rows: Examples) -> str:
    base = [float(np.mean(rows.label_ids == label_id)) for label_id in range(3)]

    def strength(word: str) -> float:
        ids = [i for row, i in zip(rows.texts, rows.label_ids, strict=True) if word in row.split()]
        shares = [(ids.count(i) + 2 * base[i]) / (len(ids) + 2) for i in range(3)]
        return sum(share * math.log(share / base[i]) for i, share in enumerate(shares))

    return max(text.split(), key=strength)


def test_strength_follows_its_formula() -> None:
    rng = np.random.default_rng(5)
    vocabulary = np.array([f"w{i}" for i in range(30)])
    label_ids = np.sort(rng.integers(3, size=60))
    picks = (rng.geometric(0.15, size=(60, 8)) + 3 * label_ids[:, None]) % 30
    rows = Examples([" ".join(vocabulary[pick]) for pick in picks], label_ids, LABELS, "made", None)
    keywords = fit_keywords(rows)
    got = [keywords.keyword(text) for text in rows.texts]
    assert got == [_naive_keyword(text, rows) for text in rows.texts]
    assert len(set(got)) > 5


def test_an_ambiguous_word_next_to_a_stronger_one_does_not_decide() -> None:
    keywords = fit_keywords(_examples(WORDS))
    texts = ["i feel odd", "odd but cheerful", "i feel cheerful", "oddly cheerful"]
    assert keywords.contains(texts).tolist() == [True, True, False, False]
    assert keywords.decides(texts).tolist() == [True, False, False, False]
    assert keywords.contains([]).shape == (0,)


def test_ceiling_counts_ambiguous_rows_with_the_majority_share() -> None:
    keywords = fit_keywords(_examples(WORDS))
    assert keywords.ceiling(["i feel cheerful", "i feel gloomy"]) == 1.0
    assert keywords.ceiling(["i feel odd"]) == pytest.approx(22 / 40)
    assert keywords.ceiling(["i feel odd", "gloomy", "who", "odd but smitten"]) == pytest.approx((22 / 40 + 3) / 4)
    assert keywords.ceiling(_examples(WORDS).texts) == pytest.approx(1 - 18 / 220)


def test_predicted_probabilities_are_label_shares_of_the_keyword() -> None:
    keywords = fit_keywords(_examples(WORDS))
    got = keywords.predict_proba(["i feel odd", "cheerful", "unheard of"])
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [[22 / 40, 18 / 40, 0], [0, 1, 0], [82 / 220, 78 / 220, 60 / 220]], rtol=1e-6)
    assert keywords.predict_proba([]).shape == (0, 3)


def test_labels_without_rows_are_allowed() -> None:
    keywords = fit_keywords(_examples({"gloomy": (30, 0, 0), "cheerful": (0, 30, 0)}))
    assert keywords.predict_proba(["gloomy"]).tolist() == [[1.0, 0.0, 0.0]]


def test_no_rows_are_an_error() -> None:
    with pytest.raises(DataError, match="made has no rows"):
        fit_keywords(Examples([], np.zeros(0, np.int64), LABELS, "made", None))


def test_report_has_the_accuracy_of_the_keyword_rule() -> None:
    keywords = fit_keywords(_examples(WORDS))
    rows = _examples({"odd": (1, 3, 0), "gloomy": (6, 0, 0)}, "validation")
    report = evaluate(keywords, rows, model_name="one keyword", keywords=keywords)
    assert json.loads(json.dumps(report["ambiguity"], allow_nan=False)) == {
        "keywords": 1,
        "ceiling": pytest.approx((6 + 4 * 22 / 40) / 10),
        "rule_accuracy": pytest.approx(0.7),
        "decided": {"rows": 4, "accuracy": 0.25},
        "with_keyword": {"rows": 4, "accuracy": 0.25},
        "without_keyword": {"rows": 6, "accuracy": 1.0},
    }


def test_keywords_of_the_emotion_data(emotion_data: Path) -> None:
    """The data set's own README names five of the words, about 11 % of rows, and a ceiling near 0.95."""
    splits = load_splits(emotion_data)
    keywords = fit_keywords(splits["train"])
    assert {"weird", "overwhelmed", "sweet", "passionate", "amazing"} <= keywords.ambiguous.keys()
    assert 15 <= len(keywords.ambiguous) <= 30
    assert keywords.contains(splits["validation"].texts).mean() == pytest.approx(0.11, abs=0.01)
    assert keywords.ceiling(splits["validation"].texts) == pytest.approx(0.953, abs=0.003)
    report = evaluate(keywords, splits["validation"], model_name="one keyword", keywords=keywords)
    assert 0.86 < report["accuracy"] < report["ambiguity"]["ceiling"]
    assert report["ambiguity"]["decided"]["accuracy"] < 0.6 < report["ambiguity"]["without_keyword"]["accuracy"]
