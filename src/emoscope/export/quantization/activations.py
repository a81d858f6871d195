"""Values of tensors inside a graph, on some texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from emoscope.tokenization import TokenBatch

BATCH_TOKENS = 2048
"""Maximum number of tokens in one run of the graph; a longer single row runs alone."""


def activations(
    graph: onnx.ModelProto, tensors: Iterable[str], batch: TokenBatch
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Values of float tensors inside a graph.

    Args:
        graph: a graph with the inputs of an encoder.
        tensors: names of the tensors.
        batch: token ids of the texts.

    Yields:
        A tensor's name and its values (rows, size): every tensor for one group of the batch's rows, then for the next.
    """
    names = list(tensors)
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    copy.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(copy.SerializeToString(), providers=["CPUExecutionProvider"])
    for _, ids in batch.groups(BATCH_TOKENS):
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        values = session.run(names, {node.name: feeds[node.name] for node in session.get_inputs()})
        yield from ((name, value.reshape(-1, value.shape[-1])) for name, value in zip(names, values, strict=True))
