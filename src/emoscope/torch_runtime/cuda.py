"""What only a CUDA device has: operations made for it, and graphs of steps whose shapes never change.

A CPU takes the same path without the graph: `captured` gives the step back as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import torch

from emoscope.errors import ModelError
from emoscope.torch_runtime.architectures import near, probe
from emoscope.torch_runtime.attention import in_stream, varlen
from emoscope.torch_runtime.packed import TORCH, Operations, PackedEncoder

TOLERANCE = 0.1
"""As `families.TOLERANCE`, but for half precision: it tells a kernel that is wrong, not one that rounds."""
WARM_UP_STEPS = 2


def candidates() -> Iterator[Operations]:
    """What a CUDA device may run, the fastest first; the last needs nothing but torch."""
    if find_spec("triton"):
        from emoscope.torch_runtime import kernels

        yield Operations("triton", in_stream, kernels.add_norm, static=True)
    if find_spec("torch.nn.attention.varlen"):
        yield Operations("varlen", varlen, static=True)
    yield TORCH


def place(encoder: PackedEncoder, device: torch.device, dtype: torch.dtype) -> Operations:
    """Move an encoder to a device and find the operations it is to be run with.

    They must come near the encoder's float32 logits on a few rows; those that fail or do not are passed over.

    Args:
        encoder: in float32, on the CPU.
        device: where to.
        dtype: of all but the head.

    Raises:
        ModelError: none does.
    """
    ids, offsets = probe(encoder)
    with torch.inference_mode():
        expected = encoder(ids, offsets)
    encoder.place(device, dtype)
    for operations in candidates() if device.type == "cuda" else (TORCH,):
        try:
            with torch.inference_mode():
                logits = encoder(ids.to(device), offsets.to(device), operations).cpu()
        except Exception:  # no compiler for Triton, a head size that a kernel does not have, ...
            continue
        if near(logits, expected, TOLERANCE):
            return operations
    raise ModelError(
        f"the model's logits on {device} in {dtype} are far from those in float32; "
        "load it with another dtype ('float16', 'bfloat16', 'float32'), or on device 'cpu'"
    )


def captured(step: Callable[[], None], stream: Any, pool: Any) -> Callable[[], Any]:
    """A CUDA graph of a step, which then costs one launch; without a stream the step itself.

    Args:
        step: works on tensors that stay where they are; its shapes do not depend on their values.
        stream: on which the graph is captured and will run; the same one for every graph of a pool, which share no
            memory otherwise. None on another device than CUDA.
        pool: memory that graphs which never run at once share, from `torch.cuda.graph_pool_handle`.
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


def marker(device: torch.device) -> Callable[[], None]:
    """A function that waits until all that was started on the device before now is done."""
    if device.type != "cuda":
        return lambda: None
    done = torch.cuda.Event()  # type: ignore[no-untyped-call]
    done.record()
    return done.synchronize
