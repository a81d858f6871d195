"""Writes a trained compact student as an ONNX graph, designed for speed on a CPU.

`vectors @ input_weight + bias` is constant: when ONNX Runtime loads the graph, it folds it into a table for each gate,
with a row of gate inputs for each word piece. The file holds only int8 rows with a scale each. At run time a step is
three look-ups, three small products and the gates.

Padding needs no operation in the loop. It is at the end of both reading orders and reads an extra table row whose
update gate keeps the state, so that neither the state nor the maximum changes; the mask removes it from the attention.

A step of the loop runs some twenty operators however few rows there are. A few rows therefore go through ONNX Runtime's
GRU operator: it has no tables and multiplies each row separately, but takes a third of the time for a single row. From
about ten rows on it is slower.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor

from emoscope.compact import CompactModel
from emoscope.export.nodes import Nodes
from emoscope.export.quantization.rounding import int8_rows

OPSET = 18
KEEP = 30.0
"""Input of an update gate that keeps the state: sigmoid(30) is 1 in float32."""
FEW_ROWS = 6
"""Maximum number of rows that go through the GRU operator."""
GATES = ("reset", "update", "candidate")


def build_graph(model: CompactModel) -> onnx.ModelProto:
    """The graph: inputs int64 `input_ids` and `attention_mask` (batch, length), padding at the end; output `logits`."""
    add = Nodes()
    tables = _gate_tables(add, model)
    _transpose_inputs(add)
    rows = add("Shape", "batch", "input_ids", start=0, end=1)
    few = add("LessOrEqual", "few", rows, add.constant("few_rows", [FEW_ROWS], np.int64))
    branches = {"then_branch": _by_operator(add.branch(), model), "else_branch": _by_loop(add.branch(), tables, model)}
    add.nodes.append(helper.make_node("If", [few], ["largest", "mean"], name="ways_to_read", **branches))
    _output(add, model)
    inputs = [_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")]
    outputs = [_info("logits", TensorProto.FLOAT, ["batch", model.shape.labels])]
    graph = helper.make_graph(add.nodes, "compact", inputs, outputs, list(add.constants.values()))
    onnx_model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(onnx_model, full_check=True)
    return onnx_model


def _info(name: str, kind: int, shape: list[str | int | None]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _gate_tables(add: Nodes, model: CompactModel) -> list[str]:
    """A table for each gate, (2 * (vocabulary + 1), hidden): forward rows, a padding row, then the same backwards."""
    rows, scale = int8_rows(model.vectors.detach().numpy())
    add.constant("vectors_int8", rows, np.int8)
    add.constant("vectors_scale", scale)
    vectors = add("Mul", "vectors", add("Cast", "vectors_float", "vectors_int8", to=TensorProto.FLOAT), "vectors_scale")
    weight = model.input_weight.detach().chunk(3, dim=2)
    bias = model.input_bias.detach().chunk(3, dim=1)
    tables = []
    for gate, w, b in zip(GATES, weight, bias, strict=True):
        padding = add.constant(f"{gate}_padding", np.full((1, model.shape.hidden), KEEP if gate == "update" else 0))
        parts = []
        for way in (0, 1):
            name = f"{gate}_{way}"
            product = add("MatMul", f"{name}_product", vectors, add.constant(f"{name}_weight", w[way].numpy()))
            parts += [add("Add", f"{name}_rows", product, add.constant(f"{name}_bias", b[way].numpy())), padding]
        tables.append(add("Concat", f"{gate}_table", *parts, axis=0))
    return tables


def _transpose_inputs(add: Nodes) -> None:
    """Add `ids` and `mask` (length, batch), `lengths` (batch,)."""
    add("Transpose", "ids", "input_ids", perm=[1, 0])
    add("Cast", "mask", add("Transpose", "mask_steps", "attention_mask", perm=[1, 0]), to=TensorProto.BOOL)
    add.constant("never", -1e9)
    for axis in range(3):
        add.constant(f"axis_{axis}", [axis], np.int64)
    add("ReduceSum", "lengths", "mask_steps", "axis_0", keepdims=0)


def _by_loop(add: Nodes, tables: list[str], model: CompactModel) -> onnx.GraphProto:
    """`largest` and `mean` (2, batch, hidden) of the states, by a loop that advances all rows together."""
    _loop(add, tables, _reading_order(add, model.vectors.shape[0]), model)
    _attention(add)
    return _branch("by_loop", add, "largest_of_states", "mean_of_states", model.shape.hidden)


def _by_operator(add: Nodes, model: CompactModel) -> onnx.GraphProto:
    """The same by the GRU operator, which works row by row and leaves the states of both directions at their tokens."""
    hidden = model.shape.hidden
    rows = [add("Gather", f"gru_{name}", f"vectors_{name}", "ids") for name in ("int8", "scale")]
    inputs = add("Mul", "gru_inputs", add("Cast", "gru_floats", rows[0], to=TensorProto.FLOAT), rows[1])
    bias = np.zeros((2, 6 * hidden))
    bias[:, : 3 * hidden] = _operator_order(model.input_bias)
    bias[:, 5 * hidden :] = model.candidate_bias.detach().view(2, hidden)
    constants = [
        add.constant("gru_input_weight", _operator_order(model.input_weight).swapaxes(1, 2)),
        add.constant("gru_recurrent_weight", _operator_order(model.recurrent_weight).swapaxes(1, 2)),
        add.constant("gru_bias", bias),
        add("Cast", "gru_lengths", "lengths", to=TensorProto.INT32),
    ]
    kind = {"hidden_size": hidden, "direction": "bidirectional", "linear_before_reset": 1}
    states = add("GRU", "gru_states", inputs, *constants, **kind)
    real = add("Unsqueeze", "gru_real", "mask", add.constant("axes_1_3", [1, 3], np.int64))
    scores = add("ReduceSum", "gru_score", add("MatMul", "gru_scores", states, "attention_weight"), "axis_1")
    weights = add("Softmax", "gru_weights", add("Where", "gru_score_real", real, scores, "never"), axis=0)
    add("ReduceSum", "gru_mean", add("Mul", "gru_weighted", states, weights), "axis_0", keepdims=0)
    add("ReduceMax", "gru_largest", add("Where", "gru_read", real, states, "lowest"), "axis_0", keepdims=0)
    return _branch("by_operator", add, "gru_largest", "gru_mean", hidden)


def _operator_order(gates: Tensor) -> NDArray[np.float32]:
    """Gates (reset, update, candidate) on the last axis, put into the operator's order: update, reset, candidate."""
    reset, update, candidate = gates.detach().chunk(3, dim=-1)
    return torch.cat([update, reset, candidate], dim=-1).numpy()


def _branch(name: str, add: Nodes, largest: str, mean: str, hidden: int) -> onnx.GraphProto:
    outputs = [_info(output, TensorProto.FLOAT, [2, "batch", hidden]) for output in (largest, mean)]
    return helper.make_graph(add.nodes, name, [], outputs)


def _reversed(add: Nodes, name: str) -> str:
    """The steps of each text in reverse; padding stays at the end. *Shape:* (length, batch, ...)."""
    return add("ReverseSequence", f"{name}_reversed", name, "lengths", time_axis=0, batch_axis=1)


def _reading_order(add: Nodes, vocabulary: int) -> str:
    """Table rows (length, 2, batch) of each text forwards and backwards."""
    add("Where", "rows", "mask", "ids", add.constant("padding_row", vocabulary, np.int64))
    add("Add", "rows_backwards", _reversed(add, "rows"), add.constant("second_half", vocabulary + 1, np.int64))
    return _both_ways(add, "rows", "rows_backwards")


def _both_ways(add: Nodes, forwards: str, backwards: str) -> str:
    """*Shape:* (length, batch, ...) twice -> (length, 2, batch, ...)."""
    pair = [add("Unsqueeze", f"{way}_way", way, "axis_1") for way in (forwards, backwards)]
    return add("Concat", f"{forwards}_both", *pair, axis=1)


def _loop(add: Nodes, tables: list[str], rows: str, model: CompactModel) -> None:
    """Add a scan over the steps, with the outputs `largest_of_states` (2, batch, hidden), `states` and `scores`."""
    hidden = model.shape.hidden
    for gate, weight in zip(GATES, model.recurrent_weight.detach().chunk(3, dim=2), strict=True):
        add.constant(f"{gate}_recurrent", weight.numpy())
    add.constant("candidate_bias", model.candidate_bias.detach().numpy())
    add.constant("attention_weight", model.attention.detach().view(2, hidden, 1).numpy())
    add.constant("ways", [2], np.int64)
    shape = add("Concat", "state_shape", "ways", "batch", add.constant("hidden", [hidden], np.int64), axis=0)
    zeros = add("Expand", "first_state", add.constant("zero", 0.0), shape)
    lowest = add("Expand", "first_largest", add.constant("lowest", -1.0), shape)  # tanh's bound
    outputs = ["last_state", "largest_of_states", "states", "scores"]
    body = _step(tables, hidden)
    add.nodes.append(helper.make_node("Scan", [zeros, lowest, rows], outputs, body=body, num_scan_inputs=1))


def _step(tables: list[str], hidden: int) -> onnx.GraphProto:
    """The body of the scan, for one token in both directions: gate inputs, GRU step, running maximum, attention."""
    add = Nodes()
    reset, update, candidate = (add("Gather", f"{gate}_input", t, "row") for gate, t in zip(GATES, tables, strict=True))
    products = [add("MatMul", f"{gate}_product", "state", f"{gate}_recurrent") for gate in GATES]
    reset = add("Sigmoid", "reset_gate", add("Add", "reset_sum", reset, products[0]))
    update = add("Sigmoid", "update_gate", add("Add", "update_sum", update, products[1]))
    recalled = add("Mul", "candidate_reset", reset, add("Add", "candidate_biased", products[2], "candidate_bias"))
    new = add("Tanh", "candidate_value", add("Add", "candidate_sum", candidate, recalled))
    kept = add("Mul", "state_kept", update, add("Sub", "state_change", "state", new))
    state = add("Add", "next_state", new, kept)
    largest = add("Max", "next_largest", "largest_so_far", state)
    score = add("MatMul", "score", state, "attention_weight")
    add("Identity", "state_kept_whole", state)
    inputs = [_info(name, TensorProto.FLOAT, [2, None, hidden]) for name in ("state", "largest_so_far")]
    inputs.append(_info("row", TensorProto.INT64, [2, None]))
    outputs = [_info(name, TensorProto.FLOAT, [2, None, hidden]) for name in (state, largest, "state_kept_whole")]
    return helper.make_graph(add.nodes, "step", inputs, [*outputs, _info(score, TensorProto.FLOAT, [2, None, 1])])


def _attention(add: Nodes) -> None:
    """Add `mean_of_states` (2, batch, hidden), weighted by one softmax over tokens; both directions add to a score."""
    ways = [
        add("Gather", name, "scores", add.constant(f"{name}_index", way, np.int64), axis=1)
        for way, name in enumerate(("scores_forwards", "scores_backwards"))
    ]
    score = add("Add", "score_token", ways[0], _reversed(add, ways[1]))
    real = add("Unsqueeze", "mask_score", "mask", "axis_2")
    score = add("Where", "score_real", real, score, "never")
    add("Softmax", "weights", score, axis=0)
    weights = _both_ways(add, "weights", _reversed(add, "weights"))
    add("ReduceSum", "mean_of_states", add("Mul", "states_weighted", "states", weights), "axis_0", keepdims=0)


def _output(add: Nodes, model: CompactModel) -> None:
    """Add `logits`, from the largest and the mean state, each forwards and backwards."""
    pooled = add("Transpose", "pooled", add("Concat", "poolings", "largest", "mean", axis=0), perm=[1, 0, 2])
    flat = add("Reshape", "features", pooled, add.constant("flat", [0, 4 * model.shape.hidden], np.int64))
    weights = add.constant("output_weight", model.output.weight.detach().numpy())
    add("Gemm", "logits", flat, weights, add.constant("output_bias", model.output.bias.detach().numpy()), transB=1)


def with_int8_vectors(model: CompactModel) -> CompactModel:
    """The model that the graph computes: `model` with its embeddings rounded to int8 rows."""
    rows, scale = int8_rows(model.vectors.detach().numpy())
    rounded = CompactModel(model.shape)
    rounded.load_state_dict({**model.state_dict(), "vectors": torch.from_numpy(rows * scale)})
    return rounded.eval()
