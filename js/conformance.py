"""Write `js/test/conformance.jsonl`: texts of all kinds with the scores that the bundled model gives them in Python.

The tests of the JavaScript compare its labels and scores with this file. The texts are made here, from a seed. A text
whose two highest scores differ by less than MIN_MARGIN, or whose `neutral` is that close to 0.5, is left out, because
rounding decides its label. All characters are in Unicode 13, the version of the oldest Python that emoscope supports.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from html import escape
from itertools import chain, count, islice
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from emoscope import EmotionClassifier

FILE = Path(__file__).parent / "test" / "conformance.jsonl"
TEXTS = 2_000
SEED = 20
MIN_MARGIN = 1e-3
DIGITS = 6

PARTS = json.loads((Path(__file__).parent / "conformance_parts.json").read_text("utf-8"))
"""What texts are made of; `texts` are whole ones, and `characters` ranges that are all in Unicode 13, or in none."""
ENCODINGS = ("cp1252", "latin-1", "mac_roman", "cp437", "cp850", "cp1251")
MARKS = "".join(map(chr, range(0x300, 0x340)))
BLOCKS = [range(int(first, 16), int(last, 16) + 1) for first, last in (part.split("-") for part in PARTS["characters"])]
LONG = [
    *("soo" + "o" * 200 + " happy", "x" * 5_000, "é" * 150, "happy " * 700, "I am sad! " * 400, "😀" * 600),
    *("a" + MARKS * 40 + " sad", "今日は悲しい" * 120, "e\u0301" * 800),
    "".join(f"Day {day}: we were happy, then the rain came and nobody slept.\n" for day in range(1, 90)),
]
"""Texts that are long, or whose words are."""


def sentence(random: Random) -> str:
    return " ".join(random.choice(PARTS[part]) for part in ("who", "feel", "how", "why"))


def plain(random: Random) -> str:
    return sentence(random).lower().replace("'", "")


def written(random: Random) -> str:
    text = random.choice(PARTS["openings"]) + sentence(random) + random.choice(PARTS["signs"])
    return text.upper() if random.random() < 0.1 else text[:1].upper() + text[1:]


def with_emoji(random: Random) -> str:
    parts = written(random).split(" ", 1)
    return "".join(part + random.choice(["", " "]) + random.choice(PARTS["emoji"]) + " " for part in parts)


def of_the_web(random: Random) -> str:
    words = written(random).split() + random.choices(PARTS["tags"], k=2) + random.choices(PARTS["links"], k=1)
    random.shuffle(words)
    return " ".join(words)


def in_html(random: Random) -> str:
    text = random.choice(PARTS["html"]).format(written(random))
    return escape(text) if random.random() < 0.3 else text


def contraction(random: Random) -> str:
    return random.choice(PARTS["contractions"]).format(random.choice(PARTS["how"])) + random.choice(
        [" today", " about it.", ""]
    )


def mojibake(random: Random) -> str:
    text = random.choice(PARTS["damaged"]).format(random.choice(PARTS["how"])) + " " + sentence(random)
    for _ in range(random.choice([1, 1, 1, 2])):
        text = text.encode().decode(random.choice(ENCODINGS), random.choice(["replace", "ignore"]))
    return text


def escaped(random: Random) -> str:
    return random.choice(PARTS["escapes"]).format(*random.choices(PARTS["how"], k=2)) + " " + sentence(random)


def foreign(random: Random) -> str:
    return random.choice(PARTS["languages"]) + random.choice(["", ".", "!", f" {random.choice(PARTS['how'])}", " 😀"])


def odd_spaces(random: Random) -> str:
    return "".join(word + random.choice(PARTS["spaces"]) for word in written(random).split())


def marked(random: Random) -> str:
    """Words with combining marks."""
    return "".join(char + "".join(random.choices(MARKS, k=random.choice([0, 0, 1, 3]))) for char in sentence(random))


def characters(random: Random) -> str:
    return "".join(chr(random.choice(random.choice(BLOCKS))) for _ in range(random.randint(1, 40)))


def characters_between_words(random: Random) -> str:
    return "".join(word + chr(random.choice(random.choice(BLOCKS))) for word in sentence(random).split())


def long_text(random: Random) -> str:
    return " ".join(written(random) for _ in range(random.randint(30, 60)))


KINDS: dict[Callable[[Random], str], float] = {
    plain: 12, written: 20, with_emoji: 8, of_the_web: 8, in_html: 6, contraction: 8, mojibake: 10, escaped: 8,
    foreign: 6, odd_spaces: 5, marked: 3, characters: 5, characters_between_words: 5, long_text: 0.6,
}  # fmt: skip
"""Kinds of text, and how often each is made."""


def texts() -> Iterator[str]:
    """Texts without end, all different, as JSON reads them again: two surrogates of a pair are one character."""
    random, kinds, weights, seen = Random(SEED), list(KINDS), list(KINDS.values()), set()
    made = (random.choices(kinds, weights)[0](random) for _ in count())
    for text in map(json.loads, map(json.dumps, chain(PARTS["texts"], LONG, made))):
        if text not in seen:
            seen.add(text)
            yield text


def is_close(row: np.ndarray) -> bool:
    """Whether rounding could change the label of a row, or whether it is neutral."""
    first, second = np.sort(row[:-1])[[-1, -2]]
    return bool(first - second < MIN_MARGIN or abs(row[-1] - 0.5) < MIN_MARGIN)


def lines(classifier: EmotionClassifier) -> list[dict[str, Any]]:
    """The first TEXTS texts whose labels do not depend on rounding, with their scores."""
    candidates = list(islice(texts(), TEXTS * 11 // 10))
    rows = classifier.predict_with_neutral(candidates)
    kept = [
        {
            "text": text,
            "label": classifier.labels[row[:-1].argmax()],
            "scores": [round(score, DIGITS) for score in row[:-1].tolist()],
            "neutral": round(float(row[-1]), DIGITS),
        }
        for text, row in zip(candidates, rows, strict=True)
        if not is_close(row)
    ]
    return kept[:TEXTS]


if __name__ == "__main__":
    content = "".join(f"{json.dumps(line)}\n" for line in lines(EmotionClassifier.from_pretrained()))
    FILE.write_text(content, "utf-8")
    sys.stdout.write(f"{FILE} written\n")
