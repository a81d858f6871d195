"""How an encoder's products become integers of eight bits, fitted to texts.

Weights have a scale for each column. Inputs have, in the graph, a scale for each token; what is fitted of them is a
factor for each entry, and one zero point for all tokens, which leaves both signs room in proportion (a GELU's output
has hardly any negative values). Attention between tokens, norms and activations stay in float32, and so do the tables
of positions and token types and the last product, the labels'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from emoscope.export.activations import observed
from emoscope.export.integer_graph import Scheme, integer_graph, is_product
from emoscope.export.rounding import rounded, smoothing
from emoscope.tokenization import TokenBatch

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Product:
    """Names of an input and of the weights that it is multiplied by."""

    input: str
    weights: str


def quantized(graph: onnx.ModelProto, batch: TokenBatch) -> onnx.ModelProto:
    """An encoder's graph with products and embeddings in integers.

    Args:
        graph: in float32.
        batch: token ids of some hundred texts like those that the model will see.

    Returns:
        A new graph with the same inputs and output.
    """
    constants = {constant.name: constant for constant in graph.graph.initializer}
    nodes = [node for node in graph.graph.node if is_product(node, constants)]
    products = [_Product(*node.input[:2]) for node in nodes]
    weights = {node.input[1]: _weights(node, constants) for node in nodes}
    factors = _factors(products, weights, _largest(graph, products, batch))
    moments, zero_points = _statistics(graph, factors, batch)
    integers = {}
    for name, values in weights.items():
        inputs = {product.input for product in products if product.weights == name}
        factor = factors[next(iter(inputs))][:, None]
        integers[name] = rounded(values * factor, reduce(np.add, [moments[each] for each in inputs]))
    return integer_graph(graph, Scheme(factors, zero_points, integers))


def _weights(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Floats:
    """*Shape:* (inputs, outputs)."""
    weights: Floats = numpy_helper.to_array(constants[node.input[1]])
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return weights.T if transposed else weights


def _largest(graph: onnx.ModelProto, products: list[_Product], batch: TokenBatch) -> dict[str, Floats]:
    """Largest magnitude of each entry of each input."""
    largest: dict[str, Floats] = {}
    for name, rows in observed(graph, {product.input for product in products}, batch):
        highest = np.abs(rows).max(axis=0)
        largest[name] = np.maximum(largest.get(name, highest), highest)
    return largest


def _factors(
    products: list[_Product], weights: Mapping[str, Floats], largest: Mapping[str, Floats]
) -> dict[str, Floats]:
    """Factors of each input, the same for inputs that meet the same weights.

    They are 1 where an input is wider than all that is made of it (a feed-forward layer's inner one): there a division
    takes longer than it is worth.
    """
    factors: dict[str, Floats] = {}
    for group in _connected(products):
        inputs, tables = group & largest.keys(), [weights[name] for name in group & weights.keys()]
        size, outputs = len(tables[0]), sum(table.shape[1] for table in tables)
        entries = np.max([largest[name] for name in inputs], axis=0)
        rows = np.max([np.abs(table).max(axis=1) for table in tables], axis=0)
        shared = np.ones(size, np.float32) if size > outputs else smoothing(entries, rows)
        factors |= dict.fromkeys(inputs, shared)
    return factors


def _connected(products: list[_Product]) -> list[set[str]]:
    """Names of inputs and weights, together where a chain of products joins them."""
    groups: list[set[str]] = []
    for product in products:
        names = {product.input, product.weights}
        joined = [group for group in groups if group & names]
        groups = [group for group in groups if group not in joined] + [names.union(*joined)]
    return groups


def _statistics(
    graph: onnx.ModelProto, factors: Mapping[str, Floats], batch: TokenBatch
) -> tuple[dict[str, Floats], dict[str, int]]:
    """Of each input, divided by its factors: the sum of x x^T, and the zero point."""
    moments: dict[str, Floats] = {}
    zeros: dict[str, list[Floats]] = {name: [] for name in factors}
    for name, rows in observed(graph, factors, batch):
        divided = rows / factors[name]
        moments[name] = moments.get(name, np.float32(0)) + divided.T @ divided
        zeros[name].append(_zero_points(divided))
    return moments, {name: round(float(np.concatenate(each).mean().clip(1, 254))) for name, each in zeros.items()}


def _zero_points(rows: Floats) -> Floats:
    """Where 0 stands in each row if its extremes stand at 0 and 255."""
    lowest, highest = rows.min(axis=1).clip(max=-1e-6), rows.max(axis=1).clip(min=1e-6)
    points: Floats = 255 * lowest / (lowest - highest)
    return points
