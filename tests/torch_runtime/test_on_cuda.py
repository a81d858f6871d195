"""Tests that need a CUDA device: captured steps, checkpoints on `device="cuda"`, memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

import emoscope.classifier
import tiny
from emoscope import EmotionClassifier
from emoscope.data import Examples
from emoscope.evaluation import evaluate
from emoscope.evaluation.timing import measure
from emoscope.labels import Labels
from emoscope.tokenization import TokenBatch
from emoscope.torch_runtime import PackedModel
from emoscope.torch_runtime.architectures import pack
from emoscope.torch_runtime.operations import on_cuda as operations_on_cuda
from reference_logits import batch, probabilities, reference
from tiny import ARCHITECTURES

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

OPERATIONS = {each.name: each for each in operations_on_cuda()} if torch.cuda.is_available() else {}
LENGTHS = [3, 1, 40, 1, 512, 7, 7, 22, 2, 300, 22, 64] * 3
TEXTS = [f"{text} {i}" for i in range(40) for text in ("I woke up stunned", "i am sad", "", "so happy " * 30)]

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def on_cuda(architecture: str, **settings: object) -> PackedModel:
    encoder = pack(tiny.classifier(architecture, scale=0.15))
    return PackedModel(encoder, parameters=1, device="cuda", **settings)


@every_architecture
@pytest.mark.parametrize("name", ["triton", "varlen", "torch"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_captured_steps_equal_transformers(architecture: str, name: str, dtype: torch.dtype) -> None:
    if name == "varlen" and dtype is torch.float32:
        pytest.skip("torch's varlen_attn takes half precision only")
    rows = batch(LENGTHS)
    model = on_cuda(architecture, operations=OPERATIONS[name], dtype=dtype, step_tokens=[704, 2816])
    logits = model.logits(rows)
    np.testing.assert_array_equal(model.logits(rows), logits)
    expected = reference(tiny.classifier(architecture, scale=0.15), rows)
    if dtype is torch.float32:
        np.testing.assert_allclose(logits, expected, atol=1e-4)
    tolerance = {torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 4e-2}[dtype]
    assert np.abs(probabilities(logits) - probabilities(expected)).max() < tolerance


def test_the_fastest_that_works_is_chosen() -> None:
    assert on_cuda("bert").operations.name == next(operations_on_cuda()).name
    assert on_cuda("bert").dtype is torch.float16


def test_several_threads_get_their_own_rows() -> None:
    model = on_cuda("distilbert")
    batches = [batch(LENGTHS[i:], seed=i) for i in range(24)]
    expected = [model.logits(rows) for rows in batches]

    def on_a_stream_of_its_own(rows: TokenBatch) -> np.ndarray:
        with torch.cuda.stream(torch.cuda.Stream()):
            return model.logits(rows)

    for ask in (model.logits, on_a_stream_of_its_own):
        with ThreadPoolExecutor(4) as pool:
            for logits, alone in zip(pool.map(ask, batches), expected, strict=True):
                np.testing.assert_array_equal(logits, alone)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_a_second_gpu_in_the_same_process() -> None:
    rows = batch(LENGTHS)
    expected = on_cuda("bert").logits(rows)
    second = PackedModel(pack(tiny.classifier("bert", scale=0.15)), parameters=1, device="cuda:1")
    np.testing.assert_array_equal(second.logits(rows), expected)


@every_architecture
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_checkpoint_on_cuda(
    folders: dict[str, Path], architecture: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through processes too."""
    expected = EmotionClassifier.from_pretrained(folders[architecture]).predict_proba(TEXTS)
    classifier = EmotionClassifier.from_pretrained(folders[architecture], device=device)
    assert np.abs(classifier.predict_proba(TEXTS) - expected).max() < 1e-2
    monkeypatch.setattr(emoscope.classifier, "CHUNK", 50)
    monkeypatch.setattr(emoscope.classifier, "PROCESS_CHUNK", 30)
    assert np.abs(classifier.predict_proba(TEXTS) - expected).max() < 1e-2


def test_memory_is_taken_once_and_reported(folders: dict[str, Path]) -> None:
    classifier = EmotionClassifier.from_pretrained(folders["bert"], device="cuda")
    assert torch.cuda.memory_allocated() > 0
    memory = measure(classifier, TEXTS).memory
    assert memory["mem_gpu_alloc_delta"] == 0
    assert memory["mem_gpu_peaked_delta"] is not None
    assert memory["mem_gpu_peaked_delta"] >= 0
    examples = Examples(TEXTS, np.zeros(len(TEXTS), np.int64), Labels(), "texts", "test")
    trainer = evaluate(classifier, examples)["trainer"]
    assert trainer["test_mem_gpu_alloc_delta"] == 0
