"""The parity gate: how far an exported graph is from the torch model it was made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.data import Examples
from emoscope.errors import ModelError
from emoscope.evaluation.metrics import averages, confusion_matrix, indicator_counts
from emoscope.verification import decisions

Thresholds = tuple[float, ...] | None


@dataclass(frozen=True)
class Parity:
    """A graph and torch on the same texts.

    Attributes:
        texts: how many.
        largest_difference: of any probability.
        equal_labels: share of texts with the same label, where one whose probability torch has within 2 * TOLERANCE of
            its highest counts as the same; of multi-label data, share of the decisions, one for each text and label,
            where one within TOLERANCE of its threshold counts as equal.
        f1_macro_difference: the graph's macro F1 less torch's.
    """

    texts: int
    largest_difference: float
    equal_labels: float
    f1_macro_difference: float


@dataclass(frozen=True)
class Gate:
    """What a graph must keep to; attributes as in `Parity`, the last one in either direction."""

    largest_difference: float
    equal_labels: float
    f1_macro_difference: float


TOLERANCE = 1e-4
"""Largest difference of a probability between a graph and the same arithmetic in torch."""

EXACT = Gate(TOLERANCE, 1.0, 1.0)
"""For a graph with torch's own arithmetic."""

INTEGERS = Gate(1.0, 0.995, 0.003)
"""For a graph with rounded weights."""


def compare(
    probabilities: NDArray[np.float32], expected: NDArray[np.float32], examples: Examples, thresholds: Thresholds
) -> Parity:
    """Compare row by row.

    Args:
        probabilities: the graph's, (texts, labels), labels in the examples' order.
        expected: torch's, the same.
        examples: the texts' true labels.
        thresholds: of multi-label examples, one for each label; else None.
    """
    given, wanted = decisions(probabilities, thresholds), decisions(expected, thresholds)
    if thresholds is None:
        equal = expected.max(axis=1) - expected[given] <= 2 * TOLERANCE
    else:
        equal = (given == wanted) | (np.abs(expected - np.array(thresholds)) <= TOLERANCE)
    return Parity(
        texts=len(expected),
        largest_difference=float(np.abs(probabilities - expected).max()),
        equal_labels=float(equal.mean()),
        f1_macro_difference=_f1_macro(given, examples) - _f1_macro(wanted, examples),
    )


def require(name: str, parity: Parity, gate: Gate) -> None:
    """Let a graph through.

    Args:
        name: which graph, in words.
        parity: how it compares.
        gate: what it must keep to.

    Raises:
        ModelError: it differs from torch by more than is allowed.
    """
    shut = (
        not parity.largest_difference <= gate.largest_difference
        or parity.equal_labels < gate.equal_labels
        or abs(parity.f1_macro_difference) > gate.f1_macro_difference
    )
    if shut:
        raise ModelError(
            f"nothing was written: {name} and torch differ by {parity.largest_difference:.2e} in probability, agree on "
            f"{parity.equal_labels:.2%} of the labels, macro F1 {parity.f1_macro_difference:+.4f}; "
            f"allowed: {gate.largest_difference:.0e}, {gate.equal_labels:.1%}, {gate.f1_macro_difference}"
        )


def _f1_macro(given: NDArray[np.bool_], examples: Examples) -> float:
    truth: Any = examples.label_ids
    if examples.multi_label:
        return averages(indicator_counts(truth, given))["f1_macro"]
    return averages(confusion_matrix(truth, given.argmax(axis=1), len(examples.labels)))["f1_macro"]
