"""A reader of keywords: the word that decides a text, and what it says; texts spliced around such words.

In `dair-ai/emotion` the label of nearly every text comes from one word: the first after "feel" that a lexicon of
emotions holds. The reader finds that lexicon in labelled rows. It goes through a text word by word and stops at each
with a chance of the word's own (its salience, lower before the first "feel"); where it stops, the word's distribution
over the labels is its answer. Everything is fitted by gradient to the probability of the rows' labels, so that a word
that contradicts its rows is not salient, and one whose rows are a coin flip says so.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from emoscope.data import Examples

ANNOUNCERS = frozenset({"feel", "feels", "feeling", "feelings", "felt"})
"""Words that announce the deciding one."""

EPOCHS, BATCH, LEARNING_RATE = 12, 256, 0.02
MIN_STEPS = 600
"""Few rows are read in more epochs, so that saliences have the steps to rise."""
RARE = -4.0
"""Logit of a word's salience that counts as none: before fitting, a word decides with a chance of 2 %."""
DECAY = 2e-3
"""Pull of every word that occurs in a batch towards no salience and the labels' shares."""
FREQUENT = 4
"""Texts that a keyword must decide before it is put into others."""
LONGEST = 70
"""Words of a text that are read."""

_PADDING, _UNKNOWN = 0, 1
_AFTER, _BEFORE, _UNANNOUNCED = 0, 1, 2


class KeywordReader(nn.Module):
    """Word numbers and places -> probabilities of the labels."""

    def __init__(self, vocabulary: dict[str, int], shares: Tensor) -> None:
        """A reader that has read nothing.

        Args:
            vocabulary: number of each word, from 2.
            shares: float32 (labels,), the labels' shares of the rows.
        """
        super().__init__()
        self.vocabulary = vocabulary
        words = len(vocabulary) + 2
        self.salience = nn.Parameter(torch.zeros(words))
        self.meaning = nn.Parameter(torch.zeros(words, len(shares)))
        self.place = nn.Parameter(torch.tensor([0.0, -3.0, 0.0]))
        self.prior = nn.Parameter(shares.clamp_min(1e-6).log())
        self.silence = nn.Parameter(shares.clamp_min(1e-6).log())

    def forward(self, words: Tensor, places: Tensor) -> Tensor:
        """Probabilities. *Shape:* int64 (texts, length), twice -> (texts, labels)."""
        stops = self.stops(words, places)
        silent = (1 - stops.sum(1, keepdim=True)).clamp_min(0)
        return (stops.unsqueeze(1) @ self.says(words)).squeeze(1) + silent * self.silence.softmax(-1)

    def stops(self, words: Tensor, places: Tensor) -> Tensor:
        """Probability that the reader stops at each word. *Shape:* (texts, length), twice -> (texts, length)."""
        real = words != _PADDING
        logits = self.salience[words] + RARE + self.place[places]
        passed = F.logsigmoid(-logits) * real
        return torch.exp(F.logsigmoid(logits) + passed.cumsum(1) - passed) * real

    def says(self, words: Tensor) -> Tensor:
        """Distribution over the labels of each word. *Shape:* (...,) -> (..., labels)."""
        return (self.meaning[words] + self.prior).softmax(-1)

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Numbers and places of the words of texts in plain form. *Shape:* int64 (texts, length), twice."""
        rows = [text.split()[:LONGEST] for text in texts]
        words = torch.zeros(len(rows), max(map(len, rows), default=0), dtype=torch.long)
        places = torch.zeros_like(words)
        for row, text in enumerate(rows):
            words[row, : len(text)] = torch.tensor([self.vocabulary.get(word, _UNKNOWN) for word in text])
            places[row] = _UNANNOUNCED
            if (announced := _announced(text)) is not None:
                places[row, :announced], places[row, announced:] = _BEFORE, _AFTER
        return words, places

    @torch.no_grad()
    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities of the labels, float32 (texts, labels)."""
        blocks = [self(*self.encode(texts[start : start + 4096])) for start in range(0, len(texts), 4096)]
        rows = torch.cat(blocks).clamp_min(1e-4)
        result: NDArray[np.float32] = (rows / rows.sum(1, keepdim=True)).numpy()
        return result


def _announced(words: Sequence[str]) -> int | None:
    """Where the first word stands that announces a feeling."""
    return next((place for place, word in enumerate(words) if word in ANNOUNCERS), None)


def fit_reader(examples: Examples, seed: int) -> KeywordReader:
    """Fit a reader to labelled rows in plain form, one label each; a matter of seconds.

    Args:
        examples: the rows.
        seed: of the order of the rows; the same seed gives the same reader.
    """
    vocabulary: dict[str, int] = {}
    for text in examples.texts:
        for word in text.split():
            vocabulary.setdefault(word, len(vocabulary) + 2)
    label_ids = torch.from_numpy(examples.label_ids)
    reader = KeywordReader(vocabulary, torch.bincount(label_ids, minlength=len(examples.labels)) / len(label_ids))
    words, places = reader.encode(examples.texts)
    order = torch.Generator().manual_seed(seed)
    per_epoch = math.ceil(len(label_ids) / BATCH)
    epochs = max(EPOCHS, math.ceil(MIN_STEPS / per_epoch))
    optimizer = torch.optim.Adam(reader.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=epochs * per_epoch, pct_start=0.2
    )
    batches = (b for _ in range(epochs) for b in torch.split(torch.randperm(len(label_ids), generator=order), BATCH))
    for rows in batches:
        loss = F.nll_loss(reader(words[rows], places[rows]).clamp_min(1e-6).log(), label_ids[rows])
        occurring = torch.unique(words[rows])
        pull = (reader.salience[occurring] ** 2).mean() + (reader.meaning[occurring] ** 2).sum(1).mean()
        optimizer.zero_grad()
        (loss + DECAY * pull).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return reader.eval()


@dataclass(frozen=True)
class _Parted:
    """A text parted at its keyword.

    Attributes:
        before: what stands before the word that announces the feeling.
        lead: from there to the keyword.
        keyword: the word that decides.
        after: the rest.
    """

    before: list[str]
    lead: list[str]
    keyword: str
    after: list[str]


@torch.no_grad()
def _parted(reader: KeywordReader, examples: Examples) -> list[_Parted]:
    """The texts whose own label the reader understands, each parted at its keyword."""
    words, places = reader.encode(examples.texts)
    chance, keyword = reader.stops(words, places).max(1)
    says = reader.says(words.gather(1, keyword.unsqueeze(1)).squeeze(1))
    share = says.gather(1, torch.from_numpy(examples.label_ids).unsqueeze(1)).squeeze(1)
    understood = torch.nonzero((chance > 0.6) & (share > 0.25)).flatten().tolist()
    return [_part(examples.texts[row].split(), int(keyword[row])) for row in understood]


def _part(words: list[str], keyword: int) -> _Parted:
    announced = _announced(words[: keyword + 1]) or 0
    return _Parted(words[:announced], words[announced:keyword], words[keyword], words[keyword + 1 :])


def splice(reader: KeywordReader, examples: Examples, count: int, seed: int) -> list[str]:
    """Texts made of parts of others: half with another beginning, half with another end, half with another keyword.

    The end of another text may hold another emotion: it is the first that decides.

    Args:
        reader: says where the keywords are.
        examples: texts in plain form to take parts of; those whose label the reader does not understand are left out.
        count: how many to make; none where the reader understands nothing.
        seed: the same seed gives the same texts.
    """
    texts = _parted(reader, examples)
    if not texts:
        return []
    draw = random.Random(seed)
    deciding = Counter(text.keyword for text in texts)
    keywords = sorted(word for word in deciding if deciding[word] >= FREQUENT) or sorted(deciding)
    made = []
    for _ in range(count):
        text = draw.choice(texts)
        before = draw.choice(texts).before if draw.random() < 0.5 else text.before
        keyword = draw.choice(keywords) if draw.random() < 0.5 else text.keyword
        after = text.after
        if draw.random() < 0.5:
            other = draw.choice(texts)
            end = [other.keyword, *other.after]
            after = after[: draw.randrange(4)] + end[draw.choice((1, draw.randrange(len(end)))) :]
        made.append(" ".join([*before, *text.lead, keyword, *after][:LONGEST]))
    return made
