"""What is read of a long text: all of it in windows, sentence by sentence, or its beginning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from emoscope.protocols import Classifier
from emoscope.timeline import score_by_sentences

FIRST_CHARACTERS = 2000
"""What "truncate" reads of a text: about as much as 512 word pieces hold, the longest input of most encoders."""


def beginning(text: str) -> str:
    """The first FIRST_CHARACTERS of a text, without the word that is cut there."""
    if len(text) <= FIRST_CHARACTERS:
        return text
    cut = text[: FIRST_CHARACTERS + 1]
    whole = cut.rstrip() if cut[-1].isspace() else cut.rpartition(" ")[0]
    return whole or cut[:-1]


def _in_windows(classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
    return classifier.predict_proba(texts)


def _truncated(classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
    return classifier.predict_proba([beginning(text) for text in texts])


LONG: Mapping[str, Callable[[Classifier, Sequence[str]], NDArray[np.float32]]] = MappingProxyType(
    {"windows": _in_windows, "sentences": score_by_sentences, "truncate": _truncated}
)
"""How the probabilities of texts, none of them blank, come about; `windows` leaves long ones to the classifier."""
