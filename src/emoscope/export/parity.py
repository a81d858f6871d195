"""The parity gate: how much an exported graph may differ from the torch model that it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.data import Examples
from emoscope.errors import ModelError
from emoscope.evaluation.metrics import averages, confusion_matrix, indicator_counts
from emoscope.verification import decisions


@dataclass(frozen=True)
class Parity:
    """Differences between a graph and torch on the same texts.

    Attributes:
        texts: number of texts.
        largest_difference: largest absolute difference of a probability, that of neutral included.
        equal_labels: share of texts with the same label. A label whose probability in torch is within 2 * TOLERANCE of
            the highest counts as the same. For multi-label data, share of the decisions (one for each text and label),
            where one whose probability is within TOLERANCE of its threshold counts as equal.
        f1_macro_difference: macro F1 of the graph minus that of torch; labels that count as the same are. None for
            texts without labels.
    """

    texts: int
    largest_difference: float
    equal_labels: float
    f1_macro_difference: float | None


@dataclass(frozen=True)
class Gate:
    """Limits for the attributes of `Parity` of the same names; the last one applies in both directions."""

    largest_difference: float
    equal_labels: float
    f1_macro_difference: float


TOLERANCE = 1e-4
"""Maximum difference of a probability between a graph and the same arithmetic in torch."""

EXACT = Gate(TOLERANCE, 1.0, 1.0)
"""For a graph with the same arithmetic as torch."""

INTEGERS = Gate(1.0, 0.995, 0.003)
"""For a graph with rounded weights."""


def compare(
    probabilities: NDArray[np.float32],
    expected: NDArray[np.float32],
    examples: Examples | None,
    thresholds: tuple[float, ...] | None,
) -> Parity:
    """Compare a graph's probabilities with torch's.

    Args:
        probabilities: the graph's, (texts, labels), labels in the examples' order.
        expected: torch's, likewise.
        examples: the true labels of the texts; None if they are unknown.
        thresholds: for multi-label examples, one for each label; otherwise None.
    """
    labels, expected_labels = decisions(probabilities, thresholds), decisions(expected, thresholds)
    if thresholds is None:
        equal = expected.max(axis=1) - expected[labels] <= 2 * TOLERANCE
        labels = np.where(equal[:, None], expected_labels, labels)
    else:
        equal = (labels == expected_labels) | (np.abs(expected - np.array(thresholds)) <= TOLERANCE)
        labels = np.where(equal, expected_labels, labels)
    return Parity(
        texts=len(expected),
        largest_difference=float(np.abs(probabilities - expected).max()),
        equal_labels=float(equal.mean()),
        f1_macro_difference=(
            None if examples is None else _f1_macro(labels, examples) - _f1_macro(expected_labels, examples)
        ),
    )


def require(name: str, parity: Parity, gate: Gate) -> None:
    """Raise an error unless a graph is within the limits of its gate.

    Args:
        name: which graph, in words.
        parity: its differences from torch.
        gate: the limits.

    Raises:
        ModelError: a difference is over its limit.
    """
    within = (
        parity.largest_difference <= gate.largest_difference
        and parity.equal_labels >= gate.equal_labels
        and abs(parity.f1_macro_difference or 0.0) <= gate.f1_macro_difference
    )
    if not within:
        found, allowed, hint = "", "", "; texts of the model's own kind may agree better: --data"
        if parity.f1_macro_difference is not None:
            found, allowed, hint = f", macro F1 {parity.f1_macro_difference:+.4f}", f", {gate.f1_macro_difference}", ""
        raise ModelError(
            f"nothing was written: {name} and torch differ by {parity.largest_difference:.2e} in probability, agree on "
            f"{parity.equal_labels:.2%} of the labels{found}; "
            f"allowed: {gate.largest_difference:.0e}, {gate.equal_labels:.1%}{allowed}{hint}"
        )


def _f1_macro(labels: NDArray[np.bool_], examples: Examples) -> float:
    truth: Any = examples.label_ids
    if examples.multi_label:
        return averages(indicator_counts(truth, labels))["f1_macro"]
    return averages(confusion_matrix(truth, labels.argmax(axis=1), len(examples.labels)))["f1_macro"]
