"""Augmented copies of texts: words dropped, masked or swapped for similar ones, and parts of texts.

After Tang et al., "Distilling Task-Specific Knowledge from BERT into Simple Neural Networks", 2019, with similar words
by embedding (Jiao et al., "TinyBERT", 2020) in place of words of the same part of speech. A copy has no label; its
targets are the probabilities that the teachers give it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from emoscope.training.config import Distillation
from emoscope.training.word_swap import similar_words

MASK = "[MASK]"
"""Replaces a masked word: a special token of BERT's tokenizers; models of plain text read the word "mask"."""

SimilarWords = Mapping[str, Sequence[str]]


def augmented_copies(config: Distillation, texts: Sequence[str], encoder: Path, seed: int) -> list[tuple[str, str]]:
    """`config.copies` copies of each text, each with its source, without the copies that equal their source.

    Args:
        config: how many copies, and the probabilities.
        texts: not blank; their words are separated by white space.
        encoder: folder with the vocabulary and embeddings that similar words are found by; only read for `copy_swap`.
        seed: seed of every random choice; the same seed gives the same copies.
    """
    if not config.copies:
        return []
    words = {word for text in texts for word in text.split()}
    similar = similar_words(encoder, words) if config.copy_swap else {}
    random = np.random.default_rng(seed)
    copies = ((augmented(text, config, similar, random), text) for _ in range(config.copies) for text in texts)
    return [(copy, text) for copy, text in copies if copy != text]


def augmented(text: str, config: Distillation, similar: SimilarWords, random: np.random.Generator) -> str:
    """One copy of a text, of at least one word."""
    words = text.split()
    if random.random() < config.copy_span:
        start, stop = np.sort(random.choice(len(words) + 1, 2, replace=False))
        words = words[start:stop]
    copy = [new for word in words if (new := _changed(word, config, similar, random))]
    return " ".join(copy or [words[int(random.integers(len(words)))]])


def _changed(word: str, config: Distillation, similar: SimilarWords, random: np.random.Generator) -> str:
    """The word, its replacement, or the empty string where it is dropped."""
    draw = random.random()
    if draw < config.copy_drop:
        return ""
    if draw < config.copy_drop + config.copy_mask:
        return MASK
    candidates = similar.get(word)
    if candidates and draw < config.copy_drop + config.copy_mask + config.copy_swap:
        return candidates[int(random.integers(len(candidates)))]
    return word
