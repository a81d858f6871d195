"""What is read of a long text: all of it in windows, sentence by sentence, or its beginning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from emoscope.sentences import sentences

FIRST_CHARACTERS = 2000
"""What "truncate" reads of a text: about as much as 512 word pieces hold, the longest input of most encoders."""

Score = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to probabilities, float32 (texts, labels)."""


def beginning(text: str) -> str:
    """The first FIRST_CHARACTERS of a text, without the word that is cut there."""
    if len(text) <= FIRST_CHARACTERS:
        return text
    cut = text[: FIRST_CHARACTERS + 1]
    whole = cut.rstrip() if cut[-1].isspace() else cut.rpartition(" ")[0]
    return whole or cut[:-1]


def _in_windows(score: Score, texts: Sequence[str]) -> NDArray[np.float32]:
    return score(texts)


def _truncated(score: Score, texts: Sequence[str]) -> NDArray[np.float32]:
    return score([beginning(text) for text in texts])


def _by_sentences(score: Score, texts: Sequence[str]) -> NDArray[np.float32]:
    """The mean of the sentences' probabilities, every sentence counting alike; equal ones are scored once."""
    parts = [[sentence.text for sentence in sentences(text)] for text in texts]
    places: dict[str, int] = {}
    index = np.fromiter((places.setdefault(part, len(places)) for part in chain.from_iterable(parts)), np.int64)
    counts = np.fromiter(map(len, parts), np.int64, len(parts))
    sums = np.add.reduceat(score(list(places))[index], np.cumsum(counts) - counts)
    return (sums / counts[:, None]).astype(np.float32)


LONG: Mapping[str, Callable[[Score, Sequence[str]], NDArray[np.float32]]] = MappingProxyType(
    {"windows": _in_windows, "sentences": _by_sentences, "truncate": _truncated}
)
"""How the probabilities of texts, none of them blank, come about; `windows` leaves long ones to the classifier."""
