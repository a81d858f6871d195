"""A torch module under the runtime contract: TokenBatch -> logits. Knows no text, no label and no file."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emoscope.errors import ModelError
from emoscope.tokenization import TokenBatch, in_row_order

MAX_BATCH_TOKENS = 8192
"""Tokens of one call to the module."""


class TorchModel:
    """A module that maps token ids without padding, int64 (rows, length), to logits (rows, labels), on one device.

    Rows of equal length run together, so that the logits of a row do not depend on the rest of the batch.
    """

    def __init__(self, module: nn.Module, *, device: str = "cpu", max_batch_tokens: int = MAX_BATCH_TOKENS) -> None:
        """Move the module to the device.

        Args:
            module: in float32; it is put into evaluation mode.
            device: "cpu", "cuda", or "cuda:1" for the second GPU.
            max_batch_tokens: upper bound of tokens in one call; a longer single row runs alone.

        Raises:
            ModelError: the device does not exist here.
        """
        self.device = _device(device)
        self.module = module.to(self.device).eval()
        self.max_batch_tokens = max_batch_tokens

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @torch.inference_mode()
    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits of every row.

        Args:
            batch: token ids of the rows.

        Returns:
            float32 (rows, labels).
        """
        groups = list(batch.groups(self.max_batch_tokens))
        outputs = [self.module(torch.from_numpy(ids).to(self.device)) for _, ids in groups]
        return in_row_order([rows for rows, _ in groups], [torch.cat(outputs).cpu().numpy()])


def _device(name: str) -> torch.device:
    allowed = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    allowed += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if name not in allowed:
        raise ModelError(f"there is no device {name!r} here; allowed: {', '.join(allowed)}")
    return torch.device(name)
