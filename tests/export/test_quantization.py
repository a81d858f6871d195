"""Rounding against plain rounding, and graphs in integers against those in float32."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from emoscope.export.quantization import quantize
from emoscope.export.quantization.integer_graph import is_look_up, is_product
from emoscope.export.quantization.rounding import MAX_PAIR, MAX_WEIGHT, SMOOTHING, round_weights, smoothing
from emoscope.tokenization import TokenBatch
from hub.repositories import ARCHITECTURES

every_architecture = pytest.mark.parametrize("name", [architecture.name for architecture in ARCHITECTURES])


@pytest.fixture(scope="session")
def integer_graphs(graphs: dict[str, onnx.ModelProto], batches: dict[str, TokenBatch]) -> dict[str, onnx.ModelProto]:
    return {name: quantize(graph, batches[name]) for name, graph in graphs.items()}


def constants(graph: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {constant.name: constant for constant in graph.graph.initializer}


def pairs(integers: np.ndarray) -> np.ndarray:
    """What two neighbouring rows, whose products AVX2 adds in sixteen bits, come to together."""
    sizes = np.abs(integers.astype(int))
    return np.pad(sizes, ((0, len(sizes) % 2), (0, 0))).reshape(-1, 2, sizes.shape[1]).sum(axis=1)


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


# -- rounding


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 24), st.integers(1, 8), st.integers(0, 1000))
def test_inputs_without_correlation_leave_plain_rounding(inputs: int, outputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(inputs, outputs)).astype(np.float32)
    integers, scale = round_weights(weights, np.diag(rng.uniform(0.1, 9, inputs)).astype(np.float32))
    nearest = np.rint(weights / scale)
    assert np.abs(integers - nearest).max() <= 1
    fits = np.repeat(pairs(nearest) <= MAX_PAIR, 2, axis=0)[:inputs]
    np.testing.assert_array_equal(integers[fits], nearest[fits])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 24), st.integers(0, 1000))
def test_integers_fit_sixteen_bits_two_by_two_and_use_the_room(inputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = rng.normal(size=(30, inputs)).astype(np.float32) @ rng.normal(size=(inputs, inputs)).astype(np.float32)
    integers, _ = round_weights(rng.standard_t(3, size=(inputs, 6)).astype(np.float32), seen.T @ seen)
    assert (255 * pairs(integers) < 2**15).all() and np.abs(integers.astype(int)).max() <= MAX_WEIGHT
    used = np.maximum(pairs(integers).max(axis=0) / MAX_PAIR, np.abs(integers.astype(int)).max(axis=0) / 127)
    assert (used > 0.8).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_errors_fed_back_make_the_products_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = (rng.normal(size=(400, 6)) @ rng.normal(size=(6, 40)) + 0.1 * rng.normal(size=(400, 40))).astype(np.float32)
    weights = rng.normal(size=(40, 12)).astype(np.float32)
    integers, scale = round_weights(weights, seen.T @ seen)
    error = np.linalg.norm(seen @ (integers * scale - weights))
    plain = np.linalg.norm(seen @ (np.rint(weights / scale) * scale - weights))
    assert error < 0.8 * plain


def test_an_input_that_is_never_there_is_no_obstacle() -> None:
    weights = np.zeros((3, 2), np.float32)
    integers, scale = round_weights(weights, np.zeros((3, 3), np.float32))
    assert not integers.any() and np.isfinite(scale).all() and (scale > 0).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_smoothing_shares_large_values_out(seed: int) -> None:
    """Afterwards an input's size depends on the product of what both were alone, and so do the weights'."""
    inputs, weights = np.random.default_rng(seed).lognormal(sigma=2, size=(2, 20)).astype(np.float32)
    factors = smoothing(inputs, weights)
    np.testing.assert_allclose(inputs / factors, (inputs * weights) ** (1 - SMOOTHING), rtol=1e-4)
    np.testing.assert_allclose(weights * factors, (inputs * weights) ** SMOOTHING, rtol=1e-4)
    assert np.isfinite(smoothing(np.zeros(2, np.float32), np.zeros(2, np.float32))).all()


# -- graphs


@every_architecture
def test_products_and_tables_are_integers_of_seven_and_eight_bits(
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
def test_integers_stay_near_float32(
    graphs: dict[str, onnx.ModelProto],
    integer_graphs: dict[str, onnx.ModelProto],
    batches: dict[str, TokenBatch],
    name: str,
) -> None:
    ids, mask = padded(batches[name], range(batches[name].texts), filler=1 if name == "roberta" else 0)
    expected, logits = run(graphs[name], ids, mask), run(integer_graphs[name], ids, mask)
    assert np.sqrt(np.mean((logits - expected) ** 2)) < 0.1 * expected.std()


@every_architecture
def test_a_text_in_integers_does_not_depend_on_batch_order_or_padding(
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
