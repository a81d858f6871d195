"""The keyword reader: a model that finds the one word that decides a text, and the labels that it indicates.

In `dair-ai/emotion` the label of nearly every text comes from one word: the first after "feel" that is in a lexicon of
emotion words. The reader learns that lexicon from labelled rows. It reads a text word by word and stops at each word
with a probability that depends on the word (its salience, lower before the first "feel"). Where it stops, the word's
distribution over the labels is the prediction. All parameters are fitted by gradient descent on the log-likelihood of
the labels. So a word that its rows contradict is not salient, and a word with two labels predicts both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from emoscope.data import Examples

FEEL = frozenset({"feel", "feels", "feeling", "feelings", "felt"})
"""Words that announce the keyword."""

EPOCHS, BATCH_SIZE, LEARNING_RATE = 12, 256, 0.02
MIN_STEPS = 600
"""Few rows are trained on for more epochs, so that saliences have enough steps to rise."""
INITIAL_SALIENCE = -4.0
"""Logit of the probability to stop at a word before fitting, 2 %; a word's salience is added to it."""
DECAY = 2e-3
"""Weight of the L2 penalty on the salience and the label logits of the words of a batch."""
MAX_WORDS = 70
"""Words of a text that are read."""

_PADDING, _UNKNOWN = 0, 1
_AFTER_FEEL, _BEFORE_FEEL, _NO_FEEL = 0, 1, 2


class KeywordReader(nn.Module):
    """Maps word ids and zones to label probabilities.

    The zone of a word says where it is: after the first word of FEEL (or that word itself), before it, or in a text
    without one.
    """

    def __init__(self, vocabulary: dict[str, int], shares: Tensor) -> None:
        """An unfitted reader.

        Args:
            vocabulary: id of each word, from 2.
            shares: float32 (labels,), the share of the rows that has each label.
        """
        super().__init__()
        self.vocabulary = vocabulary
        words = len(vocabulary) + 2
        self.salience = nn.Parameter(torch.zeros(words))
        self.label_logits = nn.Parameter(torch.zeros(words, len(shares)))
        self.zone_salience = nn.Parameter(torch.tensor([0.0, -3.0, 0.0]))
        self.prior = nn.Parameter(shares.clamp_min(1e-6).log())
        self.no_keyword_logits = nn.Parameter(shares.clamp_min(1e-6).log())

    def forward(self, words: Tensor, zones: Tensor) -> Tensor:
        """Label probabilities. *Shape:* int64 (texts, length), twice -> (texts, labels)."""
        stops = self.stop_probabilities(words, zones)
        no_keyword = (1 - stops.sum(1, keepdim=True)).clamp_min(0)
        read = (stops.unsqueeze(1) @ self.word_probabilities(words)).squeeze(1)
        return read + no_keyword * self.no_keyword_logits.softmax(-1)

    def stop_probabilities(self, words: Tensor, zones: Tensor) -> Tensor:
        """Probability that the reader stops at each word. *Shape:* (texts, length), twice -> (texts, length)."""
        real = words != _PADDING
        logits = self.salience[words] + INITIAL_SALIENCE + self.zone_salience[zones]
        passed = F.logsigmoid(-logits) * real
        return torch.exp(F.logsigmoid(logits) + passed.cumsum(1) - passed) * real

    def word_probabilities(self, words: Tensor) -> Tensor:
        """Label probabilities of each word as the keyword. *Shape:* (...,) -> (..., labels)."""
        return (self.label_logits[words] + self.prior).softmax(-1)

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids and zones of the words of texts in plain form. *Shape:* int64 (texts, length), twice."""
        rows = [text.split()[:MAX_WORDS] for text in texts]
        words = torch.zeros(len(rows), max(map(len, rows), default=0), dtype=torch.long)
        zones = torch.zeros_like(words)
        for row, text in enumerate(rows):
            words[row, : len(text)] = torch.tensor([self.vocabulary.get(word, _UNKNOWN) for word in text])
            zones[row] = _NO_FEEL
            if (feel := position_of_feel(text)) is not None:
                zones[row, :feel], zones[row, feel:] = _BEFORE_FEEL, _AFTER_FEEL
        return words, zones

    @torch.no_grad()
    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Label probabilities, float32 (texts, labels)."""
        blocks = [self(*self.encode(texts[start : start + 4096])) for start in range(0, len(texts), 4096)]
        rows = torch.cat(blocks).clamp_min(1e-4)
        result: NDArray[np.float32] = (rows / rows.sum(1, keepdim=True)).numpy()
        return result


def position_of_feel(words: Sequence[str]) -> int | None:
    """Position of the first word of FEEL."""
    return next((position for position, word in enumerate(words) if word in FEEL), None)


def fit_reader(examples: Examples, seed: int) -> KeywordReader:
    """Fit a reader to rows in plain form with one label each; takes seconds.

    Args:
        examples: the rows.
        seed: seed of the order of the rows; the same seed gives the same reader.
    """
    vocabulary: dict[str, int] = {}
    for text in examples.texts:
        for word in text.split():
            vocabulary.setdefault(word, len(vocabulary) + 2)
    label_ids = torch.from_numpy(examples.label_ids)
    reader = KeywordReader(vocabulary, torch.bincount(label_ids, minlength=len(examples.labels)) / len(label_ids))
    words, zones = reader.encode(examples.texts)
    order = torch.Generator().manual_seed(seed)
    per_epoch = math.ceil(len(label_ids) / BATCH_SIZE)
    epochs = max(EPOCHS, math.ceil(MIN_STEPS / per_epoch))
    optimizer = torch.optim.Adam(reader.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=epochs * per_epoch, pct_start=0.2
    )
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(label_ids), generator=order), BATCH_SIZE):
            loss = F.nll_loss(reader(words[rows], zones[rows]).clamp_min(1e-6).log(), label_ids[rows])
            occurring = torch.unique(words[rows])
            penalty = (reader.salience[occurring] ** 2).mean() + (reader.label_logits[occurring] ** 2).sum(1).mean()
            optimizer.zero_grad()
            (loss + DECAY * penalty).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return reader.eval()
