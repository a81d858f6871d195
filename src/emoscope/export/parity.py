"""The parity gate: how far an exported graph is from the torch model it was made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emoscope.calibration import probabilities
from emoscope.errors import ModelError
from emoscope.runtime import Runtime
from emoscope.tokenization import TokenBatch

TOLERANCE = 1e-4
"""Largest difference of a probability between the graph and torch with the same int8 vectors."""

LEAST_AGREEMENT = 0.995
"""Least share of equal labels between the graph and torch with the vectors as trained."""


@dataclass(frozen=True)
class Parity:
    """Two runtimes on the same texts.

    Attributes:
        texts: how many.
        largest_difference: of any probability.
        equal_labels: share of texts with the same most probable label.
    """

    texts: int
    largest_difference: float
    equal_labels: float


def compare_runtimes(graph: Runtime, reference: Runtime, batch: TokenBatch, temperature: float) -> Parity:
    """Run both on the batch and compare their probabilities row by row."""
    rows, expected = (probabilities(runtime.logits(batch), temperature) for runtime in (graph, reference))
    equal = rows.argmax(axis=1) == expected.argmax(axis=1)
    return Parity(len(rows), float(np.abs(rows - expected).max()), float(equal.mean()))


def require_parity(same_vectors: Parity, as_trained: Parity) -> None:
    """The gate.

    Args:
        same_vectors: the graph against torch with the same int8 vectors.
        as_trained: the graph against torch with the vectors as trained.

    Raises:
        ModelError: the graph differs from torch by more than is allowed.
    """
    if same_vectors.largest_difference > TOLERANCE or same_vectors.equal_labels < 1:
        raise ModelError(
            f"nothing was written: graph and torch differ by {same_vectors.largest_difference:.2e} in probability "
            f"and agree on {same_vectors.equal_labels:.2%} of the labels; allowed: {TOLERANCE:.0e} and 100 %"
        )
    if as_trained.equal_labels < LEAST_AGREEMENT:
        raise ModelError(
            f"nothing was written: int8 vectors keep {as_trained.equal_labels:.2%} of the labels; "
            f"allowed: at least {LEAST_AGREEMENT:.1%}"
        )
