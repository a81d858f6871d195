"""A packed encoder under the runtime contract: TokenBatch -> logits. Knows no text, no label and no file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emoscope.errors import ModelError
from emoscope.tokenization import TokenBatch, in_row_order
from emoscope.torch_runtime.cuda import captured, marker, place
from emoscope.torch_runtime.model import check_ids, existing_device, finite
from emoscope.torch_runtime.packed import Operations, PackedEncoder

MAX_STEP_TOKENS = 1024
"""Tokens of one step of any length: large enough to fill the matrix products, small enough for the caches."""

STEP_TOKENS = (704, 2_816, 11_264, 22_528)
"""Tokens of the steps of fixed length: 32, 128, 512 and 1,024 texts of 22 tokens; products of 22,528 rows by 3,072
columns, in tiles of 128 by 256, are 16 waves of an H200's 132 processors."""

TOKENS_A_ROW = 16
"""A step of fixed length has room for a row for each 16 of its tokens; shorter rows leave part of it empty."""


class Piece(NamedTuple):
    """Rows of a batch that make one step."""

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    """Int64 (rows + 1,), from 0 to the number of ids."""


class PackedModel:
    """A packed encoder on one device; several threads may ask at once.

    Attributes:
        device: where it runs.
        dtype: of all but the head.
        operations: what it is run with.
        parameters: number of the model's parameters.
    """

    def __init__(
        self,
        encoder: PackedEncoder,
        *,
        parameters: int,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
        operations: Operations | None = None,
        step_tokens: Sequence[int] | None = None,
    ) -> None:
        """Move the encoder to the device and make its steps there.

        Args:
            encoder: in float32, on the CPU.
            parameters: number of the model's parameters.
            device: "cpu", "cuda", or "cuda:1" for the second GPU.
            dtype: of all but the head; None for float16 on CUDA and float32 on the CPU. On CUDA bfloat16 is as fast,
                never overflows, and is 8 times coarser: more than 1e-2 off in the probabilities of some texts.
            operations: None for the fastest that work on the device.
            step_tokens: tokens of the steps of fixed length, or the most of one of any length; None for what
                suits the device.

        Raises:
            ModelError: the device does not exist here, or nothing works on it.
        """
        self.device = existing_device(device)
        self.dtype = dtype or (torch.float16 if self.device.type == "cuda" else torch.float32)
        self.parameters = parameters
        self._vocabulary, self._longest, self._labels = encoder.vocabulary, encoder.longest, encoder.labels
        with _on(self.device):
            found = place(encoder, self.device, self.dtype)
            self.operations = operations or found
            steps = _FixedSteps if self.operations.static else _VaryingSteps
            self._steps: _VaryingSteps | _FixedSteps = steps(encoder, self.device, self.operations, step_tokens)

    @torch.inference_mode()
    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits of every row.

        Args:
            batch: token ids of the rows.

        Returns:
            float32 (rows, labels).

        Raises:
            ModelError: an id has no vector, or a token no position, since the tokenizer belongs to another model; or a
                logit is not finite.
        """
        self._check(batch)
        if self.operations.static:
            return self._run(batch.ids, batch.offsets)
        order = np.argsort(-batch.lengths, kind="stable")
        return in_row_order([order], [self._run(*_reordered(batch, order))])

    def _check(self, batch: TokenBatch) -> None:
        """As of ids, a GPU does not outlive a position that is too large."""
        check_ids(batch, self._vocabulary)
        longest = batch.lengths.max(initial=0)
        if longest > self._longest:
            raise ModelError(
                f"the tokenizer gave a row of {longest} tokens, but the model has {self._longest} positions; "
                "put its own tokenizer.json beside it"
            )

    def _run(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        with _on(self.device):
            outputs = self._steps.run(_pieces(ids, offsets, *self._steps.largest))
        return finite(np.concatenate([np.empty((0, self._labels), np.float32), *outputs]), self.dtype)


class _VaryingSteps:
    """Steps of any length, one after the other."""

    def __init__(
        self,
        encoder: PackedEncoder,
        device: torch.device,
        operations: Operations,
        tokens: Sequence[int] | None,
    ) -> None:
        self.largest = (max(tokens or [MAX_STEP_TOKENS]), sys.maxsize)
        self._encoder, self._device, self._operations = encoder, device, operations

    def run(self, pieces: Iterable[Piece]) -> list[NDArray[np.float32]]:
        return [self._step(*piece).cpu().numpy() for piece in pieces]

    def _step(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> Tensor:
        on_device = (
            torch.tensor(ids, device=self._device),
            torch.tensor(offsets, dtype=torch.int32, device=self._device),
        )
        logits: Tensor = self._encoder(*on_device, self._operations)
        return logits


class _FixedSteps:
    """Steps of a few lengths, all of them started before the first is waited for.

    What threads start follows one another on the device, on a stream of the model's own, while each waits for its own
    results alone.
    """

    def __init__(
        self,
        encoder: PackedEncoder,
        device: torch.device,
        operations: Operations,
        tokens: Sequence[int] | None,
    ) -> None:
        on_cuda = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if on_cuda else None  # type: ignore[no-untyped-call]
        graphs = self._stream, torch.cuda.graph_pool_handle() if on_cuda else None
        sizes = sorted(tokens or STEP_TOKENS, reverse=True)  # the largest first: the others fit its memory
        if sizes[0] < encoder.longest:
            raise ValueError(f"a step of {sizes[0]} tokens cannot hold a row of {encoder.longest}")
        self._steps = [_FixedStep(encoder, size, device, operations, graphs) for size in sizes][::-1]
        self.largest = self._steps[-1].size
        self._device = device
        self._lock = Lock()

    def run(self, pieces: Iterable[Piece]) -> list[NDArray[np.float32]]:
        with self._lock, torch.cuda.stream(self._stream):
            outputs = [self._smallest(piece).start(*piece) for piece in pieces]
            wait = marker(self._device)
        wait()
        return [output.numpy() for output in outputs]

    def _smallest(self, piece: Piece) -> _FixedStep:
        tokens, rows = len(piece.ids), len(piece.offsets) - 1
        return next(step for step in self._steps if step.size[0] >= tokens and step.size[1] >= rows)


class _FixedStep:
    """The encoder over streams of up to so many tokens, in tensors that stay where they are.

    Ids cross the bus in 16 bits where the vocabulary fits. Host memory is pinned; torch's allocator gives it to
    another step only after the copies from it are done.
    """

    def __init__(
        self,
        encoder: PackedEncoder,
        tokens: int,
        device: torch.device,
        operations: Operations,
        graphs: tuple[Any, Any],
    ) -> None:
        rows = -(-tokens // TOKENS_A_ROW)
        narrow = encoder.vocabulary <= 1 << 16
        self.size = tokens, rows
        self._pinned = device.type == "cuda"
        self._ids = torch.zeros(tokens, dtype=torch.int16 if narrow else torch.int32, device=device)
        self._offsets = (torch.arange(rows + 1) * TOKENS_A_ROW).clamp(max=tokens).int().to(device)
        self._logits = torch.empty(rows, encoder.labels, device=device)

        def step() -> None:
            ids = self._ids.int() & 0xFFFF if narrow else self._ids
            self._logits.copy_(encoder(ids, self._offsets, operations))

        self._step = captured(torch.inference_mode()(step), *graphs)

    def start(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> Tensor:
        """Logits in host memory, float32 (rows, labels): not there before the device has come so far."""
        tokens, rows = len(ids), len(offsets) - 1
        padded = np.full(len(self._offsets), tokens)
        padded[: rows + 1] = offsets
        self._ids[:tokens].copy_(self._on_host(ids, self._ids.dtype), non_blocking=True)
        self._offsets.copy_(self._on_host(padded, torch.int32), non_blocking=True)
        self._step()
        logits = torch.empty((rows, self._logits.shape[1]), pin_memory=self._pinned)
        return logits.copy_(self._logits[:rows], non_blocking=True)

    def _on_host(self, values: NDArray[Any], dtype: torch.dtype) -> Tensor:
        tensor = torch.empty(len(values), dtype=dtype, pin_memory=self._pinned)
        np.copyto(tensor.numpy(), values, casting="unsafe")
        return tensor


def _on(device: torch.device) -> Any:
    """Device of the block: events and graphs belong to the current one."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _reordered(batch: TokenBatch, order: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Ids and offsets of the batch with its rows in another order."""
    lengths = batch.lengths[order]
    offsets = np.concatenate([[0], lengths.cumsum()])
    source = np.arange(offsets[-1]) + np.repeat(batch.offsets[order] - offsets[:-1], lengths)
    return batch.ids[source], offsets


def _pieces(ids: NDArray[np.int32], offsets: NDArray[np.int64], max_tokens: int, max_rows: int) -> Iterator[Piece]:
    """Neighbouring rows, as many as there is room for; a single row may have more tokens."""
    start, rows = 0, len(offsets) - 1
    while start < rows:
        fitting = int(np.searchsorted(offsets, offsets[start] + max_tokens, side="right")) - 1
        stop = min(max(fitting, start + 1), start + max_rows)
        yield Piece(ids[offsets[start] : offsets[stop]], offsets[start : stop + 1] - offsets[start])
        start = stop
