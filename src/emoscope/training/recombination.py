"""New texts recombined from parts of others, which teach a student that one word decides and nothing else does."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import torch

from emoscope.data import Examples
from emoscope.training.keyword_reader import MAX_WORDS, KeywordReader, position_of_feel

MIN_TEXTS = 4
"""Texts that a keyword must decide before it is put into others."""
MIN_STOP, MIN_SHARE = 0.6, 0.25
"""Probabilities of the keyword and of the text's own label from which the reader understands a text."""


@dataclass(frozen=True)
class _Parts:
    """The words of a text, divided at its keyword.

    Attributes:
        beginning: the words before the first word of FEEL.
        lead: the words from there to the keyword.
        keyword: the word that decides.
        end: the words after it.
    """

    beginning: list[str]
    lead: list[str]
    keyword: str
    end: list[str]


def recombine(reader: KeywordReader, examples: Examples, count: int, seed: int) -> list[str]:
    """Texts made of parts of others: half have another beginning, half another end, half another keyword.

    The end of another text may express another emotion, because it is the first keyword that decides.

    Args:
        reader: finds the keywords.
        examples: texts in plain form to take parts from; texts whose label the reader does not understand are skipped.
        count: number of texts to make; none are made where the reader understands no text.
        seed: the same seed gives the same texts.
    """
    texts = _divided(reader, examples)
    if not texts:
        return []
    draw = random.Random(seed)
    deciding = Counter(text.keyword for text in texts)
    keywords = sorted(word for word in deciding if deciding[word] >= MIN_TEXTS) or sorted(deciding)
    made = []
    for _ in range(count):
        text = draw.choice(texts)
        beginning = draw.choice(texts).beginning if draw.random() < 0.5 else text.beginning
        keyword = draw.choice(keywords) if draw.random() < 0.5 else text.keyword
        end = text.end
        if draw.random() < 0.5:
            other = draw.choice(texts)
            other_end = [other.keyword, *other.end]
            end = end[: draw.randrange(4)] + other_end[draw.choice((1, draw.randrange(len(other_end)))) :]
        made.append(" ".join([*beginning, *text.lead, keyword, *end][:MAX_WORDS]))
    return made


@torch.no_grad()
def _divided(reader: KeywordReader, examples: Examples) -> list[_Parts]:
    """The texts whose own label the reader understands, each divided at its keyword."""
    words, zones = reader.encode(examples.texts)
    stop, keyword = reader.stop_probabilities(words, zones).max(1)
    probabilities = reader.word_probabilities(words.gather(1, keyword.unsqueeze(1)).squeeze(1))
    share = probabilities.gather(1, torch.from_numpy(examples.label_ids).unsqueeze(1)).squeeze(1)
    understood = torch.nonzero((stop > MIN_STOP) & (share > MIN_SHARE)).flatten().tolist()
    return [_divide(examples.texts[row].split(), int(keyword[row])) for row in understood]


def _divide(words: list[str], keyword: int) -> _Parts:
    feel = position_of_feel(words[: keyword + 1]) or 0
    return _Parts(words[:feel], words[feel:keyword], words[keyword], words[keyword + 1 :])
