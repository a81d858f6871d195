"""A torch module under the runtime contract: TokenBatch -> logits. Knows no text, no label and no file."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emoscope.errors import ModelError
from emoscope.pretrained import logits_of_rows
from emoscope.tokenization import TokenBatch, in_row_order

MAX_BATCH_TOKENS = 8192
"""Tokens of one call to the module."""
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Precisions by name."""


class EmbeddedModule(nn.Module, ABC):
    """A classifier of rows without padding, int64 (rows, length) -> logits (rows, labels).

    Its tokens' vectors can be had, and changed, in between.
    """

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """Number of ids that have a vector."""

    @abstractmethod
    def embed(self, ids: Tensor) -> Tensor:
        """Vectors of the tokens alone. *Shape:* int64 (rows, length) -> float32 (rows, length, size)."""

    @abstractmethod
    def from_embedded(self, embedded: Tensor) -> Tensor:
        """*Shape:* float32 (rows, length, size) -> float32 (rows, labels)."""


class TorchModel:
    """A module on one device.

    Rows of equal length run together, so that the logits of a row do not depend on the rest of the batch.
    """

    def __init__(
        self,
        module: EmbeddedModule,
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
        self.device, self.dtype = existing_device(device), dtype
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

        Raises:
            ModelError: an id has no vector, since the tokenizer belongs to another model; the module cannot run a row;
                or a logit is not finite.
        """
        check_ids(batch, self.module.vocabulary)
        groups = list(batch.groups(self.max_batch_tokens))
        outputs = [logits_of_rows(self.module, torch.from_numpy(ids).to(self.device)) for _, ids in groups]
        logits = finite(torch.cat(outputs).float().cpu().numpy(), self.dtype)
        return in_row_order([rows for rows, _ in groups], [logits])


def check_ids(batch: TokenBatch, vocabulary: int) -> None:
    """Refuse an id that has no vector: a GPU does not outlive an index that is too large.

    Raises:
        ModelError: the tokenizer belongs to another model.
    """
    largest = batch.ids.max(initial=0)
    if largest >= vocabulary:
        raise ModelError(
            f"the tokenizer gave id {largest}, but the model has vectors for {vocabulary} ids; "
            "put its own tokenizer.json beside it"
        )


def finite(logits: NDArray[np.float32], dtype: torch.dtype) -> NDArray[np.float32]:
    """The logits, if all of them are numbers.

    Args:
        logits: worked out with this precision.
        dtype: the precision.

    Raises:
        ModelError: one overflows, or the weights are no numbers.
    """
    if np.isfinite(logits).all():
        return logits
    if dtype is torch.float16:
        raise ModelError("the model overflows in float16; load it with dtype 'bfloat16' or 'float32'")
    raise ModelError(
        f"the model's logits are not finite in {dtype}; its weights are damaged, download or train it again"
    )


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
