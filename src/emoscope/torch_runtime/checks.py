"""Checks that both torch runtimes make: the device exists, the token ids fit the model, the logits are finite."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.errors import ModelError
from emoscope.tokenization import TokenBatch

OTHER_TOKENIZER = "put its own tokenizer.json beside it"


def existing_device(name: str) -> torch.device:
    """The device with this name.

    Args:
        name: "cpu", "cuda", or "cuda:1" for the second GPU.

    Raises:
        ModelError: this machine has no such device.
    """
    allowed = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    allowed += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if name not in allowed:
        raise ModelError(f"this machine has no device {name!r}; allowed: {', '.join(allowed)}")
    return torch.device(name)


def check_ids(batch: TokenBatch, vocabulary: int) -> None:
    """Reject a token id without an embedding. On a GPU, an index out of range makes the device unusable to the process.

    Raises:
        ModelError: the tokenizer belongs to another model.
    """
    largest = batch.ids.max(initial=0)
    if largest >= vocabulary:
        raise ModelError(
            f"the tokenizer gave id {largest}, but the model has embeddings for {vocabulary} ids; {OTHER_TOKENIZER}"
        )


def finite(logits: NDArray[np.float32], dtype: torch.dtype) -> NDArray[np.float32]:
    """The logits, if all of them are finite.

    Args:
        logits: (rows, labels).
        dtype: the precision in which they were computed.

    Raises:
        ModelError: a logit overflows, or the weights are not numbers.
    """
    if np.isfinite(logits).all():
        return logits
    if dtype is torch.float16:
        raise ModelError("the model overflows in float16; load it with dtype 'bfloat16' or 'float32'")
    raise ModelError(
        f"the model's logits are not finite in {dtype}; its weights are damaged, download or train it again"
    )
