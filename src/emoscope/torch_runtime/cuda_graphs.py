"""Steps of a packed encoder whose shapes are fixed, each captured as a CUDA graph and then started by one launch.

A CPU takes the same path without the capture, for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emoscope.torch_runtime.operations import Operations
from emoscope.torch_runtime.packed_encoder import PackedEncoder

STEP_TOKENS = (704, 2_816, 11_264, 22_528)
"""Token counts of the steps: 32, 128, 512 and 1,024 texts of 22 tokens. A product of 22,528 rows by 3,072 columns, in
tiles of 128 by 256, makes 16 waves on an H200's 132 processors."""

TOKENS_PER_ROW = 16
"""A step has room for one row for each 16 of its tokens; shorter rows leave part of it empty."""

WARM_UP_STEPS = 2
"""Runs of a step before its capture, in which kernels are compiled and memory is allocated."""


class Piece(NamedTuple):
    """Rows of a batch that run in one step.

    Attributes:
        ids: int32 (tokens,).
        offsets: int64 (rows + 1,), from 0 to the number of ids.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]


class FixedSteps:
    """Steps of a few sizes. A call starts all the steps that it needs before it waits for the first.

    Steps that several threads start run one after the other, on a CUDA stream of the model's own; each thread waits for
    its own results only.

    Attributes:
        largest: tokens and rows of the largest step.
    """

    def __init__(
        self, encoder: PackedEncoder, device: torch.device, operations: Operations, tokens: Sequence[int]
    ) -> None:
        on_cuda = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if on_cuda else None  # type: ignore[no-untyped-call]
        graphs = self._stream, torch.cuda.graph_pool_handle() if on_cuda else None
        sizes = sorted(tokens, reverse=True)  # the largest first: the others fit its memory
        if sizes[0] < encoder.longest:
            raise ValueError(f"a step of {sizes[0]} tokens cannot hold a row of {encoder.longest}")
        self._steps = [_FixedStep(encoder, size, device, operations, graphs) for size in sizes][::-1]
        self.largest = self._steps[-1].size
        self._lock = Lock()

    def run(self, pieces: Iterable[Piece]) -> list[NDArray[np.float32]]:
        """Logits of the pieces, float32 (rows, labels) each."""
        with self._lock, torch.cuda.stream(self._stream):
            outputs = [self._smallest(piece).start(piece) for piece in pieces]
            done = torch.cuda.Event() if self._stream else None  # type: ignore[no-untyped-call]
            if done:
                done.record()
        if done:
            done.synchronize()
        return [output.numpy() for output in outputs]

    def _smallest(self, piece: Piece) -> _FixedStep:
        tokens, rows = len(piece.ids), len(piece.offsets) - 1
        return next(step for step in self._steps if step.size[0] >= tokens and step.size[1] >= rows)


class _FixedStep:
    """The encoder over streams of up to `size` tokens and rows, in tensors that stay where they are.

    Token ids are copied to the device in 16 bits if the vocabulary allows it. Host memory is pinned; torch's allocator
    gives it to another step only after the copies from it are done.
    """

    def __init__(
        self, encoder: PackedEncoder, tokens: int, device: torch.device, operations: Operations, graphs: tuple[Any, Any]
    ) -> None:
        rows = -(-tokens // TOKENS_PER_ROW)
        narrow = encoder.vocabulary <= 1 << 16
        self.size = tokens, rows
        self._pinned = device.type == "cuda"
        self._ids = torch.zeros(tokens, dtype=torch.int16 if narrow else torch.int32, device=device)
        self._offsets = (torch.arange(rows + 1) * TOKENS_PER_ROW).clamp(max=tokens).int().to(device)
        self._logits = torch.empty(rows, encoder.labels, device=device)

        def step() -> None:
            ids = self._ids.int() & 0xFFFF if narrow else self._ids
            self._logits.copy_(encoder(ids, self._offsets, operations))

        self._step = _captured(torch.inference_mode()(step), *graphs)

    def start(self, piece: Piece) -> Tensor:
        """Logits in host memory, float32 (rows, labels), to be read after the device has finished the step."""
        tokens, rows = len(piece.ids), len(piece.offsets) - 1
        offsets = np.full(len(self._offsets), tokens)
        offsets[: rows + 1] = piece.offsets
        self._ids[:tokens].copy_(self._on_host(piece.ids, self._ids.dtype), non_blocking=True)
        self._offsets.copy_(self._on_host(offsets, torch.int32), non_blocking=True)
        self._step()
        logits = torch.empty((rows, self._logits.shape[1]), pin_memory=self._pinned)
        return logits.copy_(self._logits[:rows], non_blocking=True)

    def _on_host(self, values: NDArray[Any], dtype: torch.dtype) -> Tensor:
        tensor = torch.empty(len(values), dtype=dtype, pin_memory=self._pinned)
        np.copyto(tensor.numpy(), values, casting="unsafe")
        return tensor


def _captured(step: Callable[[], None], stream: Any, pool: Any) -> Callable[[], Any]:
    """A function that replays the CUDA graph of a step; without a stream the step itself.

    Args:
        step: works on tensors that stay where they are; its shapes do not depend on their values.
        stream: the CUDA stream on which the graph is captured and will run. All graphs of a pool need the same one,
            because otherwise they share no memory. None on a CPU.
        pool: memory shared by graphs that never run at the same time, from `torch.cuda.graph_pool_handle`.
    """
    if stream is None:
        return step
    stream.wait_stream(torch.cuda.current_stream(stream.device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP_STEPS):
            step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
        step()
    return graph.replay
