"""Exports a sequence classifier of `transformers` as an ONNX graph, with torch's own exporter.

The graph has standard operators only. ONNX Runtime fuses some of them when it loads a graph; two fusions would make the
graph slower on a CPU, and the graph is written so that they do not match.
"""

from __future__ import annotations

import warnings
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from emoscope.errors import ModelError, first_line
from emoscope.export.trimming import trimmed
from emoscope.quiet import quiet_loggers

OPSET = 20
"""The first opset with a GELU operator."""

MAX_WEIGHTS = 2**31 - 2**24
"""Maximum bytes of weights in one ONNX file of at most 2 GB, with some room for the rest."""

RUN_CHECKPOINT = "the checkpoint itself runs as it is: --model CHECKPOINT"

LOGGERS = ("torch.onnx", "torch.export", "torch.fx", "onnxscript", "transformers")
"""Loggers of the libraries that trace a model; they would also print the graph of a model that cannot be traced."""


def encoder_graph(model: Any) -> onnx.ModelProto:
    """The graph of a sequence classifier, its last layer trimmed where the model type is known.

    Args:
        model: a `PreTrainedModel` with "eager" attention.

    Returns:
        Inputs int64 `input_ids`, `attention_mask` and, for a model with several token types, `token_type_ids`, each
        (batch, length), padding at the end; output float32 `logits` (batch, labels).

    Raises:
        ModelError: torch's exporter does not support this architecture, it is too large for one file, or it has a
            decoder.
    """
    if (size := sum(parameter.nbytes for parameter in model.parameters())) > MAX_WEIGHTS:
        raise ModelError(
            f"the model's weights take {size / 1e9:.1f} GB, and one ONNX file holds at most 2; {RUN_CHECKPOINT}"
        )
    if model.config.is_encoder_decoder:
        raise ModelError(
            f"the head of a {model.config.model_type!r} model finds its position from all rows of a batch, so a result "
            f"of the graph would depend on the other texts; {RUN_CHECKPOINT}"
        )
    inputs = _example(model)
    axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    try:
        with warnings.catch_warnings(), quiet_loggers(*LOGGERS), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                _Logits(trimmed(model)),
                kwargs=inputs,
                input_names=list(inputs),
                output_names=["logits"],
                dynamic_shapes=dict.fromkeys(inputs, axes),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # tracing, decomposition and translation raise exceptions of many kinds
        kind = model.config.model_type
        message = f"torch's exporter does not support a {kind!r} model ({_reason(error)}); {RUN_CHECKPOINT}"
        raise ModelError(message) from error
    graph: onnx.ModelProto = program.model_proto
    _name_axes(graph)
    _keep_apart(graph)
    _strip(graph)
    onnx.checker.check_model(graph, full_check=True)
    return graph


class _Logits(nn.Module):
    """A sequence classifier that returns its logits only."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask, **types).logits
        return logits


def _example(model: Any) -> dict[str, Tensor]:
    """Two rows of seven tokens, the second with padding, so that tracing takes nothing for a constant."""
    ids = torch.full((2, 7), 3)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    types = {"token_type_ids": torch.zeros_like(ids)} if getattr(model.config, "type_vocab_size", 0) > 1 else {}
    return {"input_ids": ids, "attention_mask": mask, **types}


def _name_axes(graph: onnx.ModelProto) -> None:
    for value in graph.graph.input:
        for axis, name in zip(value.type.tensor_type.shape.dim, ("batch", "length"), strict=True):
            axis.dim_param = name
    graph.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.graph.value_info[:]


def _keep_apart(graph: onnx.ModelProto) -> None:
    """Replace an `Add` before a LayerNormalization or a Gelu with `Sum`, which computes the same and is not fused.

    ONNX Runtime's kernels of the fused operators, SkipLayerNormalization and BiasGelu, take longer than the separate
    operators.
    """
    producers = {output: node for node in graph.graph.node for output in node.output}
    for node in graph.graph.node:
        producer = producers.get(node.input[0]) if node.op_type in ("LayerNormalization", "Gelu") else None
        if producer is not None and producer.op_type == "Add":
            producer.op_type = "Sum"


def _strip(graph: onnx.ModelProto) -> None:
    """Remove what the exporter records about its own run, such as stack traces with paths of this machine."""
    for part in (graph, graph.graph, *graph.graph.node, *graph.graph.initializer, *graph.graph.input):
        del part.metadata_props[:]
    for part in (graph, graph.graph, *graph.graph.node):
        part.doc_string = ""


def _reason(error: BaseException) -> str:
    """First line of the error at the end of a chain of causes."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
