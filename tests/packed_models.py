"""Tiny random classifiers of the four architectures, and what transformers says of rows of ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn

from emoscope.tokenization import TokenBatch

VOCABULARY = 300
LONGEST_PRODUCT = 64
"""Terms of the longest sum in a product of these models: the largest hidden or feed-forward size, in any variant."""
_SIZES = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "intermediate_size": 48,
}
_CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "distilbert": ("DistilBert", {"dim": 32, "n_heads": 2, "n_layers": 3, "hidden_dim": 48, "pad_token_id": 0}),
    "bert": ("Bert", _SIZES | {"pad_token_id": 0}),
    "roberta": ("Roberta", _SIZES | {"pad_token_id": 1, "max_position_embeddings": 514, "type_vocab_size": 1}),
    "albert": ("Albert", _SIZES | {"pad_token_id": 0, "embedding_size": 16}),
}
ARCHITECTURES = tuple(_CONFIGS)


def model(architecture: str, *, scale: float = 0.3, seed: int = 0, **changes: Any) -> nn.Module:
    """A classifier of six labels whose every parameter is random, so that labels differ and no part can be left out."""
    prefix, settings = _CONFIGS[architecture]
    settings = {"vocab_size": VOCABULARY, "num_labels": 6} | settings | changes
    config = getattr(transformers, f"{prefix}Config")(**settings)
    classifier: nn.Module = getattr(transformers, f"{prefix}ForSequenceClassification")(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in classifier.parameters():
            noise = torch.randn(parameter.shape, generator=generator) * scale
            parameter.copy_(noise if parameter.dim() > 1 else parameter + noise)
    return classifier


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


def assert_equal_logits(actual: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for rounding: the same float32 sums in another order, as another instruction set adds them.

    The bound is the machine epsilon times the number of terms of the longest product times the largest logit.
    """
    tolerance = float(np.finfo(np.float32).eps) * LONGEST_PRODUCT * float(np.abs(expected).max(initial=0))
    np.testing.assert_allclose(actual, expected, atol=tolerance, rtol=0)


def probabilities(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).softmax(-1).numpy()
