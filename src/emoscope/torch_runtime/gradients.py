"""Integrated gradients: what each token of a row adds to the probability of a label. Needs the extra `train`.

Knows no text and no label names.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emoscope.errors import require_extra
from emoscope.torch_runtime.checks import existing_device
from emoscope.torch_runtime.modules import SequenceClassifier

STEPS = (32, 64, 128, 256)
"""Numbers of points (Gauss-Legendre) at which gradients are taken between the baseline and the row: the next one is
tried until the sum is within TOLERANCE."""
TOLERANCE = 0.01
"""Probability by which the sum of the attributions may be off."""
STEP_TOKENS = 4096
"""Maximum number of tokens that run at once; a single longer row runs alone."""


class IntegratedGradients:
    """Computes attributions of the tokens of one row, with captum.

    The path leads, in the space of token embeddings, from a baseline row (every token replaced, except special tokens)
    to the row itself. The gradients of the probability along the path, times the path, sum to the difference of the two
    probabilities (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017).
    """

    def __init__(
        self,
        module: SequenceClassifier,
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
            baseline: id of the token that represents the absence of a word.
            specials: number of special tokens before and after a row's own tokens.
            temperature: the logits are divided by it.
            multi_label: sigmoid of each logit instead of softmax over all.
            device: "cpu", "cuda", or "cuda:1" for the second GPU.

        Raises:
            MissingExtraError: captum is not installed.
            ModelError: this machine has no such device.
        """
        require_extra("train")
        from captum.attr import IntegratedGradients as Captum

        self._device = existing_device(device)
        self._module = module.to(self._device).eval().requires_grad_(False)
        self._baseline, (self._before, self._after) = baseline, specials
        self._temperature, self._multi_label = temperature, multi_label
        self._captum = Captum(self._probabilities)

    def __call__(self, ids: NDArray[np.int32], label: int) -> tuple[NDArray[np.float64], float]:
        """Attribution of each token to the probability of a label, and the convergence delta.

        Args:
            ids: token ids of one row, special tokens included, (tokens,).
            label: index of the label.

        Returns:
            float64 (tokens,), 0 for special tokens; and their sum minus the difference between the probabilities of the
            row and of the baseline (captum's convergence delta).
        """
        row = torch.from_numpy(ids.astype(np.int64)).to(self._device)[None]
        baseline = row.clone()
        baseline[:, self._before : row.shape[1] - self._after] = self._baseline
        path = self._module.embed(baseline), self._module.embed(row)
        for steps in STEPS:
            attributions, delta = self._captum.attribute(
                path[1],
                baselines=path[0],
                target=label,
                n_steps=steps,
                internal_batch_size=max(1, STEP_TOKENS // row.shape[1]),
                return_convergence_delta=True,
            )
            if abs(delta.item()) <= TOLERANCE:
                break
        return attributions.sum(-1)[0].double().cpu().numpy(), float(delta.item())

    def _probabilities(self, embeddings: Tensor) -> Tensor:
        logits = self._module.classify(embeddings) / self._temperature
        return logits.sigmoid() if self._multi_label else logits.softmax(-1)
