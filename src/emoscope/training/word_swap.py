"""Words with similar embeddings: what may replace a word in an augmented copy (TextAttack's `WordSwapEmbedding`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

from emoscope.errors import ModelError
from emoscope.training.embeddings import word_embeddings

NEAREST = 8
"""Number of similar words that each word has."""

_BLOCK = 1024  # words whose similarities are computed at once
_MARKERS = ("▁", "Ġ")  # begin the first piece of a word, in vocabularies that do not mark the later pieces


def similar_words(encoder: Path, words: Iterable[str]) -> dict[str, list[str]]:
    """For each word that is a single piece in the encoder's vocabulary, the whole words nearest to it by cosine.

    Args:
        encoder: folder with `tokenizer.json` and `model.safetensors`.
        words: any words.

    Returns:
        NEAREST words for each of the words that the vocabulary has whole, the nearest first.

    Raises:
        ModelError: a file is missing or broken.
    """
    ids = whole_words(encoder / "tokenizer.json")
    vocabulary = list(ids)
    embeddings = word_embeddings(encoder)[np.fromiter(ids.values(), np.int64)]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True) + 1e-12
    row_of_word = {word: row for row, word in enumerate(vocabulary)}
    known = sorted(row_of_word.keys() & set(words))
    similar: dict[str, list[str]] = {}
    for start in range(0, len(known), _BLOCK):
        block = known[start : start + _BLOCK]
        rows = [row_of_word[word] for word in block]
        similarity = embeddings[rows] @ embeddings.T
        similarity[np.arange(len(rows)), rows] = -np.inf
        for word, nearest in zip(block, _largest(similarity), strict=True):
            similar[word] = [vocabulary[row] for row in nearest]
    return similar


def _largest(similarity: NDArray[np.float32]) -> NDArray[np.int64]:
    """Columns of the NEAREST largest entries of each row except the word itself, the largest first."""
    count = min(NEAREST, similarity.shape[1] - 1)
    columns = np.argpartition(-similarity, count, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(similarity, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)


def whole_words(tokenizer: Path) -> dict[str, int]:
    """The pieces of a vocabulary that are words of letters only, without their markers, and their ids.

    Raises:
        ModelError: the file is not a tokenizer.
    """
    try:
        vocabulary = tokenizers.Tokenizer.from_file(str(tokenizer)).get_vocab()
    except Exception as error:  # the library raises a bare Exception for everything
        raise ModelError(f"{tokenizer} cannot be read as a tokenizer ({error}); copy_swap needs one") from error
    marker = next((marker for marker in _MARKERS if _share(marker, vocabulary) > 0.1), "")
    words = {piece.removeprefix(marker): id_ for piece, id_ in vocabulary.items() if piece.startswith(marker)}
    return {word: id_ for word, id_ in sorted(words.items()) if word.isalpha() and len(word) > 1}


def _share(marker: str, vocabulary: Iterable[str]) -> float:
    """Share of the pieces that begin with the marker."""
    begins = [piece.startswith(marker) for piece in vocabulary]
    return sum(begins) / len(begins)
