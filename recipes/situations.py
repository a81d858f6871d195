"""Write texts that express an emotion without a word for it, or none: `python recipes/situations.py OUT.csv`.

Complaints, sarcasm, news, wishes, memories, threats, praise and despair, and plain facts, questions, requests and
statements of who one is. They are made of the patterns in `words/situations.toml`, at random. The table is meant for
the recipe key `extra_data`.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

NEUTRAL = "neutral"
LABELS = ("sadness", "joy", "love", "anger", "fear", "surprise", NEUTRAL)
SHARES = (20, 12, 6, 20, 10, 6, 26)
"""Relative numbers of texts, more where the patterns differ more."""
SLOT = re.compile(r"\{(\w+)\}")


def situation(words: dict[str, Any], label: str, draw: random.Random) -> str:
    """A text that expresses the emotion, or none."""
    pattern = draw.choice(words[label]["patterns"])
    text = SLOT.sub(lambda slot: draw.choice(words["slots"][slot[1]]), pattern)
    kind = "plain_" if label == NEUTRAL else ""
    text = draw.choice(words[f"{kind}beginnings"]) + text + draw.choice(words[f"{kind}endings"])
    return _spelt(text, draw)


def _spelt(text: str, draw: random.Random) -> str:
    """The text as it is, with a capital at the start, all in lower case, or all in capitals."""
    kind = draw.random()
    if kind < 0.4:
        return text[:1].upper() + text[1:]
    if kind < 0.6:
        return text.lower()
    return text.upper() if kind > 0.97 else text


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="table to write, with the columns text and label")
    parser.add_argument("--texts", type=int, default=15_000, help="number of different texts")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    words = toml.loads((Path(__file__).parent / "words" / "situations.toml").read_text(encoding="utf-8"))

    draw, rows = random.Random(args.seed), {}
    while len(rows) < args.texts:
        (label,) = draw.choices(LABELS, SHARES)
        rows[situation(words, label, draw)] = label
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows.items()])
    print(f"{args.output}: {len(rows):,} texts")


if __name__ == "__main__":
    main()
