"""Graphs in integers against those in float32."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from pairs import pairs

from emoscope.export.quantization import quantize
from emoscope.export.quantization.integer_graph import is_look_up, is_product
from emoscope.tokenization import TokenBatch
from tiny import ARCHITECTURES

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


class IntegerGraphs(dict[str, onnx.ModelProto]):
    """The graph of each checkpoint in integers, made when it is first needed."""

    def __init__(self, graphs: dict[str, onnx.ModelProto], batches: dict[str, TokenBatch]) -> None:
        super().__init__()
        self._graphs, self._batches = graphs, batches

    def __missing__(self, name: str) -> onnx.ModelProto:
        self[name] = quantize(self._graphs[name], self._batches[name])
        return self[name]


@pytest.fixture(scope="session")
def integer_graphs(graphs: dict[str, onnx.ModelProto], batches: dict[str, TokenBatch]) -> IntegerGraphs:
    """The graph of each checkpoint in integers."""
    return IntegerGraphs(graphs, batches)


def constants(graph: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {constant.name: constant for constant in graph.graph.initializer}


def run(graph: onnx.ModelProto, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return session.run(["logits"], {node.name: known[node.name] for node in session.get_inputs()})[0]


def padded(batch: TokenBatch, texts: range, filler: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of several lengths in one array, padding at the end."""
    rows = [batch.ids[batch.offsets[i] : batch.offsets[i + 1]] for i in texts]
    ids = np.full((len(rows), max(map(len, rows))), filler, np.int64)
    for row, tokens in zip(ids, rows, strict=True):
        row[: len(tokens)] = tokens
    return ids, (np.arange(ids.shape[1]) < np.array([[len(tokens)] for tokens in rows])).astype(np.int64)


@every_architecture
def test_products_and_tables_are_in_integers_that_fit_sixteen_bits_in_pairs(
    graphs: dict[str, onnx.ModelProto], integer_graphs: dict[str, onnx.ModelProto], name: str
) -> None:
    before, after = graphs[name], integer_graphs[name]
    onnx.checker.check_model(after)
    known = constants(after)
    assert not any(is_product(node, known) for node in after.graph.node)
    products = [node for node in after.graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert len(products) == sum(is_product(node, constants(before)) for node in before.graph.node)
    for node in products:
        weights = numpy_helper.to_array(known[node.input[1]])
        assert weights.dtype == np.int8 and (255 * pairs(weights) < 2**15).all()
        assert numpy_helper.to_array(known[node.input[3]]).shape == (weights.shape[1],)
        assert numpy_helper.to_array(known[node.input[4]]).dtype == np.uint8
    tables = [node.input[0] for node in before.graph.node if is_look_up(node, constants(before))]
    assert len(tables) == 1 and tables[0] not in known
    integers = numpy_helper.to_array(known[f"{tables[0]}_int8"])
    assert integers.dtype == np.int8 and np.abs(integers).max(axis=1).min() == 127


@every_architecture
def test_logits_in_integers_are_near_those_in_float32(
    graphs: dict[str, onnx.ModelProto],
    integer_graphs: dict[str, onnx.ModelProto],
    batches: dict[str, TokenBatch],
    name: str,
) -> None:
    ids, mask = padded(batches[name], range(batches[name].texts), filler=1 if name == "roberta" else 0)
    expected, logits = run(graphs[name], ids, mask), run(integer_graphs[name], ids, mask)
    assert np.sqrt(np.mean((logits - expected) ** 2)) < 0.1 * expected.std()


@every_architecture
def test_logits_of_a_text_do_not_depend_on_batch_order_or_padding(
    integer_graphs: dict[str, onnx.ModelProto], batches: dict[str, TokenBatch], name: str
) -> None:
    graph, batch = integer_graphs[name], batches[name]
    texts = range(0, batch.texts, 11)
    ids, mask = padded(batch, texts, filler=1 if name == "roberta" else 0)
    together = run(graph, ids, mask)
    np.testing.assert_allclose(run(graph, ids[::-1], mask[::-1])[::-1], together, atol=1e-3 * np.abs(together).max())
    alone = np.concatenate([run(graph, *padded(batch, range(i, i + 1), filler=0)) for i in texts])
    np.testing.assert_array_equal(alone.argmax(axis=1), together.argmax(axis=1))
    np.testing.assert_allclose(alone, together, atol=0.02 * np.abs(together).max())
