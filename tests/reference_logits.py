"""Random rows of token ids, and the logits that transformers gives for them, to compare other runtimes with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from emoscope.tokenization import TokenBatch
from tiny import MAX_PRODUCT, VOCABULARY


def batch(lengths: Sequence[int], *, vocabulary: int = VOCABULARY, seed: int = 0) -> TokenBatch:
    """Rows of random ids, padding ids among them."""
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    ids = np.random.default_rng(seed).integers(vocabulary, size=offsets[-1]).astype(np.int32)
    ids[::7] = 1  # RoBERTa's padding, which takes no position
    return TokenBatch(ids, offsets, np.arange(len(lengths)), len(lengths))


def rows(batch: TokenBatch) -> list[Tensor]:
    """Int64 (1, length) of each row."""
    return [torch.from_numpy(ids.astype(np.int64))[None] for ids in np.split(batch.ids, batch.offsets[1:-1])]


@torch.inference_mode()
def reference(model: nn.Module, batch: TokenBatch) -> np.ndarray:
    """Logits of transformers, a row at a time."""
    outputs = [model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits for ids in rows(batch)]
    return torch.cat(outputs).float().cpu().numpy()


def rounding(largest: float, terms: int = MAX_PRODUCT) -> float:
    """How far the same float32 sum may be off in another order, as another instruction set adds it.

    Args:
        largest: largest magnitude of a result; the terms are states of a size of about 1, so that this is the least.
        terms: number of terms of the longest sum.
    """
    return float(np.finfo(np.float32).eps) * terms * max(largest, 1.0)


def assert_equal_logits(actual: np.ndarray, expected: np.ndarray, terms: int = MAX_PRODUCT) -> None:
    """Equal except for rounding; `terms` as in `rounding`."""
    largest = float(np.abs(expected).max(initial=0))
    np.testing.assert_allclose(actual, expected, atol=rounding(largest, terms), rtol=0)


def assert_equal_probabilities(
    actual: np.ndarray, expected: np.ndarray, logits: np.ndarray, terms: int = MAX_PRODUCT
) -> None:
    """Equal except for rounding of the logits that they were made from: softmax and sigmoid at most halve a difference.

    Args:
        actual: probabilities.
        expected: probabilities.
        logits: logits of either.
        terms: as in `rounding`.
    """
    largest = float(np.abs(logits).max(initial=0))
    np.testing.assert_allclose(actual, expected, atol=rounding(largest, terms) / 2, rtol=0)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax of logits."""
    return torch.from_numpy(logits).softmax(-1).numpy()
