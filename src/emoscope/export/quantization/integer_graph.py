"""Rewrites a graph with its products and table look-ups in integers of eight bits.

A product's input is quantised in the graph with a scale for each token, so that a text's result does not depend on the
texts beside it. That reads the input twice for its extremes, and divides and rounds it once. MatMulIntegerToFloat is
ONNX Runtime's own operator (com.microsoft), which its builds for the web have too; all others are standard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from emoscope.export.nodes import Nodes
from emoscope.export.quantization.rounding import int8_rows

OPERATORS = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""
PLAIN_GEMM = {"alpha": 1.0, "beta": 1.0, "transA": 0}
"""Attributes of a Gemm that is a product and a bias, nothing else."""


@dataclass(frozen=True)
class Scheme:
    """How tensors become integers, by the names of the tensors.

    Attributes:
        factors: divisors of a product's input, float32 (inputs,).
        zero_points: the integer that represents 0 in a product's input, 1 to 254.
        weights: integers (inputs, outputs) and their scale, float32 (outputs,).
    """

    factors: Mapping[str, NDArray[np.float32]]
    zero_points: Mapping[str, int]
    weights: Mapping[str, tuple[NDArray[np.int8], NDArray[np.float32]]]


def is_product(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> bool:
    """Whether a node multiplies an input (..., inputs) by constant weights; the product for the labels is excluded."""
    settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    plain = node.op_type == "MatMul" or (node.op_type == "Gemm" and settings == settings | PLAIN_GEMM)
    return plain and node.output[0] != "logits" and _is_table(node.input[1], constants)


def is_look_up(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> bool:
    """Whether a node looks up token ids in a constant table; the tables of positions and token types are small."""
    return node.op_type == "Gather" and node.input[1] == "input_ids" and _is_table(node.input[0], constants)


def _is_table(name: str, constants: Mapping[str, onnx.TensorProto]) -> bool:
    constant = constants.get(name)
    return constant is not None and constant.data_type == TensorProto.FLOAT and len(constant.dims) == 2


def integer_graph(graph: onnx.ModelProto, scheme: Scheme) -> onnx.ModelProto:
    """The graph in integers.

    Args:
        graph: in float32.
        scheme: covers the inputs and weights of all its products.
    """
    constants = {constant.name: constant for constant in graph.graph.initializer}
    writer = _Writer(scheme, constants)
    for node in graph.graph.node:
        writer.write(node)
    used = {name for node in writer.add.nodes for name in node.input}
    kept = [constant for name, constant in constants.items() if name in used]
    kept += writer.add.constants.values()
    body = helper.make_graph(writer.add.nodes, graph.graph.name, graph.graph.input, graph.graph.output, kept)
    opsets = [*graph.opset_import, helper.make_opsetid(OPERATORS, 1)]
    model = helper.make_model(body, opset_imports=opsets, ir_version=graph.ir_version)
    onnx.checker.check_model(model)
    return model


class _Writer:
    """Adds the replacement of each node; an input or a table that several nodes share is quantised once."""

    def __init__(self, scheme: Scheme, constants: Mapping[str, onnx.TensorProto]) -> None:
        self.add = Nodes()
        self.scheme = scheme
        self.constants = constants
        self.quantised: set[str] = set()

    def write(self, node: onnx.NodeProto) -> None:
        if is_product(node, self.constants):
            self._product(node)
        elif is_look_up(node, self.constants):
            self._look_up(node)
        else:
            self.add.nodes.append(node)

    def _product(self, node: onnx.NodeProto) -> None:
        name, weights, *bias = node.input
        output = node.output[0]
        integers, scale = self._integers(name)
        values, columns = self.scheme.weights[weights]
        operands = [integers, self.add.constant(f"{weights}_int8", values, np.int8), self.add.constant("one", 1)]
        operands += [self.add.constant(f"{weights}_scale", columns), self._zero_point(name)]
        scaled = self.add("MatMulIntegerToFloat", f"{output}_scaled", *operands, domain=OPERATORS)
        product = self.add("Mul", f"{output}_product" if bias else output, scaled, scale)
        if bias:
            self.add("Add", output, product, *bias)

    def _integers(self, name: str) -> tuple[str, str]:
        """Names of the input in integers (..., inputs) and of its scales (..., 1)."""
        integers, scale = f"{name}_uint8", f"{name}_scale"
        if name not in self.quantised:
            self.quantised.add(name)
            smooth = self._smooth(name)
            self._scales(name, smooth, scale)
            ratio = self.add("Div", f"{name}_ratio", smooth, scale)
            self.add("QuantizeLinear", integers, ratio, self.add.constant("one", 1), self._zero_point(name))
        return integers, scale

    def _smooth(self, name: str) -> str:
        factors = self.scheme.factors[name]
        if (factors == 1).all():
            return name
        return self.add("Mul", f"{name}_smooth", name, self.add.constant(f"{name}_factors", 1 / factors))

    def _scales(self, name: str, smooth: str, output: str) -> None:
        """The smallest scale of each token at which no integer is below 0 or above 255."""
        zero, axis = self.scheme.zero_points[name], self.add.constant("last_axis", [-1], np.int64)
        needed = []
        for side, step in (("Max", 1 / (255 - zero)), ("Min", -1 / zero)):
            extreme = self.add(f"Reduce{side}", f"{name}_{side}", smooth, axis)
            constant = self.add.constant(f"{name}_{side}_step", step)
            needed.append(self.add("Mul", f"{name}_{side}_scale", extreme, constant))
        self.add("Max", output, *needed, self.add.constant("smallest_scale", 1e-12))

    def _zero_point(self, name: str) -> str:
        return self.add.constant(f"{name}_zero", self.scheme.zero_points[name], np.uint8)

    def _look_up(self, node: onnx.NodeProto) -> None:
        (table, ids), output = node.input, node.output[0]
        rows, scale = int8_rows(numpy_helper.to_array(self.constants[table]))
        integers = self.add("Gather", f"{output}_int8", self.add.constant(f"{table}_int8", rows, np.int8), ids)
        scales = self.add("Gather", f"{output}_scale", self.add.constant(f"{table}_scale", scale), ids)
        floats = self.add("Cast", f"{output}_float", integers, to=TensorProto.FLOAT)
        self.add("Mul", output, floats, scales)
