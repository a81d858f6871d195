"""A sequence classifier of `transformers` as it is, under the runtime contract: what graphs are held against."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emoscope.pretrained import logits_of_rows
from emoscope.tokenization import TokenBatch

BATCH_TOKENS = 4096


class TransformersRuntime:
    """Rows of equal length together, in float32 on the CPU, no padding."""

    def __init__(self, model: Any) -> None:
        """`model` is a `PreTrainedModel` with a classification head, in evaluation mode."""
        self.model = model

    @torch.inference_mode()
    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits (rows, labels) of every row of the batch."""
        logits = np.empty((len(batch.lengths), self.model.config.num_labels), np.float32)
        for rows, ids in batch.groups(BATCH_TOKENS):
            logits[rows] = logits_of_rows(self._together, torch.from_numpy(ids)).numpy()
        return logits

    def _together(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        return logits
