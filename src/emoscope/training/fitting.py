"""Fits a compact student: token ids and label ids in, trained module out. Knows no text and no file.

Plain supervised training on clean and on adversarially shifted vectors (fast gradient method for text:
Miyato, Dai and Goodfellow, "Adversarial Training Methods for Semi-Supervised Text Classification", ICLR 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emoscope.compact import CompactModel, CompactShape, pad
from emoscope.training.config import CompactConfig

TokenIds = list[list[int]]


OnStep = Callable[[int, int, float], None]
"""Called after each step with the steps done, all steps, and the step's training loss."""


def fit(
    vectors: Tensor, token_ids: TokenIds, label_ids: Tensor, labels: int, config: CompactConfig, on_step: OnStep
) -> CompactModel:
    """Train a student on rows of token ids.

    Only the vectors of word pieces that occur are trained, which makes a step three times cheaper; the others keep
    their first values. The same seed gives the same weights on the same machine: one thread, whose sums have one order
    (a second one would gain little on steps this small).

    Args:
        vectors: float32 (vocabulary, dimension), the first word-piece vectors.
        token_ids: ids of each row.
        label_ids: int64 (rows,).
        labels: how many there are, whether or not each occurs.
        config: the recipe.
        on_step: called after each step.
    """
    torch.manual_seed(config.seed)
    used = torch.tensor(sorted({token for ids in token_ids for token in ids}))
    place = {token: row for row, token in enumerate(used.tolist())}
    student = _student(vectors[used], labels, config)
    with _one_thread():
        _run(student, [[place[token] for token in ids] for ids in token_ids], label_ids, config, on_step)
    whole = _student(vectors, labels, config)
    trained = vectors.index_copy(0, used, student.vectors.detach())
    whole.load_state_dict({**student.state_dict(), "vectors": trained})
    return whole.eval()


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _student(vectors: Tensor, labels: int, config: CompactConfig) -> CompactModel:
    student = CompactModel(CompactShape(len(vectors), config.dimension, config.hidden, labels), dropout=config.dropout)
    student.vectors.data.copy_(vectors)
    return student


def _run(student: CompactModel, token_ids: TokenIds, label_ids: Tensor, config: CompactConfig, on_step: OnStep) -> None:
    steps = config.epochs * math.ceil(len(token_ids) / config.batch_size)
    optimizer, schedule = _optimizer_and_schedule(student, steps, config)
    student.train()
    for done, rows in enumerate(_batches(token_ids, config), start=1):
        ids, mask = pad([token_ids[row] for row in rows])
        loss = _backward(student, ids, mask, label_ids[rows], config)
        nn.utils.clip_grad_norm_(student.parameters(), config.gradient_clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        on_step(done, steps, loss)


def _optimizer_and_schedule(
    student: CompactModel, steps: int, config: CompactConfig
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW on a one-cycle schedule; only the layers' matrices decay, neither word-piece vectors nor biases."""
    decayed = [student.input_weight, student.recurrent_weight, student.output.weight]
    kept = [weight for weight in student.parameters() if not any(weight is matrix for matrix in decayed)]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=steps, pct_start=config.warmup
    )
    return optimizer, schedule


def _batches(token_ids: TokenIds, config: CompactConfig) -> Iterator[list[int]]:
    """Row numbers of every step: rows of nearly equal length together, shuffled anew each epoch."""
    generator = torch.Generator().manual_seed(config.seed)
    lengths = torch.tensor([len(ids) for ids in token_ids])
    for _ in range(config.epochs):
        order = torch.argsort(lengths + 2 * torch.rand(len(lengths), generator=generator))
        batches = torch.split(order, config.batch_size)
        for number in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[number].tolist()


def _backward(student: CompactModel, ids: Tensor, mask: Tensor, label_ids: Tensor, config: CompactConfig) -> float:
    """Add the gradients of the loss on clean and on adversarially shifted vectors; returns the clean loss."""
    embedded = student.embed(ids)
    embedded.retain_grad()
    loss = _loss(student, embedded, mask, label_ids, config)
    loss.backward()  # type: ignore[no-untyped-call]
    if config.adversarial_radius and embedded.grad is not None:
        norm = embedded.grad.flatten(1).norm(dim=1)[:, None, None]
        shift = config.adversarial_radius * embedded.grad / (norm + 1e-12)
        _loss(student, student.embed(ids) + shift, mask, label_ids, config).backward()  # type: ignore[no-untyped-call]
    return loss.item()


def _loss(student: CompactModel, embedded: Tensor, mask: Tensor, label_ids: Tensor, config: CompactConfig) -> Tensor:
    kept = torch.rand(mask.shape) >= config.word_dropout
    logits = student.classify(embedded * kept.unsqueeze(-1), mask)
    return F.cross_entropy(logits, label_ids, label_smoothing=config.label_smoothing)
