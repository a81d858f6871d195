"""A packed encoder as a runtime: TokenBatch -> logits. Knows no text, no label names and no file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.errors import ModelError
from emoscope.tokenization import TokenBatch, in_row_order
from emoscope.torch_runtime.checks import OTHER_TOKENIZER, check_ids, existing_device, finite
from emoscope.torch_runtime.cuda_graphs import STEP_TOKENS, FixedSteps, Piece
from emoscope.torch_runtime.operations import TORCH, Operations, on_cuda
from emoscope.torch_runtime.packed_encoder import PackedEncoder, near

MAX_STEP_TOKENS = 1024
"""Maximum number of tokens in one step on a CPU: large enough to fill the matrix products, small enough for caches."""

TOLERANCE = 0.1
"""As `architectures.TOLERANCE`, but for half precision: it detects a kernel that is wrong, not one that rounds."""


class PackedModel:
    """A packed encoder on one device; several threads may use it at once.

    Attributes:
        device: the device it runs on.
        dtype: the precision of everything except the head.
        operations: the operations it runs with.
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
        """Move the encoder to the device and prepare its steps there.

        Args:
            encoder: in float32, on the CPU.
            parameters: number of the model's parameters.
            device: "cpu", "cuda", or "cuda:1" for the second GPU.
            dtype: precision of everything except the head; None for float16 on CUDA and float32 on the CPU. On CUDA
                bfloat16 is as fast and never overflows, but is 8 times coarser: probabilities of some texts are off by
                more than 1e-2.
            operations: None for the fastest that work on the device.
            step_tokens: token counts of the steps if their shapes are fixed, otherwise the maximum of a step; None for
                what suits the device.

        Raises:
            ModelError: this machine has no such device, or no operations work on it.
        """
        self.device = existing_device(device)
        self.dtype = dtype or (torch.float16 if self.device.type == "cuda" else torch.float32)
        self.parameters = parameters
        self._vocabulary, self._longest, self._labels = encoder.vocabulary, encoder.longest, encoder.labels
        with _current(self.device):
            working = _place(encoder, self.device, self.dtype)
            self.operations = operations or working
            if self.operations.static:
                steps = FixedSteps(encoder, self.device, self.operations, step_tokens or STEP_TOKENS)
                self._steps, self._largest = steps.run, steps.largest
            else:
                self._steps = partial(_one_by_one, encoder, self.device, self.operations)
                self._largest = max(step_tokens or [MAX_STEP_TOKENS]), sys.maxsize

    @torch.inference_mode()
    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits of every row of a batch, float32 (rows, labels).

        Raises:
            ModelError: a token id has no embedding or a row has more tokens than the model has positions, because the
                tokenizer belongs to another model; or a logit is not finite.
        """
        check_ids(batch, self._vocabulary)
        longest = batch.lengths.max(initial=0)
        if longest > self._longest:
            raise ModelError(
                f"the tokenizer gave a row of {longest} tokens, but the model has {self._longest} positions; "
                f"{OTHER_TOKENIZER}"
            )
        if self.operations.static:
            return self._run(batch.ids, batch.offsets)
        order = np.argsort(-batch.lengths, kind="stable")
        return in_row_order([order], [self._run(*_reordered(batch, order))])

    def _run(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        with _current(self.device):
            outputs = self._steps(_pieces(ids, offsets, *self._largest))
        return finite(np.concatenate([np.empty((0, self._labels), np.float32), *outputs]), self.dtype)


def _one_by_one(
    encoder: PackedEncoder, device: torch.device, operations: Operations, pieces: Iterable[Piece]
) -> list[NDArray[np.float32]]:
    """Logits of pieces of any size, one after the other, without a CUDA graph."""
    inputs = (
        (torch.tensor(ids, device=device), torch.tensor(offsets, dtype=torch.int32, device=device))
        for ids, offsets in pieces
    )
    return [encoder(*tensors, operations).cpu().numpy() for tensors in inputs]


def _place(encoder: PackedEncoder, device: torch.device, dtype: torch.dtype) -> Operations:
    """Move an encoder to a device and return the fastest operations that work there.

    Operations that fail there, or whose logits on the encoder's probe are far from those in float32, are skipped.

    Raises:
        ModelError: no operations work.
    """
    ids, offsets = encoder.probe()
    with torch.inference_mode():
        expected = encoder(ids, offsets)
    encoder.place(device, dtype)
    for operations in on_cuda() if device.type == "cuda" else (TORCH,):
        try:
            with torch.inference_mode():
                logits = encoder(ids.to(device), offsets.to(device), operations).cpu()
        except Exception:  # Triton has no compiler, a kernel does not support the size of a head, ...
            continue
        if near(logits, expected, TOLERANCE):
            return operations
    raise ModelError(
        f"the model's logits on {device} in {dtype} are far from those in float32; "
        "load it with another dtype ('float16', 'bfloat16', 'float32'), or on device 'cpu'"
    )


def _current(device: torch.device) -> Any:
    """Makes the device the current one, to which CUDA events and graphs belong."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _reordered(batch: TokenBatch, order: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Ids and offsets of the batch with its rows in another order."""
    lengths = batch.lengths[order]
    offsets = np.concatenate([[0], lengths.cumsum()])
    source = np.arange(offsets[-1]) + np.repeat(batch.offsets[order] - offsets[:-1], lengths)
    return batch.ids[source], offsets


def _pieces(ids: NDArray[np.int32], offsets: NDArray[np.int64], max_tokens: int, max_rows: int) -> Iterator[Piece]:
    """Neighbouring rows, as many as fit into a step; a single row may have more tokens."""
    start, rows = 0, len(offsets) - 1
    while start < rows:
        fitting = int(np.searchsorted(offsets, offsets[start] + max_tokens, side="right")) - 1
        stop = min(max(fitting, start + 1), start + max_rows)
        yield Piece(ids[offsets[start] : offsets[stop]], offsets[start : stop + 1] - offsets[start])
        start = stop
