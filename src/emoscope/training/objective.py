"""The loss of a student: soft targets at a temperature, hard labels, each with its weight.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015. Plain training is hard labels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from emoscope.training.config import CompactConfig, Distillation, EncoderStudentConfig

NO_LABEL = -100
"""Label id of a text without a label, which is what torch's cross-entropy leaves out."""


@dataclass(frozen=True)
class Objective:
    """What the loss of a row is made of.

    Attributes:
        hard_weight: of the cross-entropy with the row's label, where it has one.
        label_smoothing: share of a label's target spread evenly over the labels.
        soft_weight: of the cross-entropy with the row's soft targets, times the squared temperature, which keeps its
            gradients as large at every temperature.
        temperature: of the soft targets; the logits are divided by it there.
    """

    hard_weight: float = 1.0
    label_smoothing: float = 0.0
    soft_weight: float = 0.0
    temperature: float = 1.0

    @classmethod
    def of(cls, config: CompactConfig | EncoderStudentConfig) -> Objective:
        """The objective of a recipe: of one without teachers, labels and soft targets as they are."""
        if isinstance(config, Distillation):
            return cls(config.hard_weight, config.label_smoothing, config.soft_weight, config.soft_temperature)
        return cls(label_smoothing=config.label_smoothing, soft_weight=1.0)

    def loss(self, logits: Tensor, label_ids: Tensor, soft_targets: Tensor | None = None) -> Tensor:
        """Mean loss of the rows.

        Args:
            logits: float32 (rows, labels).
            label_ids: int64 (rows,), NO_LABEL for a row without one.
            soft_targets: float32 (rows, labels), zeros for a row without them; or None for hard labels alone.
        """
        loss = 0.0 * logits.sum()  # has a gradient even where no term applies
        labelled = (label_ids != NO_LABEL).float().mean()
        if self.hard_weight and labelled:
            hard = F.cross_entropy(logits, label_ids, label_smoothing=self.label_smoothing)
            loss = loss + self.hard_weight * labelled * hard
        if self.soft_weight and soft_targets is not None:
            soft = F.cross_entropy(logits / self.temperature, soft_targets)
            loss = loss + self.soft_weight * self.temperature**2 * soft
        return loss


def soften(probabilities: NDArray[Any], temperature: float) -> NDArray[np.float32]:
    """Probabilities at a temperature: softmax(log p / T), which is p ** (1/T) over its sum.

    Args:
        probabilities: (rows, labels).
        temperature: 1 changes nothing, above 1 softens.
    """
    powers = probabilities.astype(np.float64) ** (1 / temperature)
    softened: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return softened


def geometric_mean(
    probabilities: NDArray[np.float32], others: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """Weighted geometric mean of two distributions a row, over its sum: softmax((1 - weight) log p + weight log q).

    Args:
        probabilities: (rows, labels), whose weight is the rest of 1.
        others: (rows, labels).
        weight: of the others, from 0 to 1.
    """
    logs = [np.log(np.maximum(rows.astype(np.float64), 1e-6)) for rows in (probabilities, others)]
    powers = np.exp((1 - weight) * logs[0] + weight * logs[1])
    mean: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return mean
