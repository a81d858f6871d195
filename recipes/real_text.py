"""Writes further training texts, of real and of made-up kind: `python recipes/real_text.py GOEMOTIONS OUT.csv`.

The texts of `dair-ai/emotion` are lower-case, without punctuation, and say "i feel". These are not:

- comments of GoEmotions (Demszky et al., ACL 2020; CC BY 4.0) with exactly one of the six emotions, twice, and some
  whose finer emotion belongs to one of them (`FINER`);
- made-up ones from `words/real_text.toml`: negations, intensifiers, idioms, love of things (joy) and of somebody
  (love), emoji after neutral comments;
- misspelt copies of some of the comments.

A text whose emotion is open ("not happy": sadness or anger) has one of them, drawn. The rows are meant to be dealt out
over the epochs of a training, each learnt once.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")
FINER = {
    "annoyance": "anger",
    "nervousness": "fear",
    "excitement": "joy",
    "pride": "joy",
    "relief": "joy",
    "amusement": "joy",
    "optimism": "joy",
    "gratitude": "joy",
    "disappointment": "sadness",
    "grief": "sadness",
    "remorse": "sadness",
    "caring": "love",
}
UNHAPPY = ("sadness", "sadness", "anger")
UNSURPRISED = ("sadness", "anger", "joy")
SHORT = 80  # characters of a neutral comment that an emoji follows

Row = tuple[str, str]


class MadeUp:
    """Draws made-up texts and their emotions."""

    def __init__(self, words: dict[str, Any], neutral: list[str], draw: random.Random) -> None:
        self.words, self.neutral, self.draw = words, neutral, draw

    def row(self) -> Row:
        """One text and its emotion."""
        kinds: dict[Callable[[], Row], int] = {
            self.negation: 34,
            self.affirmation: 18,
            self.idiom: 14,
            self.praise_or_affection: 24,
            self.emoji: 20,
            self.agreeing_emoji: 10,
        }
        kind = self.draw.choices(list(kinds), weights=list(kinds.values()))[0]
        text, emotion = kind()
        if kind not in (self.emoji, self.agreeing_emoji):
            text = self.draw.choice(self.words["beginnings"]) + text + self.draw.choice(self.words["endings"])
        return " ".join(text.split()), emotion

    def negation(self) -> Row:
        """Not happy, not sad; not angry, just tired of it."""
        emotion = self.draw.choice(EMOTIONS)
        if emotion in ("anger", "fear") and self.draw.random() < 0.2:
            other = self.draw.choice([other for other in ("sadness", "anger", "fear") if other != emotion])
            return self.fill("contrasts", emotion, other=self.draw.choice(self.words[other]["words"])), other
        opposite = {"joy": UNHAPPY, "love": UNHAPPY, "surprise": UNSURPRISED}.get(emotion, ("joy",))
        return self.fill("negations", emotion), self.draw.choice(opposite)

    def affirmation(self) -> Row:
        """Happy, more or less."""
        emotion = self.draw.choice(EMOTIONS)
        return self.fill("affirmations", emotion), emotion

    def idiom(self) -> Row:
        """An emotion without its name."""
        emotion = self.draw.choice(EMOTIONS)
        return self.draw.choice(self.words[emotion]["idioms"]), emotion

    def praise_or_affection(self) -> Row:
        """Love of a thing, which is joy, or of somebody."""
        drawn = {name: self.draw.choice(self.words[f"{name}s"]) for name in ("thing", "reason", "person")}
        patterns, emotion = self.draw.choice((("praises", "joy"), ("affections", "love")))
        return str(self.draw.choice(self.words[patterns]).format(**drawn)), emotion

    def emoji(self) -> Row:
        """Words that say nothing, and emoji that do."""
        emotion = self.draw.choice(EMOTIONS)
        text = self.draw.choice(self.neutral if self.draw.random() < 0.6 else self.words["messages"])
        marks = self.marks(emotion, (1, 1, 1, 2, 3))
        return (f"{text} {marks}" if self.draw.random() < 0.9 else f"{marks} {text}"), emotion

    def agreeing_emoji(self) -> Row:
        """Words and emoji that say the same."""
        text, emotion = self.draw.choice((self.idiom, self.affirmation, self.negation))()
        return f"{text} {self.marks(emotion, (1, 1, 2))}", emotion

    def fill(self, patterns: str, emotion: str, **more: str) -> str:
        """A pattern with an emotion's words."""
        own = self.words[emotion]
        drawn = {"who": self.draw.choice(self.words["who"]), "word": self.draw.choice(own["words"])}
        return str(self.draw.choice(self.words[patterns]).format(**drawn, what=self.draw.choice(own["what"]), **more))

    def marks(self, emotion: str, counts: tuple[int, ...]) -> str:
        """An emoji of an emotion, once or several times."""
        return str(self.draw.choice(self.words[emotion]["emoji"])) * self.draw.choice(counts)


def comments(folder: Path) -> list[tuple[str, set[str]]]:
    """Texts of GoEmotions' train split, each with the names of its emotions."""
    names = (folder / "labels.txt").read_text(encoding="utf-8").split()
    lines = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()
    cells = (line.split("\t") for line in lines)
    return [(text, {names[int(number)] for number in numbers.split(",")}) for text, numbers, _ in cells]


def of_the_six(rows: list[tuple[str, set[str]]]) -> list[Row]:
    """Texts with exactly one of the six emotions, whatever else they have."""
    own = ((text, emotions & set(EMOTIONS)) for text, emotions in rows)
    return [(text, next(iter(emotions))) for text, emotions in own if len(emotions) == 1]


def of_finer(rows: list[tuple[str, set[str]]]) -> list[Row]:
    """Texts with none of the six, whose finer emotions belong to one of them."""
    others = (
        (text, {FINER[name] for name in emotions & set(FINER)})
        for text, emotions in rows
        if not emotions & set(EMOTIONS)
    )
    return [(text, next(iter(emotions))) for text, emotions in others if len(emotions) == 1]


def misspelt(text: str, draw: random.Random) -> str:
    """Some words with a letter lost, doubled or swapped with the next."""
    return " ".join(_slip(word, draw) if len(word) > 3 and draw.random() < 0.12 else word for word in text.split())


def _slip(word: str, draw: random.Random) -> str:
    at = draw.randrange(1, len(word) - 1)
    first, letter, following, rest = word[:at], word[at], word[at + 1], word[at + 2 :]
    return first + draw.choice((following, letter * 2 + following, following + letter)) + rest


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goemotions", type=Path, help="folder with train.tsv and labels.txt")
    parser.add_argument("output", type=Path, help="table with the columns text and label")
    parser.add_argument("--finer", type=int, default=5000, help="comments with a finer emotion")
    parser.add_argument("--made-up", type=int, default=25_000, help="made-up texts")
    parser.add_argument("--misspelt", type=int, default=5000, help="misspelt copies")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

    draw = random.Random(args.seed)
    rows = comments(args.goemotions)
    own = of_the_six(rows)
    neutral = [text for text, emotions in rows if emotions == {"neutral"} and len(text) < SHORT]
    made_up = MadeUp(
        toml.loads((Path(__file__).parent / "words" / "real_text.toml").read_text(encoding="utf-8")), neutral, draw
    )
    written = own + own + draw.sample(of_finer(rows), args.finer)
    written += [made_up.row() for _ in range(args.made_up)]
    written += [(misspelt(text, draw), emotion) for text, emotion in draw.sample(own, args.misspelt)]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *written])
    print(f"{args.output}: {len(written):,} texts")


if __name__ == "__main__":
    main()
