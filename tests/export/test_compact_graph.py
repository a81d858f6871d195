"""The graph of a compact student against its module."""

from __future__ import annotations

import numpy as np
import pytest

for module in ("torch", "onnx", "safetensors"):
    pytest.importorskip(module)

import onnx
import onnxruntime
import torch

from emoscope.compact import CompactModel, CompactShape, pad
from emoscope.export.compact_graph import build_graph, with_int8_vectors
from reference_logits import assert_equal_logits

SHAPE = CompactShape(vocabulary=50, dimension=12, hidden=10, labels=4)
TERMS = 4 * SHAPE.hidden
"""Terms of the longest sum: the linear layer."""


@pytest.fixture(scope="module")
def model() -> CompactModel:
    torch.manual_seed(0)
    model = CompactModel(SHAPE)
    torch.nn.init.normal_(model.vectors)
    torch.nn.init.normal_(model.input_bias)
    return model.eval()


def test_a_graph_equals_the_module_with_and_without_padding(model: CompactModel) -> None:
    session = onnxruntime.InferenceSession(build_graph(model).SerializeToString())

    def logits(ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
        return session.run(["logits"], {"input_ids": ids.numpy(), "attention_mask": mask.long().numpy()})[0]

    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 50, size).tolist() for size in (1, 2, 3, 9, 30, 4, 4)]
    ids, mask = pad(rows)
    padded = logits(ids, mask)
    with torch.no_grad():
        assert_equal_logits(padded, with_int8_vectors(model)(ids, mask).numpy(), TERMS)
    for row, expected in zip(rows, padded, strict=True):
        assert_equal_logits(logits(*pad([row]))[0], expected, TERMS)


def test_a_graph_is_valid_and_has_int8_vectors(model: CompactModel) -> None:
    graph = build_graph(model)
    onnx.checker.check_model(graph, full_check=True)
    stored = {constant.name: constant for constant in graph.graph.initializer}
    assert stored["vectors_int8"].data_type == onnx.TensorProto.INT8
    assert list(stored["vectors_int8"].dims) == [50, 12]
