"""Graphs of the four architectures and of others, against transformers."""

from __future__ import annotations

from logging import ERROR, getLogger
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import onnx
import onnxruntime
import pytest
import torch
import transformers

from emoscope.errors import ModelError
from emoscope.export.encoder_graph import encoder_graph
from emoscope.export.quantization.activations import activations
from emoscope.export.quantization.integer_graph import is_product
from emoscope.tokenization import TokenBatch
from emoscope.torch_runtime.pretrained import load_sequence_classifier
from reference_logits import assert_equal_logits
from tiny import ARCHITECTURES

SIZES = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
PADDED = [(1, 1, 0), (1, 9, 0), (3, 1, 0), (5, 22, 0), (5, 22, 7), (2, 300, 40)]
"""Rows, their length, and how many of its tokens are padding in some rows."""

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


def feeds(model: Any, session: Any, rows: int, length: int, padding: int) -> dict[str, torch.Tensor]:
    """Random rows, padding at the end of every second one."""
    generator = torch.Generator().manual_seed(rows + length)
    ids = torch.randint(5, model.config.vocab_size, (rows, length), generator=generator)
    mask = torch.ones_like(ids)
    if padding:
        mask[::2, -padding:] = 0
        ids[::2, -padding:] = model.config.pad_token_id
    known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}
    return {node.name: known[node.name] for node in session.get_inputs()}


@torch.inference_mode()
def assert_equal(graph: onnx.ModelProto, model: Any) -> None:
    """The same logits for every shape of a batch, from a session of ONNX Runtime with its own settings."""
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for shape in PADDED:
        given = feeds(model, session, *shape)
        logits = session.run(["logits"], {name: tensor.numpy() for name, tensor in given.items()})[0]
        expected = model(**given).logits.numpy()
        assert logits.shape == expected.shape
        assert_equal_logits(logits, expected)


@every_architecture
def test_a_graph_equals_transformers_with_and_without_padding(
    checkpoints: dict[str, Path], graphs: dict[str, onnx.ModelProto], name: str
) -> None:
    assert_equal(graphs[name], load_sequence_classifier(checkpoints[name]))


@every_architecture
def test_a_graph_is_standard_and_has_no_paths_of_this_machine(graphs: dict[str, onnx.ModelProto], name: str) -> None:
    graph = graphs[name]
    onnx.checker.check_model(graph, full_check=True)
    types = ["token_type_ids"] if name in ("bert", "albert") else []
    assert [node.name for node in graph.graph.input] == ["input_ids", "attention_mask", *types]
    for node in graph.graph.input:
        assert [axis.dim_param for axis in node.type.tensor_type.shape.dim] == ["batch", "length"]
    output = graph.graph.output[0]
    assert output.name == "logits"
    assert [axis.dim_param or axis.dim_value for axis in output.type.tensor_type.shape.dim] == ["batch", 6]
    assert {node.domain for node in graph.graph.node} == {""}
    assert str(Path(transformers.__file__).parents[1]).encode() not in graph.SerializeToString()


@every_architecture
def test_onnx_runtime_does_not_fuse_norms_and_sums(
    graphs: dict[str, onnx.ModelProto], name: str, tmp_path: Path
) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(graphs[name].SerializeToString(), options)
    operators = {node.op_type for node in onnx.load(tmp_path / "loaded.onnx").graph.node}
    assert "LayerNormalization" in operators
    assert not operators & {"SkipLayerNormalization", "BiasGelu"}


@every_architecture
def test_the_last_layer_computes_one_position(
    graphs: dict[str, onnx.ModelProto], batches: dict[str, TokenBatch], name: str
) -> None:
    """Of its six products, keys and values have all tokens; queries, output and feed-forward one token per text."""
    graph, batch = graphs[name], batches[name]
    constants = {constant.name: constant for constant in graph.graph.initializer}
    inputs = [node.input[0] for node in graph.graph.node if is_product(node, constants)]
    rows = dict.fromkeys(inputs, 0)
    for tensor, values in activations(graph, rows, batch):
        rows[tensor] += len(values)
    head, projection = 1, name == "albert"
    counts = sorted(rows[tensor] for tensor in inputs)
    assert counts == sorted([batch.texts] * (4 + head) + [len(batch.ids)] * (6 + 2 + projection))


@pytest.mark.parametrize(
    ("prefix", "settings"),
    [("Electra", {"embedding_size": 8}), ("MPNet", {"max_position_embeddings": 514, "output_hidden_states": True})],
    ids=["trimmed", "as it is"],
)
def test_other_architectures_are_exported_too(prefix: str, settings: dict[str, Any]) -> None:
    torch.manual_seed(0)
    config = getattr(transformers, f"{prefix}Config")(**SIZES, **settings, num_labels=3, initializer_range=0.5)
    classifier = getattr(transformers, f"{prefix}ForSequenceClassification")
    model = classifier._from_config(config, attn_implementation="eager").eval()
    assert_equal(encoder_graph(model), model)


def test_a_model_too_large_for_one_file_is_an_error(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emoscope.export.encoder_graph.MAX_WEIGHTS", 1000)
    with pytest.raises(ModelError, match="weights take 0.0 GB, and one ONNX file holds at most 2"):
        encoder_graph(load_sequence_classifier(checkpoints["albert"], attn_implementation="eager"))


def test_a_model_that_torch_cannot_export_is_an_error_of_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    config = transformers.XLNetConfig(vocab_size=60, d_model=16, n_layer=1, n_head=2, d_inner=24, num_labels=3)
    with pytest.raises(ModelError, match="torch's exporter does not support a 'xlnet' model") as caught:
        encoder_graph(transformers.XLNetForSequenceClassification(config).eval())
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_model_whose_head_depends_on_other_rows_is_an_error() -> None:
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = transformers.BartConfig(vocab_size=60, **sizes, **heads, num_labels=3)
    with pytest.raises(ModelError, match="of a .bart. model .* the checkpoint itself runs"):
        encoder_graph(transformers.BartForSequenceClassification(config).eval())


class Undecided(torch.nn.Module):
    """A classifier whose arithmetic depends on its input; it notes which loggers would report that."""

    config = SimpleNamespace(model_type="undecided", is_encoder_decoder=False)
    loud: ClassVar[list[bool]] = []

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        self.loud.extend(getLogger(name).isEnabledFor(ERROR) for name in ("torch.fx.experimental", "transformers"))
        largest = input_ids.max().item()
        return SimpleNamespace(logits=(attention_mask if largest == 1 else input_ids).float())


def test_torchs_report_on_a_graph_that_cannot_be_traced_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match="torch's exporter does not support a 'undecided' model"):
        encoder_graph(Undecided())
    assert capfd.readouterr() == ("", "")
    assert Undecided.loud and not any(Undecided.loud)
