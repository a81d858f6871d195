"""ONNX Runtime under the runtime contract: TokenBatch -> logits. Knows no text and no label."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from emoscope.errors import ModelError
from emoscope.tokenization import TokenBatch, in_row_order

Group = tuple[NDArray[np.int64], NDArray[np.int64]]

MAX_BATCH_TOKENS = 8192
"""Tokens of one call to the graph: large enough to fill the matrix products, small enough for the caches."""

_FEEDS: dict[str, Callable[[NDArray[np.int64]], NDArray[np.int64]]] = {
    "input_ids": lambda ids: ids,
    "attention_mask": np.ones_like,
    "token_type_ids": np.zeros_like,
}


class Runtime(Protocol):
    """Turns token ids into logits; `OnnxModel` is one."""

    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits (rows, labels) of every row of the batch."""
        ...


class OnnxModel:
    """A graph with inputs `input_ids` (and `attention_mask`, `token_type_ids`) and output `logits`.

    Rows of equal length run together, without padding, so that the logits of a row do not depend on the
    rest of the batch. Groups run side by side, one thread each: for short texts that fills the cores
    better than several threads inside one small matrix product.
    """

    def __init__(self, path: Path, *, threads: int | None = None, max_batch_tokens: int = MAX_BATCH_TOKENS) -> None:
        """Load the graph.

        Args:
            path: the `.onnx` file.
            threads: groups that run at once; None for one a usable core.
            max_batch_tokens: upper bound of tokens in one call; a longer single row runs alone.

        Raises:
            ModelError: ONNX Runtime cannot load the file, or it asks for other inputs.
        """
        self.threads = threads or _usable_cores()
        self.max_batch_tokens = max_batch_tokens
        self._session = _load(path)
        self._inputs = [node.name for node in self._session.get_inputs()]
        unknown = [name for name in self._inputs if name not in _FEEDS]
        if unknown:
            raise ModelError(f"{path} asks for the inputs {unknown}; allowed: {', '.join(_FEEDS)}")
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="emoscope-onnx")

    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits of every row.

        Args:
            batch: token ids of the rows.

        Returns:
            float32 (rows, labels).
        """
        groups = list(batch.groups(self.max_batch_tokens))
        run = self._pool.map if len(groups) > 1 else map
        values = list(run(self._run, (ids for _, ids in groups)))
        return in_row_order([rows for rows, _ in groups], values)

    def _run(self, input_ids: NDArray[np.int64]) -> NDArray[np.float32]:
        feed = {name: _FEEDS[name](input_ids) for name in self._inputs}
        logits: NDArray[np.float32] = self._session.run(["logits"], feed)[0]
        return logits


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path} cannot be loaded by ONNX Runtime: {str(error).splitlines()[0]}") from error
