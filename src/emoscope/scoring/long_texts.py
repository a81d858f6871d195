"""What is read of a long text: all of it in windows, sentence by sentence, or its beginning."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

FIRST_CHARACTERS = 2000
"""What "truncate" reads of a text: about as much as 512 word pieces hold, the longest input of most encoders."""

Score = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to probabilities, float32 (texts, labels)."""

# Every pattern runs in linear time on any text.
_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s)")
_ABBREVIATION = re.compile(r"(?:^|[\s(\"'“‘])(?:mr|mrs|ms|dr|prof|sr|jr|st|vs|no|[b-hj-z]|\w(?:\.\w)+)$", re.IGNORECASE)
_LONGEST_ABBREVIATION = 12


def sentences(text: str) -> list[str]:
    """The sentences of a text, none of them blank.

    A sentence ends at a line break, or at full stops, exclamation and question marks before a space; "Dr.",
    "e.g.", "J." and the like end none. A small letter may follow, as people write.
    """
    return [sentence for line in text.splitlines() for sentence in _sentences(line)]


def _sentences(line: str) -> list[str]:
    cuts = [0]
    for end in _END.finditer(line):
        before = line[max(cuts[-1], end.start() - _LONGEST_ABBREVIATION) : end.start()]
        if end[0] != "." or not _ABBREVIATION.search(before):
            cuts.append(end.end())
    cut = [line[start:stop].strip() for start, stop in zip(cuts, [*cuts[1:], None], strict=True)]
    return [sentence for sentence in cut if sentence]


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
    parts = [sentences(text) for text in texts]
    places: dict[str, int] = {}
    index = np.fromiter((places.setdefault(part, len(places)) for part in chain.from_iterable(parts)), np.int64)
    counts = np.fromiter(map(len, parts), np.int64, len(parts))
    sums = np.add.reduceat(score(list(places))[index], np.cumsum(counts) - counts)
    return (sums / counts[:, None]).astype(np.float32)


LONG: Mapping[str, Callable[[Score, Sequence[str]], NDArray[np.float32]]] = MappingProxyType(
    {"windows": _in_windows, "sentences": _by_sentences, "truncate": _truncated}
)
"""How the probabilities of texts, none of them blank, come about; `windows` leaves long ones to the classifier."""
