"""Fits the quantisation of an encoder's products to texts, and writes the graph in integers.

Weights have a scale for each column. Inputs have, in the graph, a scale for each token; a factor for each entry and one
zero point for all tokens are fitted here. The zero point gives both signs as much room as they need (a GELU's output
has hardly any negative values). Attention between tokens, norms and activation functions stay in float32, and so do the
tables of positions and token types and the last product, which gives the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from emoscope.export.quantization.activations import activations
from emoscope.export.quantization.integer_graph import Scheme, integer_graph, is_product
from emoscope.export.quantization.rounding import Floats, round_weights, smoothing
from emoscope.tokenization import TokenBatch

Products = Sequence[tuple[str, str]]
"""Names of an input and of the weights that multiply it, for each product."""


def quantize(graph: onnx.ModelProto, batch: TokenBatch) -> onnx.ModelProto:
    """An encoder's graph with products and word embeddings in integers.

    Args:
        graph: in float32.
        batch: token ids of a few hundred texts like those that the model will read.

    Returns:
        A new graph with the same inputs and output.
    """
    constants = {constant.name: constant for constant in graph.graph.initializer}
    nodes = [node for node in graph.graph.node if is_product(node, constants)]
    products = [(node.input[0], node.input[1]) for node in nodes]
    weights = {node.input[1]: _weights(node, constants) for node in nodes}
    factors = _factors(products, weights, _magnitudes(graph, products, batch))
    hessians, zero_points = _statistics(graph, factors, batch)
    integers = {}
    for name, values in weights.items():
        inputs = {source for source, table in products if table == name}
        factor = factors[next(iter(inputs))][:, None]
        integers[name] = round_weights(values * factor, np.sum([hessians[each] for each in inputs], axis=0))
    return integer_graph(graph, Scheme(factors, zero_points, integers))


def _weights(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Floats:
    """*Shape:* (inputs, outputs)."""
    weights: Floats = numpy_helper.to_array(constants[node.input[1]])
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return weights.T if transposed else weights


def _magnitudes(graph: onnx.ModelProto, products: Products, batch: TokenBatch) -> dict[str, Floats]:
    """Largest magnitude of each entry of each input."""
    largest: dict[str, Floats] = {}
    for name, rows in activations(graph, {source for source, _ in products}, batch):
        highest = np.abs(rows).max(axis=0)
        largest[name] = np.maximum(largest.get(name, highest), highest)
    return largest


def _factors(products: Products, weights: Mapping[str, Floats], magnitudes: Mapping[str, Floats]) -> dict[str, Floats]:
    """Smoothing factors of each input, the same for inputs that share weights.

    They are 1 for an input that is wider than all its outputs (the inner one of a feed-forward block), for which the
    division would take longer than it is worth.
    """
    factors: dict[str, Floats] = {}
    for group in _connected(products):
        inputs, tables = group & magnitudes.keys(), [weights[name] for name in group & weights.keys()]
        size, outputs = len(tables[0]), sum(table.shape[1] for table in tables)
        entries = np.max([magnitudes[name] for name in inputs], axis=0)
        rows = np.max([np.abs(table).max(axis=1) for table in tables], axis=0)
        shared = np.ones(size, np.float32) if size > outputs else smoothing(entries, rows)
        factors |= dict.fromkeys(inputs, shared)
    return factors


def _connected(products: Products) -> list[set[str]]:
    """Names of inputs and weights, grouped so that each product's two names are in one group."""
    groups: list[set[str]] = []
    for product in products:
        names = set(product)
        joined = [group for group in groups if group & names]
        groups = [group for group in groups if group not in joined] + [names.union(*joined)]
    return groups


def _statistics(
    graph: onnx.ModelProto, factors: Mapping[str, Floats], batch: TokenBatch
) -> tuple[dict[str, Floats], dict[str, int]]:
    """The sum of x x^T, and the zero point, of each input after the division by its factors."""
    hessians: dict[str, Floats] = {}
    zeros: dict[str, list[Floats]] = {name: [] for name in factors}
    for name, rows in activations(graph, factors, batch):
        smooth = rows / factors[name]
        hessians[name] = hessians.get(name, np.float32(0)) + smooth.T @ smooth
        zeros[name].append(_zero_points(smooth))
    return hessians, {name: round(float(np.concatenate(each).mean().clip(1, 254))) for name, each in zeros.items()}


def _zero_points(rows: Floats) -> Floats:
    """The integer that represents 0 in each row if the row's extremes are 0 and 255."""
    lowest, highest = rows.min(axis=1).clip(max=-1e-6), rows.max(axis=1).clip(min=1e-6)
    points: Floats = 255 * lowest / (lowest - highest)
    return points
