"""`OnnxModel`: the runtime that runs a graph with ONNX Runtime. Knows no text and no label."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from emoscope.errors import ModelError, first_line
from emoscope.onnx_files import check_onnx_file
from emoscope.parallel import usable_cores
from emoscope.tokenization import TokenBatch, in_row_order

onnxruntime.disable_telemetry_events()  # of Windows; `emoscope` itself turns off what the environment can

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """How the rows of a batch are divided into calls of a graph.

    Attributes:
        min_tokens: number of tokens below which a call is not divided further to keep every thread busy.
        max_tokens: maximum number of tokens of a call; a longer single row runs alone.
        call_rows: fixed cost of a call, in rows (see `TokenBatch.groups`).
    """

    min_tokens: int
    max_tokens: int
    call_rows: float = 0.0


ENCODER = Grouping(128, 512)
"""From 256 tokens on, matrix products use the processor fully. With more than 1,000 the activations no longer fit into
its cache; 8,192 are 13 % slower, at hidden sizes of 384 and 768 (`benchmarks/cpu_encoders.py --only budgets`)."""
COMPACT = Grouping(1024, 8192, 5.0)
"""The compact student processes its rows token by token, so many rows should share a call."""
COMPACT_GRAPH = "compact"
"""Name of a compact student's graph, whose logits do not depend on padding."""
HIDDEN = "features"
"""Name of the tensor of a compact student's graph from which a linear layer computes the logits."""

_NUMBERS = "fiub"
"""Kinds of numpy's types that are numbers."""

_FEEDS: dict[str, Callable[[Ids, Ids], Ids]] = {
    "input_ids": lambda ids, mask: ids,
    "attention_mask": lambda ids, mask: mask,
    "token_type_ids": lambda ids, mask: np.zeros_like(ids),
}


class OnnxModel:
    """A graph with the inputs `input_ids` (and `attention_mask`, `token_type_ids`) and the output `logits`.

    Rows of equal length run together, without padding, so the logits of a row do not depend on the rest of the batch.
    For a compact student, whose logits do not depend on padding, rows of similar length run together. Groups run in
    parallel, one thread each, the largest first, which uses the cores better than several threads in one product.

    Attributes:
        threads: number of groups that run at once.
        grouping: how the rows of a batch are divided into calls.
        parameters: number of the model's parameters; None if it is not known.
        tokens_read: number of tokens processed so far, and of padding tokens added to them.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        grouping: Grouping | None = None,
        parameters: int | None = None,
    ) -> None:
        """Load the graph.

        Args:
            path: the `.onnx` file.
            threads: number of groups that run at once; None for one per usable core.
            grouping: how the rows of a batch are divided into calls; None for the default of the kind of model.
            parameters: number of the model's parameters; None if it is not known.

        Raises:
            ModelError: ONNX Runtime cannot load the file, or it has other inputs, or tensors in files of other folders.
        """
        self.threads = threads or usable_cores()
        self.parameters = parameters
        self._path = path
        self._session = _load(path)
        self._inputs = [node.name for node in self._session.get_inputs()]
        unknown = [name for name in self._inputs if name not in _FEEDS]
        if unknown:
            raise ModelError(f"{path} has the inputs {unknown}; allowed: {', '.join(_FEEDS)}")
        compact = self._session.get_modelmeta().graph_name == COMPACT_GRAPH
        self.grouping = grouping or (COMPACT if compact else ENCODER)
        self.tokens_read = (0, 0)
        self._compact = compact
        self._pool, self._pool_of = _threads(self.threads), os.getpid()

    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits of every row.

        Args:
            batch: token ids of the rows.

        Returns:
            float32 (rows, labels).

        Raises:
            ModelError: ONNX Runtime cannot run the graph, for example because the tokenizer belongs to another model.
        """
        return self._rows(batch, self._run)

    def hidden(self, batch: TokenBatch) -> NDArray[np.float32] | None:
        """The vector of every row from which a compact student computes its logits, float32 (rows, units).

        None for a graph of another kind; raises the errors of `logits`.
        """
        return self._rows(batch, partial(self._output, self._hidden_session, HIDDEN)) if self._compact else None

    @cached_property
    def _hidden_session(self) -> Any:
        """A second session of the graph, with the hidden vectors as an output."""
        check_onnx_file(self._path, alone=True)
        return _session(self._path.read_bytes() + _graph_output(HIDDEN), self._path)

    def _rows(self, batch: TokenBatch, run_group: Callable[[Ids, Ids], NDArray[np.float32]]) -> NDArray[np.float32]:
        """What the graph returns for every row, by groups that run in parallel."""
        share = max(self.grouping.min_tokens, batch.ids.size // self.threads)
        max_tokens = min(share, self.grouping.max_tokens)
        groups = list(batch.groups(max_tokens, call_rows=self.grouping.call_rows))
        groups.sort(key=lambda group: group[1].size, reverse=True)
        lengths = batch.lengths
        self._count(batch.ids.size, sum(ids.size for _, ids in groups))
        few = len(groups) == 1 or batch.ids.size <= self.grouping.min_tokens  # faster than handing over to threads
        run = map if few else self._own_pool().map
        values = list(run(run_group, (ids for _, ids in groups), (lengths[rows] for rows, _ in groups)))
        return in_row_order([rows for rows, _ in groups], values)

    def _own_pool(self) -> ThreadPoolExecutor:
        """The thread pool of this process: a fork inherits the pool of its parent, but not the threads."""
        if self._pool_of != os.getpid():
            self._pool, self._pool_of = _threads(self.threads), os.getpid()
        return self._pool

    def _count(self, tokens: int, with_padding: int) -> None:
        read, padding = self.tokens_read
        self.tokens_read = (read + tokens, padding + with_padding - tokens)

    def _run(self, ids: Ids, lengths: Ids) -> NDArray[np.float32]:
        return self._output(self._session, "logits", ids, lengths)

    def _output(self, session: Any, output: str, ids: Ids, lengths: Ids) -> NDArray[np.float32]:
        mask = (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)
        feed = {name: _FEEDS[name](ids, mask) for name in self._inputs}
        try:
            rows: Any = session.run([output], feed)[0]
        except Exception as error:
            raise ModelError(
                f"ONNX Runtime cannot run the model ({first_line(error)}); if an index is out of bounds, the tokenizer "
                "belongs to another model: put its own tokenizer.json beside it"
            ) from error
        if not isinstance(rows, np.ndarray) or rows.dtype.kind not in _NUMBERS:
            raise ModelError(f"the model returned {output} that are not a tensor of numbers")
        if rows.ndim != 2 or len(rows) != len(ids):
            raise ModelError(f"the model returned {output} of shape {rows.shape} for {len(ids)} rows")
        return rows.astype(np.float32, copy=False)


def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="emoscope-onnx")


def _load(path: Path) -> Any:
    check_onnx_file(path)
    return _session(path, path)


def _graph_output(name: str) -> bytes:
    """What adds an output to a graph, written behind its file: parts of a protobuf message are merged."""
    content = name.encode()
    for field in (1, 12, 7):  # name of ValueInfoProto, output of GraphProto, graph of ModelProto
        content = bytes([field << 3 | 2, len(content)]) + content
    return content


def _session(model: Path | bytes, path: Path) -> Any:
    """A session of a model, whose file has this path."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it would keep a memory plan for every shape of input
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path} cannot be loaded by ONNX Runtime: {first_line(error)}") from error
