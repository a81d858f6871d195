"""Rows with known issues."""

from __future__ import annotations

import random

import numpy as np

from emoscope.data import Examples
from emoscope.labels import Labels

LABELS = Labels(("calm", "cross"))
CALM = ("peaceful", "serene", "relaxed", "placid")
CROSS = ("furious", "livid", "irate", "seething")


def rows(*pairs: tuple[str, str], split: str | None = "train", labels: Labels = LABELS) -> Examples:
    """Examples of texts and label names."""
    ids = np.array([labels.index(label) for _, label in pairs], np.int64)
    return Examples([text for text, _ in pairs], ids, labels, "made", split)


def clean(start: int = 0, count: int = 40) -> list[tuple[str, str]]:
    """Different texts whose words give away their label."""
    random_words = random.Random(start)
    pairs = []
    for number in range(start, start + count):
        label, words = (("calm", CALM), ("cross", CROSS))[number % 2]
        filler = " ".join("".join(random_words.choices("abcdefgh", k=5)) for _ in range(6))
        pairs.append((f"{filler} {words[number // 2 % 4]}", label))
    return pairs
