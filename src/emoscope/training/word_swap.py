"""Words that stand near one another in the word-piece vectors of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

from emoscope.errors import ModelError
from emoscope.training.embeddings import word_embeddings

NEAREST = 8
"""Neighbours that a word has."""

_BLOCK = 1024  # words whose similarities are worked out at once
_MARKERS = ("▁", "Ġ")  # of a piece that begins a word, in vocabularies that do not mark those inside a word


def nearest_words(encoder: Path, words: Iterable[str]) -> dict[str, list[str]]:
    """The nearest whole words of those words that are one piece in the encoder's vocabulary, by cosine.

    Args:
        encoder: folder with `tokenizer.json` and `model.safetensors`.
        words: any words.

    Returns:
        NEAREST words for each word that the vocabulary has whole, the nearest first.

    Raises:
        ModelError: a file is missing or broken.
    """
    ids = whole_words(encoder / "tokenizer.json")
    names, rows = list(ids), np.fromiter(ids.values(), np.int64)
    vectors = word_embeddings(encoder / "model.safetensors")[rows]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12
    place = {word: row for row, word in enumerate(names)}
    asked = sorted(place.keys() & set(words))
    found: dict[str, list[str]] = {}
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        own = [place[word] for word in block]
        similarity = vectors[own] @ vectors.T
        similarity[np.arange(len(own)), own] = -np.inf
        found |= {word: [names[row] for row in rows] for word, rows in zip(block, _largest(similarity), strict=True)}
    return found


def _largest(similarity: NDArray[np.float32]) -> NDArray[np.int64]:
    """Columns of the NEAREST largest entries of each row but the word's own, the largest first."""
    count = min(NEAREST, similarity.shape[1] - 1)
    columns = np.argpartition(-similarity, count, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(similarity, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)


def whole_words(tokenizer: Path) -> dict[str, int]:
    """The pieces of a vocabulary that are words of letters alone, without what marks them, and their ids.

    Raises:
        ModelError: the file holds no tokenizer.
    """
    try:
        vocabulary = tokenizers.Tokenizer.from_file(str(tokenizer)).get_vocab()
    except Exception as error:  # the library raises a bare Exception for everything
        raise ModelError(f"no tokenizer in {tokenizer} ({error}); neighbours of words need one") from error
    marker = next((marker for marker in _MARKERS if _share(marker, vocabulary) > 0.1), "")
    words = {piece.removeprefix(marker): id_ for piece, id_ in vocabulary.items() if piece.startswith(marker)}
    return {word: id_ for word, id_ in sorted(words.items()) if word.isalpha() and len(word) > 1}


def _share(marker: str, vocabulary: Iterable[str]) -> float:
    begins = [piece.startswith(marker) for piece in vocabulary]
    return sum(begins) / len(begins)
