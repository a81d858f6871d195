"""A teacher for the tests: it knows the keywords of the tiny data, and logs the texts that it scores."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

import tiny
from emoscope.labels import EMOTIONS

LABEL_OF_WORD = {word: EMOTIONS.index(emotion) for emotion, words in tiny.KEYWORDS.items() for word in words}
PROBABILITIES = np.array([0.55, 0.3, 0.06, 0.04, 0.03, 0.02], np.float32)


class KeywordTeacher:
    """Gives 0.55 to a text's emotion, 0.3 to the next one, and so on; the same to each where it knows no word."""

    def __init__(self, labels=EMOTIONS, log=None):
        self.labels = tuple(labels)
        self.log = log

    def predict_proba(self, texts):
        if self.log:
            with self.log.open("a") as file:
                file.writelines(f"{json.dumps(text)}\n" for text in texts)
        order = [self.labels.index(emotion) for emotion in EMOTIONS]
        scored = np.full((len(texts), 6), 1 / 6, np.float32)
        for row, text in zip(scored, texts, strict=True):
            known = [LABEL_OF_WORD[word] for word in text.split() if word in LABEL_OF_WORD]
            if known:
                row[order] = np.roll(PROBABILITIES, known[0])
        return scored


def noisy(split, repeat, seed):
    """Rows whose labels are drawn from the teacher's probabilities."""
    rows = tiny.examples(split, repeat)
    random = np.random.default_rng(seed)
    drawn = [random.choice(6, p=row / row.sum()) for row in KeywordTeacher().predict_proba(rows.texts).astype(float)]
    return replace(rows, label_ids=np.array(drawn, np.int64))
