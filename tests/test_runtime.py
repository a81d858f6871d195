from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.errors import ModelError
from emoscope.model_folder import BUNDLED
from emoscope.runtime import COMPACT, COMPACT_GRAPH, ENCODER, Grouping, OnnxModel
from emoscope.tokenization import TokenBatch, Tokenizer
from waiting import DEADLINE

onnx = pytest.importorskip("onnx")
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def write_graph(path: Path, name: str, inputs: Sequence[str] = INPUTS) -> Path:
    """A graph whose logits for a row are the sum of every input, and the length of the row with padding."""
    from onnx import TensorProto, helper

    nodes = [helper.make_node("ReduceSum", [x, "axis"], [f"{x}_sum"], keepdims=1) for x in inputs]
    nodes += [
        helper.make_node("Mul", [inputs[0], "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "one"], ["ones"]),
        helper.make_node("ReduceSum", ["ones", "axis"], ["length"], keepdims=1),
        helper.make_node("Concat", [*(f"{x}_sum" for x in inputs), "length"], ["sums"], axis=1),
        helper.make_node("Cast", ["sums"], ["logits"], to=TensorProto.FLOAT),
    ]
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("zero", TensorProto.INT64, [], [0]),
        helper.make_tensor("one", TensorProto.INT64, [], [1]),
    ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(x, TensorProto.INT64, ["batch", "length"]) for x in inputs],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(inputs) + 1])],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    return OnnxModel(write_graph(tmp_path_factory.mktemp("graph") / "model.onnx", "main_graph"), threads=3)


@pytest.fixture(scope="module")
def compact(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    return OnnxModel(write_graph(tmp_path_factory.mktemp("graph") / "model.onnx", COMPACT_GRAPH), threads=3)


def batch_of(rows: Sequence[Sequence[int]]) -> TokenBatch:
    ids = np.array([i for row in rows for i in row], np.int32)
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return TokenBatch(ids, offsets, np.arange(len(rows), dtype=np.int64), len(rows))


rows_strategy = st.lists(st.lists(st.integers(1, 30_000), min_size=1, max_size=40), min_size=1, max_size=60)


@given(rows=rows_strategy)
@settings(deadline=None)
def test_an_encoder_sees_no_padding(encoder: OnnxModel, rows: list[list[int]]) -> None:
    assert encoder.grouping == ENCODER
    logits = encoder.logits(batch_of(rows))
    assert logits.dtype == np.float32
    assert logits.tolist() == [[sum(row), len(row), 0, len(row)] for row in rows]


@given(rows=rows_strategy)
@settings(deadline=None)
def test_padding_of_a_compact_student_is_masked(compact: OnnxModel, rows: list[list[int]]) -> None:
    assert compact.grouping == COMPACT
    logits = compact.logits(batch_of(rows))
    assert logits[:, :3].tolist() == [[sum(row), len(row), 0] for row in rows]
    assert (logits[:, 3] >= logits[:, 1]).all()


def test_a_graph_gets_only_the_inputs_it_has(tmp_path: Path) -> None:
    model = OnnxModel(write_graph(tmp_path / "model.onnx", "main_graph", ["input_ids"]))
    assert model.logits(batch_of([[5, 6], [7]])).tolist() == [[11, 2], [7, 1]]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([64] * 64, [(6, 64)] * 9 + [(5, 64)] * 2),  # as large and as equal as possible
        ([16] * 24, [(8, 16)] * 3),  # one for each thread
        ([4] * 20, [(20, 4)]),  # too small to be divided
        ([9, 9, 8, 8, 8, 8, 700], [(1, 700), (4, 8), (2, 9)]),  # the most work first
    ],
)
def test_every_thread_is_used(
    encoder: OnnxModel, monkeypatch: pytest.MonkeyPatch, lengths: list[int], expected: list[tuple[int, int]]
) -> None:
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(encoder, "grouping", Grouping(128, 384))
    monkeypatch.setattr(encoder, "_pool", ThreadPoolExecutor(1))
    run = encoder._run

    def watched(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        seen.append(ids.shape)
        return run(ids, lengths)

    monkeypatch.setattr(encoder, "_run", watched)
    encoder.logits(batch_of([[1] * length for length in lengths]))
    assert seen == expected


def test_several_threads_may_call_at_once(encoder: OnnxModel) -> None:
    batches = [batch_of([[i] * length for length in range(1, 30)]) for i in range(1, 40)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(encoder.logits, batches))
    assert [answer[:, 0].tolist() for answer in answers] == [
        [i * length for length in range(1, 30)] for i in range(1, 40)
    ]


FORK = """
import os, sys
from pathlib import Path
import numpy as np
from emoscope.runtime import OnnxModel
from emoscope.tokenization import TokenBatch

model = OnnxModel(Path(sys.argv[1]), threads=2)
rows = TokenBatch(np.ones(2000, np.int32), np.arange(0, 2001, 20), np.arange(100), 100)
expected = model.logits(rows)
child = os.fork()
if not child:
    os._exit(0 if (model.logits(rows) == expected).all() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_has_threads_of_its_own(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "model.onnx", "main_graph")
    command = [sys.executable, "-W", "ignore", "-c", FORK, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert (run.stdout, run.stderr) == ("0\n", "")


WORDS = ("happy", "sad", "afraid", "of", "the", "rain", "and", "so", "surprised", "today", "tender")
sentences = st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def bundled() -> tuple[Tokenizer, OnnxModel]:
    tokenizer = Tokenizer.from_file(BUNDLED / "tokenizer.json", max_length=512)
    return tokenizer, OnnxModel(BUNDLED / "onnx" / "model.onnx", threads=2)


@given(texts=sentences, data=st.data())
@settings(deadline=None, max_examples=30)
def test_a_row_does_not_depend_on_its_batch(
    bundled: tuple[Tokenizer, OnnxModel], texts: list[str], data: st.DataObject
) -> None:
    tokenizer, model = bundled
    assert model.grouping == COMPACT
    together = model.logits(tokenizer.encode(texts))
    alone = np.concatenate([model.logits(tokenizer.encode([text])) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    order = data.draw(st.permutations(range(len(texts))))
    shuffled = model.logits(tokenizer.encode([texts[i] for i in order]))
    assert np.abs(shuffled - together[order]).max() < 1e-5


def test_unknown_inputs_are_an_error(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "model.onnx", "main_graph", ["input_ids", "pixel_values"])
    with pytest.raises(ModelError, match=r"has the inputs \['pixel_values'\]; allowed: input_ids, attention_mask"):
        OnnxModel(path)


def test_a_file_that_is_not_a_graph_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="cannot be loaded by ONNX Runtime"):
        OnnxModel(tmp_path / "model.onnx")


def test_an_id_out_of_the_vocabulary_is_one_line(bundled: tuple[Tokenizer, OnnxModel]) -> None:
    for rows in ([[101, 99_999]], [[101, 99_999]] * 900):  # in this thread, and in the pool
        with pytest.raises(
            ModelError, match=r"out of data bounds, idx=.* put its own tokenizer\.json beside it"
        ) as caught:
            bundled[1].logits(batch_of(rows))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("axes", [[0], []])
def test_logits_of_another_shape_are_an_error(tmp_path: Path, axes: list[int]) -> None:
    """One number a column, or a single one, instead of a row for each text."""
    from onnx import TensorProto, helper

    path = write_graph(tmp_path / "model.onnx", "main_graph", ["input_ids"])
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "rows"
    model.graph.initializer.append(helper.make_tensor("axes", TensorProto.INT64, [len(axes)], axes))
    model.graph.node.append(helper.make_node("ReduceSum", ["rows", "axes"], ["logits"], keepdims=0))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"the model returned logits of shape \(.*\) for 2 rows"):
        OnnxModel(path).logits(batch_of([[1, 2], [3, 4]]))


def test_hidden_vectors_give_the_logits_of_a_compact_student() -> None:
    graph = onnx.load(BUNDLED / "onnx" / "model.onnx").graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    tokenizer = Tokenizer.from_file(BUNDLED / "tokenizer.json", max_length=512)
    runtime = OnnxModel(BUNDLED / "onnx" / "model.onnx", threads=2)
    batch = tokenizer.encode(["i feel happy", "", *(f"a text of {number} words " * number for number in range(40))])
    hidden = runtime.hidden(batch)
    assert hidden is not None
    logits = hidden @ constants["output_weight"].T + constants["output_bias"]
    np.testing.assert_allclose(logits, runtime.logits(batch), atol=1e-4)


def test_graph_of_another_kind_has_no_hidden_vectors(encoder: OnnxModel) -> None:
    assert encoder.hidden(TokenBatch(np.array([1, 2], np.int32), np.array([0, 2]), np.array([0]), 1)) is None
