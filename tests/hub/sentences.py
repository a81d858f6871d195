"""Made-up sentences in the form of the `emotion` data set, each with a label. Knows no file format."""

from __future__ import annotations

import random
from itertools import product

EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")
FEELINGS = {
    "sadness": ("miserable", "lonely", "heartbroken", "gloomy"),
    "joy": ("cheerful", "delighted", "proud", "thankful"),
    "love": ("tender", "affectionate", "adored", "romantic"),
    "anger": ("furious", "irritated", "bitter", "outraged"),
    "fear": ("scared", "anxious", "terrified", "uneasy"),
    "surprise": ("amazed", "astonished", "startled", "stunned"),
}
OPENINGS = ("i feel", "i am feeling", "i woke up feeling", "she said she felt", "we all felt a little", "i didnt feel")
REASONS = (
    "since the letter came",
    "about the long way home",
    "when the music stopped",
    "because of what my brother told me",
    "and i cannot say why",
    "every time the door opens",
)
ROWS_PER_LABEL = {"train": 10, "validation": 5, "test": 5}


def sentences(label: str) -> list[str]:
    """All 144 sentences of one label."""
    return [" ".join(parts) for parts in product(OPENINGS, FEELINGS[label], REASONS)]


def splits(seed: int = 0) -> dict[str, list[tuple[str, int]]]:
    """Rows (text, label id) of train (60), validation (30) and test (30); no text occurs twice."""
    rng = random.Random(seed)
    rows: dict[str, list[tuple[str, int]]] = {split: [] for split in ROWS_PER_LABEL}
    for index, label in enumerate(EMOTIONS):
        pool = iter(rng.sample(sentences(label), sum(ROWS_PER_LABEL.values())))
        for split, count in ROWS_PER_LABEL.items():
            rows[split] += [(next(pool), index) for _ in range(count)]
    for split in rows.values():
        rng.shuffle(split)
    return rows


def corpus() -> list[str]:
    """Texts to train tokenizers on: every sentence, and every ASCII letter and digit at either end of a word."""
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    marks = " ".join("!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~")
    return [*(text for label in EMOTIONS for text in sentences(label)), alphabet, alphabet[::-1], marks]
