"""How a long text is read: all of it in windows, sentence by sentence, or only its beginning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from emoscope.protocols import Classifier, neutral_predictor
from emoscope.timeline import score_by_sentences

FIRST_CHARACTERS = 2000
"""Number of characters that "truncate" reads: about 512 word pieces, the longest input of most encoders."""


def beginning(text: str) -> str:
    """The first FIRST_CHARACTERS of a text, without a word that would be cut."""
    if len(text) <= FIRST_CHARACTERS:
        return text
    cut = text[: FIRST_CHARACTERS + 1]
    whole = cut.rstrip() if cut[-1].isspace() else cut.rpartition(" ")[0]
    return whole or cut[:-1]


def _in_windows(classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
    return neutral_predictor(classifier)(texts)


def _truncated(classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
    return neutral_predictor(classifier)([beginning(text) for text in texts])


LONG: Mapping[str, Callable[[Classifier, Sequence[str]], NDArray[np.float32]]] = MappingProxyType(
    {"windows": _in_windows, "sentences": score_by_sentences, "truncate": _truncated}
)
"""Functions from a classifier and texts, none of them blank, to what its `neutral_predictor` returns.

"windows" leaves long texts to the classifier.
"""
