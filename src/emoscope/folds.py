"""Random folds of rows and held-out rows, with equal texts on one side. Knows no model and no file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emoscope.text import normalize


def distinct_texts(texts: Sequence[str]) -> int:
    """Number of texts that differ in plain form: the most folds that none of them leaves empty."""
    return len({normalize(text) for text in texts})


def assign_folds(
    texts: Sequence[str], folds: int, *, seed: int = 0, label_ids: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Fold of each row, at random.

    Texts that are equal in plain form share a fold, so that no model is tested on a text that it was trained on.

    Args:
        texts: one a row.
        folds: number of folds. Each has a text if there are as many distinct texts.
        seed: of the partition.
        label_ids: int64 (rows,), the label of each row, to stratify by: each label is spread evenly over the folds.
            Equal texts with different labels count as their first row's.

    Returns:
        int64 (rows,), from 0 to folds - 1. The folds differ by one distinct text at most.
    """
    order, text_of_row = _shuffled(texts, seed, label_ids)
    fold = np.empty(len(order), np.int64)
    fold[order] = np.arange(len(order)) % folds
    result: NDArray[np.int64] = fold[text_of_row]
    return result


def held_out_rows(
    texts: Sequence[str], share: float, *, seed: int = 0, label_ids: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """Whether each row is held out, at random, bool (rows,); about `share` of the distinct texts are.

    Arguments are those of `assign_folds`: equal texts are on one side, and each label is held out at the same share.
    """
    order, text_of_row = _shuffled(texts, seed, label_ids)
    held_out = np.empty(len(order), np.bool_)
    held_out[order] = np.diff(np.floor(np.arange(len(order) + 1) * share + 0.5)) > 0
    result: NDArray[np.bool_] = held_out[text_of_row]
    return result


def _shuffled(
    texts: Sequence[str], seed: int, label_ids: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct texts in random order, those of a label together if labels are given; and the text of each row."""
    _, first, text_of_row = np.unique([normalize(text) for text in texts], return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(first))
    if label_ids is not None:
        order = order[np.argsort(label_ids[first][order], kind="stable")]
    return order, text_of_row
