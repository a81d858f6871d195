"""Augmented copies of texts: words dropped, masked or replaced by neighbours, and parts of texts.

After Tang et al., "Distilling Task-Specific Knowledge from BERT into Simple Neural Networks", 2019, with neighbours in
embedding space instead of words of the same part of speech (Jiao et al., "TinyBERT", 2020). A copy has no label: what
it says, the teachers know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from emoscope.errors import RecipeError
from emoscope.training.config import Distillation
from emoscope.training.word_swap import nearest_words

MASK = "[MASK]"
"""What a masked word becomes: a special token of BERT's tokenizers, the word "mask" to a model of plain text."""

Neighbours = Mapping[str, Sequence[str]]


def check_augmentation(config: Distillation) -> None:
    """Refuse probabilities of which no copies can be made.

    Raises:
        RecipeError: those of a word exceed 1 together, or there are to be copies and nothing changes them.
    """
    of_a_word = config.copy_drop + config.copy_mask + config.copy_neighbour
    if of_a_word > 1:
        raise RecipeError(f"copy_drop, copy_mask and copy_neighbour may be 1 together at most, got {of_a_word:g}")
    if config.copies and not of_a_word + config.copy_span:
        raise RecipeError("copies that equal their texts; give copy_drop, copy_mask, copy_neighbour or copy_span")


def augmented_copies(config: Distillation, texts: Sequence[str], encoder: Path, seed: int) -> list[tuple[str, str]]:
    """`config.copies` copies of each text but those that turn out equal to it, each with its source.

    Args:
        config: how many, and the probabilities.
        texts: not blank; their words stand between white space.
        encoder: folder whose vocabulary and vectors give a word its neighbours; read only where they are needed.
        seed: of every random choice; the same seed gives the same copies.
    """
    if not config.copies:
        return []
    words = {word for text in texts for word in text.split()}
    neighbours = nearest_words(encoder, words) if config.copy_neighbour else {}
    random = np.random.default_rng(seed)
    copies = ((augmented(text, config, neighbours, random), text) for _ in range(config.copies) for text in texts)
    return [(copy, text) for copy, text in copies if copy != text]


def augmented(text: str, config: Distillation, neighbours: Neighbours, random: np.random.Generator) -> str:
    """One copy of a text; one word at least is left."""
    words = text.split()
    if random.random() < config.copy_span:
        start, stop = np.sort(random.choice(len(words) + 1, 2, replace=False))
        words = words[start:stop]
    kept = [new for word in words if (new := _changed(word, config, neighbours, random))]
    return " ".join(kept or [words[int(random.integers(len(words)))]])


def _changed(word: str, config: Distillation, neighbours: Neighbours, random: np.random.Generator) -> str:
    """The word, what stands instead of it, or nothing."""
    draw = random.random()
    if draw < config.copy_drop:
        return ""
    if draw < config.copy_drop + config.copy_mask:
        return MASK
    near = neighbours.get(word)
    if near and draw < config.copy_drop + config.copy_mask + config.copy_neighbour:
        return near[int(random.integers(len(near)))]
    return word
