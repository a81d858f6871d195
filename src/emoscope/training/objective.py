"""The loss of a student: a weighted sum of a term for hard labels and one for soft targets at a temperature.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015. Plain training uses hard labels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from emoscope.training.config import CompactConfig, Distillation, EncoderConfig

NO_LABEL = -100
"""Label id of a text without a label; torch's cross-entropy ignores it."""


@dataclass(frozen=True)
class Objective:
    """The terms of a row's loss.

    Attributes:
        hard_weight: weight of the cross-entropy with the row's label, for rows that have one.
        label_smoothing: share of a label's target spread evenly over the labels.
        soft_weight: weight of the cross-entropy with the row's soft targets. That term is multiplied by the squared
            temperature, which keeps its gradients equally large at every temperature.
        temperature: temperature of the soft targets; that term divides the logits by it.
    """

    hard_weight: float = 1.0
    label_smoothing: float = 0.0
    soft_weight: float = 0.0
    temperature: float = 1.0

    @classmethod
    def of(cls, config: CompactConfig | EncoderConfig) -> Objective:
        """The objective of a recipe; without teachers, labels and soft targets weigh 1 and the temperature is 1."""
        if isinstance(config, Distillation):
            return cls(config.hard_weight, config.label_smoothing, config.soft_weight, config.soft_temperature)
        return cls(label_smoothing=config.label_smoothing, soft_weight=1.0)

    def loss(
        self,
        logits: Tensor,
        label_ids: Tensor,
        soft_targets: Tensor | None = None,
        shifts: Tensor | None = None,
    ) -> Tensor:
        """Mean loss of the rows.

        Args:
            logits: float32 (rows, labels).
            label_ids: int64 (rows,), NO_LABEL for a row without a label.
            soft_targets: float32 (rows, labels), zeros for a row without them; None for hard labels alone.
            shifts: float32 (rows, labels), added to the logits before labels are compared; see `corpus.label_shift`.
        """
        loss = 0.0 * logits.sum()  # has a gradient even where no term applies
        labelled = (label_ids != NO_LABEL).float().mean()
        if self.hard_weight and labelled:
            shifted = logits if shifts is None else logits + shifts
            loss = loss + self.hard_weight * labelled * smoothed_cross_entropy(shifted, label_ids, self.label_smoothing)
        if self.soft_weight and soft_targets is not None:
            soft = F.cross_entropy(logits / self.temperature, soft_targets)
            loss = loss + self.soft_weight * self.temperature**2 * soft
        return loss


def smoothed_cross_entropy(logits: Tensor, label_ids: Tensor, label_smoothing: float) -> Tensor:
    """`F.cross_entropy`, but the smoothed share of a target is spread over the labels that are not minus infinity.

    *Shape:* (rows, labels), (rows,) -> (); NO_LABEL is ignored.
    """
    loss = F.cross_entropy(logits, label_ids)
    if not label_smoothing:
        return loss
    kept = logits[label_ids != NO_LABEL].log_softmax(dim=1)
    possible = kept.isfinite()
    spread = kept.masked_fill(~possible, 0).sum(dim=1) / possible.sum(dim=1)
    return (1 - label_smoothing) * loss - label_smoothing * spread.mean()


def soften(probabilities: NDArray[Any], temperature: float) -> NDArray[np.float32]:
    """Probabilities at a temperature: softmax(log p / T), which is p ** (1/T) over its sum.

    Args:
        probabilities: (rows, labels).
        temperature: 1 changes nothing, above 1 softens.
    """
    return _normalized(probabilities.astype(np.float64) ** (1 / temperature))


def geometric_mean(
    probabilities: NDArray[np.float32], others: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """Weighted geometric mean of two distributions per row: softmax((1 - weight) log p + weight log q).

    Args:
        probabilities: p, (rows, labels).
        others: q, (rows, labels).
        weight: weight of q, from 0 to 1.
    """
    log_p, log_q = (np.log(np.maximum(rows.astype(np.float64), 1e-6)) for rows in (probabilities, others))
    return _normalized(np.exp((1 - weight) * log_p + weight * log_q))


def _normalized(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Each row divided by its sum."""
    result: NDArray[np.float32] = (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
    return result
