"""The bundled model on kinds of text that it was not trained on, written by people."""

from __future__ import annotations

import numpy as np

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.data import load_examples
from emoscope.labels import Labels
from real_text import ITEMS


def test_sixty_texts_with_negations_intensifiers_and_emoji():
    predictions = EmotionClassifier.from_pretrained().predict([item.text for item in ITEMS])
    right = [prediction.label in item.labels for prediction, item in zip(predictions, ITEMS, strict=True)]
    assert len(ITEMS) == 60
    assert np.mean(right) >= 0.8


def test_goemotions_comments(goemotions_data):
    names = Labels((goemotions_data / "labels.txt").read_text(encoding="utf-8").split())
    rows = load_examples(goemotions_data / "dev.tsv", labels=names, multi_label=True, text_column=0, label_column=1)
    columns = [names.names.index(emotion) for emotion in EMOTIONS]
    chosen = np.flatnonzero((rows.label_ids.sum(1) == 1) & rows.label_ids[:, columns].any(1))
    probabilities = EmotionClassifier.from_pretrained().predict_proba([rows.texts[row] for row in chosen])
    assert np.mean(probabilities.argmax(1) == rows.label_ids[chosen][:, columns].argmax(1)) >= 0.75
