"""Turning points: where the prevailing emotion of a sequence of messages changes.

The sequence is divided where the frequencies of its emotions differ most before and after, and each part again, as long
as a permutation test finds the difference: hierarchical divisive estimation (Matteson and James, "A Nonparametric
Approach for Multiple Change Point Analysis of Multivariate Data", JASA 2014), with the likelihood ratio of frequencies
in place of energy distances. A message counts as much as it is likely to express an emotion.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIGNIFICANCE = 0.01
"""Highest p-value with which a sequence is divided: in one of a hundred sequences without order, it is by chance."""
PERMUTATIONS = 499
"""Number of random orders that a division is compared with."""
MIN_MESSAGES = 3
"""Minimum number of messages of a part."""
MAX_BLOCKS = 1_000
"""Maximum number of blocks of messages that are permuted; longer sequences are summed in blocks of equal length."""


class TurningPoint(NamedTuple):
    """A change of the prevailing emotion.

    Attributes:
        message: index of the message with which it begins: the first that expresses the new emotion.
        before: index of the label that prevails before it.
        after: index of the label that prevails from here on.
    """

    message: int
    before: int
    after: int


def emotional_evidence(probabilities: NDArray[np.float32], neutral: NDArray[np.float32] | None) -> NDArray[np.float64]:
    """How much each message counts for each label, float64 (messages, labels).

    Args:
        probabilities: of the labels, (messages, labels); those of a multi-label model are scaled to a sum of 1.
        neutral: probability that each message expresses no emotion, (messages,); None if the model does not give it.
    """
    sums = probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    evidence: NDArray[np.float64] = probabilities / np.maximum(sums, 1e-12)
    return evidence if neutral is None else evidence * (1.0 - neutral[:, None])


def turning_points(evidence: NDArray[np.float64]) -> list[TurningPoint]:
    """The turning points of a sequence, in order.

    Args:
        evidence: as `emotional_evidence` returns it, (messages, labels); zeros for a message without words.
    """
    borders = [0, *sorted(_borders(evidence, 0, len(evidence))), len(evidence)]
    moods = [int(evidence[start:end].sum(axis=0).argmax()) for start, end in pairwise(borders)] if len(evidence) else []
    labels = evidence.argmax(axis=1)
    expresses = evidence.sum(axis=1) >= 0.5
    found = []
    for start, (before, after) in zip(borders[1:], pairwise(moods), strict=False):
        own = np.flatnonzero((labels[start:] == after) & expresses[start:])
        if before != after and len(own):
            found.append(TurningPoint(start + int(own[0]), before, after))
    return found


def _borders(evidence: NDArray[np.float64], start: int, end: int) -> Iterator[int]:
    """Where the messages from start to end are divided."""
    ahead = [(start, end)]
    while ahead:
        start, end = ahead.pop()
        part = evidence[start:end]
        if len(part) < 2 * MIN_MESSAGES or not _differs(part):
            continue
        border = start + MIN_MESSAGES + int(_gains(part, MIN_MESSAGES).argmax())
        yield border
        ahead += [(start, border), (border, end)]


def _differs(part: NDArray[np.float64]) -> bool:
    """Whether the best division is better than those of the same messages in random orders."""
    starts = np.arange(0, len(part), -(-len(part) // MAX_BLOCKS))
    blocks = np.add.reduceat(part, starts)
    shortest = MIN_MESSAGES if len(blocks) == len(part) else 1
    best = _gains(blocks, shortest).max()
    random = np.random.default_rng(len(part))
    allowed = SIGNIFICANCE * (PERMUTATIONS + 1) - 1
    as_good = 0
    for _ in range(PERMUTATIONS):
        as_good += _gains(blocks[random.permutation(len(blocks))], shortest).max() >= best - 1e-9
        if as_good > allowed:
            return False
    return True


def _gains(part: NDArray[np.float64], shortest: int) -> NDArray[np.float64]:
    """Log-likelihood ratio of each division that leaves `shortest` messages on both sides."""
    sums = part.cumsum(axis=0)
    left, whole = sums[shortest - 1 : len(part) - shortest], sums[-1]
    gains: NDArray[np.float64] = _likelihood(left) + _likelihood(whole - left) - _likelihood(whole[None])
    return gains


def _likelihood(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest log-likelihood of counts (n, labels), float64 (n,)."""
    counts = np.maximum(counts, 1e-12)
    total = counts.sum(axis=1)
    likelihood: NDArray[np.float64] = (counts * np.log(counts)).sum(axis=1) - total * np.log(total)
    return likelihood
