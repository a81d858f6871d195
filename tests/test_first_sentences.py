"""The list of sentences that people try first, and the bundled model's answers to them."""

from __future__ import annotations

from collections import Counter

import numpy as np

from emoscope import EMOTIONS, EmotionClassifier
from sentence_list import FILE, answer, read_sentences

SENTENCES = read_sentences()
ANSWERS = {*EMOTIONS, "neutral"}
KINDS = {
    "sarcasm",
    "negation",
    "slang",
    "idioms",
    "emoji",
    "mixed_feelings",
    "questions",
    "facts",
    "names",
    "other_languages",
    "threats",
    "grief",
    "product_complaints",
    "praise",
    "wishes_and_past",
    "plain_events",
    "identity",
    "despair",
    "single_words",
}
SHARE_OF_BUNDLED = 0.70
"""Smallest accepted share of right answers of the bundled model."""


def test_header_and_number_of_rows():
    assert FILE.read_text("utf-8").startswith("text,answers,kind\n")
    assert len(SENTENCES) == 200


def test_texts_are_unique_and_not_blank():
    texts = {sentence.text.strip().lower() for sentence in SENTENCES}
    assert len(texts) == 200
    assert "" not in texts


def test_answers_are_allowed():
    for sentence in SENTENCES:
        assert set(sentence.answers) <= ANSWERS, sentence
        assert 1 <= len(set(sentence.answers)) == len(sentence.answers) <= 3, sentence


def test_at_most_a_quarter_has_several_answers():
    assert sum(len(sentence.answers) > 1 for sentence in SENTENCES) <= 50


def test_each_answer_is_the_first_of_at_least_18_rows():
    counts = Counter(sentence.answers[0] for sentence in SENTENCES)
    assert {name for name, count in counts.items() if count >= 18} == ANSWERS


def test_each_kind_has_10_to_16_rows():
    counts = Counter(sentence.kind for sentence in SENTENCES)
    assert set(counts) == KINDS
    assert all(10 <= count <= 16 for count in counts.values())


def test_bundled_model_answers_as_people_do():
    predictions = EmotionClassifier.from_pretrained().predict([sentence.text for sentence in SENTENCES])
    pairs = zip(predictions, SENTENCES, strict=True)
    assert np.mean([answer(prediction) in sentence.answers for prediction, sentence in pairs]) >= SHARE_OF_BUNDLED
