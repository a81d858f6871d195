"""Write extra training texts, real and made-up ones: `python recipes/real_text.py GOEMOTIONS OUT.csv`.

The texts of `dair-ai/emotion` are lower-case, without punctuation, and contain "i feel". These texts are different:

- comments of GoEmotions (Demszky et al., ACL 2020; CC BY 4.0) with exactly one of the six emotions, twice each, and
  some with a finer emotion that belongs to one of them (`FINER`);
- texts made up from `words/real_text.toml`: negations, intensifiers, idioms, love of things (joy) and of people (love),
  emoji after neutral comments;
- misspelt copies of some of the comments.

Where a text may have one of several emotions ("not happy": sadness or anger), one is drawn at random. The table is
meant for the recipe key `extra_data`, which uses each row in one epoch.
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
MAX_NEUTRAL = 80  # characters of a neutral comment that emoji are added to

Row = tuple[str, str]


class MadeUp:
    """Makes up texts with their emotions, at random."""

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
        """A negated emotion, such as "not happy" or "not angry, just tired"."""
        emotion = self.draw.choice(EMOTIONS)
        if emotion in ("anger", "fear") and self.draw.random() < 0.2:
            other = self.draw.choice([other for other in ("sadness", "anger", "fear") if other != emotion])
            return self.fill("contrasts", emotion, other=self.draw.choice(self.words[other]["words"])), other
        opposite = {"joy": UNHAPPY, "love": UNHAPPY, "surprise": UNSURPRISED}.get(emotion, ("joy",))
        return self.fill("negations", emotion), self.draw.choice(opposite)

    def affirmation(self) -> Row:
        """An emotion with or without an intensifier, such as "very happy"."""
        emotion = self.draw.choice(EMOTIONS)
        return self.fill("affirmations", emotion), emotion

    def idiom(self) -> Row:
        """An idiom for an emotion, without its name."""
        emotion = self.draw.choice(EMOTIONS)
        return self.draw.choice(self.words[emotion]["idioms"]), emotion

    def praise_or_affection(self) -> Row:
        """Love of a thing, which is joy, or of a person, which is love."""
        drawn = {name: self.draw.choice(self.words[f"{name}s"]) for name in ("thing", "reason", "person")}
        patterns, emotion = self.draw.choice((("praises", "joy"), ("affections", "love")))
        return str(self.draw.choice(self.words[patterns]).format(**drawn)), emotion

    def emoji(self) -> Row:
        """A neutral text with emoji of an emotion."""
        emotion = self.draw.choice(EMOTIONS)
        text = self.draw.choice(self.neutral if self.draw.random() < 0.6 else self.words["messages"])
        marks = self.marks(emotion, (1, 1, 1, 2, 3))
        return (f"{text} {marks}" if self.draw.random() < 0.9 else f"{marks} {text}"), emotion

    def agreeing_emoji(self) -> Row:
        """A text and emoji of the same emotion."""
        text, emotion = self.draw.choice((self.idiom, self.affirmation, self.negation))()
        return f"{text} {self.marks(emotion, (1, 1, 2))}", emotion

    def fill(self, patterns: str, emotion: str, **more: str) -> str:
        """A pattern filled with words of an emotion."""
        of_emotion = self.words[emotion]
        who, word = self.draw.choice(self.words["who"]), self.draw.choice(of_emotion["words"])
        pattern, what = self.draw.choice(self.words[patterns]), self.draw.choice(of_emotion["what"])
        return str(pattern.format(who=who, word=word, what=what, **more))

    def marks(self, emotion: str, counts: tuple[int, ...]) -> str:
        """One emoji of an emotion, once or several times."""
        return str(self.draw.choice(self.words[emotion]["emoji"])) * self.draw.choice(counts)


def comments(folder: Path) -> list[tuple[str, set[str]]]:
    """Comments of GoEmotions' train split, each with the names of its emotions."""
    names = (folder / "labels.txt").read_text(encoding="utf-8").split()
    lines = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()
    cells = (line.split("\t") for line in lines)
    return [(text, {names[int(number)] for number in numbers.split(",")}) for text, numbers, _ in cells]


def with_one_of_the_six(rows: list[tuple[str, set[str]]]) -> list[Row]:
    """Comments with exactly one of the six emotions, and any other labels."""
    of_the_six = ((text, emotions & set(EMOTIONS)) for text, emotions in rows)
    return [(text, next(iter(emotions))) for text, emotions in of_the_six if len(emotions) == 1]


def with_finer_emotion(rows: list[tuple[str, set[str]]]) -> list[Row]:
    """Comments without one of the six emotions, whose finer emotions belong to one of them."""
    others = (
        (text, {FINER[name] for name in emotions & set(FINER)})
        for text, emotions in rows
        if not emotions & set(EMOTIONS)
    )
    return [(text, next(iter(emotions))) for text, emotions in others if len(emotions) == 1]


def misspelt(text: str, draw: random.Random) -> str:
    """The text with typing errors: in some words a letter is missing, doubled or swapped with the next."""
    return " ".join(_with_typo(word, draw) if len(word) > 3 and draw.random() < 0.12 else word for word in text.split())


def _with_typo(word: str, draw: random.Random) -> str:
    at = draw.randrange(1, len(word) - 1)
    first, letter, following, rest = word[:at], word[at], word[at + 1], word[at + 2 :]
    return first + draw.choice((following, letter * 2 + following, following + letter)) + rest


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goemotions", type=Path, help="GoEmotions: folder with train.tsv and labels.txt")
    parser.add_argument("output", type=Path, help="table to write, with the columns text and label")
    parser.add_argument("--comments", type=int, default=2, help="times that comments with one of the six are written")
    parser.add_argument("--finer", type=int, default=5000, help="number of comments with a finer emotion")
    parser.add_argument("--made-up", type=int, default=25_000, help="number of made-up texts")
    parser.add_argument("--misspelt", type=int, default=5000, help="number of misspelt copies")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

    draw = random.Random(args.seed)
    rows = comments(args.goemotions)
    single = with_one_of_the_six(rows)
    neutral = [text for text, emotions in rows if emotions == {"neutral"} and len(text) < MAX_NEUTRAL]
    made_up = MadeUp(
        toml.loads((Path(__file__).parent / "words" / "real_text.toml").read_text(encoding="utf-8")), neutral, draw
    )
    written = single * args.comments + draw.sample(with_finer_emotion(rows), args.finer)
    written += [made_up.row() for _ in range(args.made_up)]
    written += [(misspelt(text, draw), emotion) for text, emotion in draw.sample(single, args.misspelt)]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *written])
    print(f"{args.output}: {len(written):,} texts")


if __name__ == "__main__":
    main()
