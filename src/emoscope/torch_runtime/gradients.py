"""Integrated gradients: what each token of a row adds to the probability of a label. Needs the extra `train`.

Knows no text and no label's name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emoscope.errors import require_extra
from emoscope.torch_runtime.checkpoint import read_module
from emoscope.torch_runtime.model import EmbeddedModule, existing_device

STEPS = (32, 64, 128, 256)
"""Points between a row without words and the row at which gradients are taken (Gauss-Legendre): more until the sum is
right to TOLERANCE."""
TOLERANCE = 0.01
"""Probability that the sum of the attributions may be off."""
STEP_TOKENS = 4096
"""Tokens that run at once; a single longer row runs alone."""


class IntegratedGradients:
    """Attributions of the tokens of one row, by captum.

    The way leads from a row whose tokens are all the baseline's, special tokens aside, to the row, in the space of
    token vectors; the gradients of the probability along it, times the way, sum to what the probability gains
    (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017).
    """

    def __init__(
        self,
        module: EmbeddedModule,
        *,
        baseline: int,
        specials: tuple[int, int],
        temperature: float = 1.0,
        multi_label: bool = False,
        device: str = "cpu",
    ) -> None:
        """Move the module to the device.

        Args:
            module: in float32; it is put into evaluation mode.
            baseline: id of the token that stands for no word.
            specials: number of special tokens before and after a row's own.
            temperature: the logits are divided by it.
            multi_label: sigmoid of each logit instead of softmax over all.
            device: "cpu", "cuda", or "cuda:1" for the second GPU.

        Raises:
            MissingExtraError: captum is not installed.
            ModelError: the device does not exist here.
        """
        require_extra("train")
        from captum.attr import IntegratedGradients as Captum

        self._device = existing_device(device)
        self._module = module.to(self._device).eval().requires_grad_(False)
        self._baseline, (self._before, self._after) = baseline, specials
        self._temperature, self._multi_label = temperature, multi_label
        self._captum = Captum(self._probabilities)

    @classmethod
    def read(cls, folder: Path, **settings: object) -> IntegratedGradients:
        """Of the checkpoint in a folder; `settings` as the constructor has them.

        Raises:
            ModelError: as `read_module`, or the device does not exist here.
            MissingExtraError: captum is not installed.
        """
        return cls(read_module(folder), **settings)  # type: ignore[arg-type]

    def __call__(self, ids: NDArray[np.int32], label: int) -> tuple[NDArray[np.float64], float]:
        """What each token adds to the probability of a label, and how far their sum is from what all of them add.

        Args:
            ids: token ids of one row, special tokens included, (tokens,).
            label: index of the label.

        Returns:
            float64 (tokens,), 0 of special tokens; and the sum less the difference of the probabilities of the
            row and of the baseline (captum's convergence delta).
        """
        row = torch.from_numpy(ids.astype(np.int64)).to(self._device)[None]
        without = row.clone()
        without[:, self._before : row.shape[1] - self._after] = self._baseline
        way = self._module.embed(without), self._module.embed(row)
        for steps in STEPS:
            attributions, error = self._attribute(*way, label, steps)
            if abs(error) <= TOLERANCE:
                break
        return attributions, error

    def _attribute(self, start: Tensor, end: Tensor, label: int, steps: int) -> tuple[NDArray[np.float64], float]:
        attributions, delta = self._captum.attribute(
            end,
            baselines=start,
            target=label,
            n_steps=steps,
            internal_batch_size=max(1, STEP_TOKENS // end.shape[1]),
            return_convergence_delta=True,
        )
        return attributions.sum(-1)[0].double().cpu().numpy(), float(delta.item())

    def _probabilities(self, embedded: Tensor) -> Tensor:
        logits = self._module.from_embedded(embedded) / self._temperature
        return logits.sigmoid() if self._multi_label else logits.softmax(-1)
