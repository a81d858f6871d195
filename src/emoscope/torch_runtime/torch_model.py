"""A sequence classifier as a runtime: TokenBatch -> logits. Knows no text, no label names and no file."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emoscope.errors import ModelError, first_line
from emoscope.tokenization import TokenBatch, in_row_order
from emoscope.torch_runtime.checks import check_ids, existing_device, finite
from emoscope.torch_runtime.modules import SequenceClassifier

MAX_BATCH_TOKENS = 8192
"""Maximum number of tokens in one call to the module; a longer single row runs alone."""


class TorchModel:
    """A module on one device.

    Rows of equal length run together, without padding, so that the logits of a row do not depend on the rest of the
    batch.

    Attributes:
        device: the device it runs on.
        dtype: the precision of the module there.
        parameters: number of the module's parameters.
    """

    def __init__(
        self,
        module: SequenceClassifier,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        max_batch_tokens: int = MAX_BATCH_TOKENS,
    ) -> None:
        """Move the module to the device.

        Args:
            module: in float32; it is put into evaluation mode.
            device: "cpu", "cuda", or "cuda:1" for the second GPU.
            dtype: precision of the module on the device.
            max_batch_tokens: maximum number of tokens in one call; a longer single row runs alone.

        Raises:
            ModelError: this machine has no such device.
        """
        self.device, self.dtype = existing_device(device), dtype
        self._module = module.to(self.device, dtype).eval()
        self.parameters = count_parameters(module)
        self._max_batch_tokens = max_batch_tokens

    @torch.inference_mode()
    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits of every row of a batch, float32 (rows, labels).

        Raises:
            ModelError: a token id has no embedding, because the tokenizer belongs to another model; the module cannot
                run a row; or a logit is not finite.
        """
        check_ids(batch, self._module.vocabulary)
        groups = list(batch.groups(self._max_batch_tokens))
        outputs = [self._run(torch.from_numpy(ids).to(self.device)) for _, ids in groups]
        logits = finite(torch.cat(outputs).float().cpu().numpy(), self.dtype)
        return in_row_order([rows for rows, _ in groups], [logits])

    def _run(self, ids: Tensor) -> Tensor:
        """Rows of one length; one by one if the module does not take them together, such as GPT-2 without padding.

        *Shape:* int64 (rows, length) -> (rows, labels).
        """
        try:
            logits: Tensor = self._module(ids)
            return logits
        except Exception as error:
            if len(ids) == 1:
                raise ModelError(
                    f"the model cannot run a row of {ids.shape[1]} tokens ({first_line(error)}); check that its "
                    "config.json and tokenizer.json belong to its weights"
                ) from error
        return torch.cat([self._run(row) for row in ids[:, None]])


def count_parameters(module: nn.Module) -> int:
    """Number of a module's parameters; shared ones count once."""
    return sum(parameter.numel() for parameter in module.parameters())
