"""Nodes and constants of an ONNX graph that is written node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Nodes:
    """Collects nodes and constants; a call adds one node and returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def __call__(self, operator: str, output: str, *inputs: str, **attributes: Any) -> str:
        """Add a node that is named after its only output, and return that name."""
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def branch(self) -> Nodes:
        """Nodes of a graph inside this one, which shares the constants."""
        inside = Nodes()
        inside.constants = self.constants
        return inside

    def constant(self, name: str, value: object, dtype: type = np.float32) -> str:
        """Add a constant, unless there is one with this name, and return its name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.array(value, dtype, order="C"), name)
        return name
