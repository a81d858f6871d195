"""Two hundred short texts that people try first on an emotion classifier, with the answers that a fair person accepts.

They were written without a look at training texts, recipes or predictions. Texts in other languages count as neutral,
because the model reads English: the right answer is that none of the emotions can be read, by `neutral` or `familiar`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from emoscope.prediction import Prediction

FILE = Path(__file__).parent / "data" / "first_sentences.csv"


@dataclass(frozen=True)
class Sentence:
    """A text, its accepted answers with the most likely one first, and its kind."""

    text: str
    answers: tuple[str, ...]
    kind: str


def read_sentences() -> list[Sentence]:
    """The rows of the file, in order."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return [Sentence(row["text"], tuple(row["answers"].split()), row["kind"]) for row in csv.DictReader(file)]


def answer(prediction: Prediction) -> str:
    """The one answer of a prediction: an emotion, or "neutral", also for a text that the model cannot read."""
    return "neutral" if prediction.is_neutral or prediction.familiar is False else prediction.label
