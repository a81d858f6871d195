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
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Precisions by name."""


class TorchModel:
    """A module that maps token ids without padding, int64 (rows, length), to logits (rows, labels), on one device.

    Rows of equal length run together, so that the logits of a row do not depend on the rest of the batch.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        max_batch_tokens: int = MAX_BATCH_TOKENS,
    ) -> None:
        """Move the module to the device.

        Args:
            module: in float32; it is put into evaluation mode.
            device: "cpu", "cuda", or "cuda:1" for the second GPU.
            dtype: precision of the module there.
            max_batch_tokens: upper bound of tokens in one call; a longer single row runs alone.

        Raises:
            ModelError: the device does not exist here.
        """
        self.device = existing_device(device)
        self.module = module.to(self.device, dtype).eval()
        self.max_batch_tokens = max_batch_tokens

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return count_parameters(self.module)

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
        return in_row_order([rows for rows, _ in groups], [torch.cat(outputs).float().cpu().numpy()])


def count_parameters(module: nn.Module) -> int:
    """Number of a module's parameters; shared ones count once."""
    return sum(parameter.numel() for parameter in module.parameters())


def existing_device(name: str) -> torch.device:
    """The device of this name.

    Raises:
        ModelError: it does not exist here.
    """
    allowed = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    allowed += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if name not in allowed:
        raise ModelError(f"there is no device {name!r} here; allowed: {', '.join(allowed)}")
    return torch.device(name)
