"""Fits a compact student: rows of token ids and their targets in, trained module out. Knows no text.

Supervised training on clean and on adversarially shifted vectors (fast gradient method for text:
Miyato, Dai and Goodfellow, "Adversarial Training Methods for Semi-Supervised Text Classification", ICLR 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor, nn

from emoscope.compact import CompactModel, CompactShape, pad
from emoscope.training.config import CompactConfig
from emoscope.training.epoch_file import EpochFile
from emoscope.training.objective import Objective

TokenIds = list[list[int]]

OnStep = Callable[[int, int, float], None]
"""Called after each step with the steps done, all steps, and the step's training loss."""


@dataclass(frozen=True)
class Rows:
    """What a student learns from.

    Attributes:
        token_ids: ids of each row.
        label_ids: int64 (rows,), `objective.NO_LABEL` of a row without a label.
        soft_targets: float32 (rows, labels), zeros for a row without them; or None.
        labels: how many labels there are, whether or not each occurs.
        recurring: rows that are read in every epoch. Those after them are dealt out: each is read in one.
    """

    token_ids: TokenIds
    label_ids: Tensor
    soft_targets: Tensor | None
    labels: int
    recurring: int


def fit(vectors: Tensor, rows: Rows, config: CompactConfig, epoch_file: Path, on_step: OnStep) -> CompactModel:
    """Train a student.

    Only the vectors of word pieces that occur are trained, which makes a step three times cheaper; the others keep
    their first values. The same seed gives the same weights on the same machine: one thread, whose sums have one order
    (a second one would gain little on steps this small).

    Args:
        vectors: float32 (vocabulary, dimension), the first word-piece vectors.
        rows: what to learn from.
        config: the recipe.
        epoch_file: written after each epoch; where it is there already, the training continues from it, to the
            weights that it would have come to undisturbed.
        on_step: called after each step.
    """
    torch.manual_seed(config.seed)
    used = torch.tensor(sorted({token for ids in rows.token_ids for token in ids}))
    place = {token: row for row, token in enumerate(used.tolist())}
    student = _student(vectors[used], rows.labels, config)
    with _one_thread():
        placed = replace(rows, token_ids=[[place[token] for token in ids] for ids in rows.token_ids])
        _run(student, placed, config, epoch_file, on_step)
    whole = _student(vectors, rows.labels, config)
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


def _run(student: CompactModel, rows: Rows, config: CompactConfig, epoch_file: Path, on_step: OnStep) -> None:
    objective = Objective.of(config)
    epochs = [_rows_of_epoch(rows, epoch, config.epochs) for epoch in range(config.epochs)]
    steps_before = [0, *accumulate(math.ceil(len(chosen) / config.batch_size) for chosen in epochs)]
    steps = steps_before[-1]
    optimizer, schedule = _optimizer_and_schedule(student, steps, config)
    order = torch.Generator().manual_seed(config.seed)
    file = EpochFile(epoch_file, student, optimizer, schedule, order)
    student.train()
    for epoch in range(file.restore(), config.epochs):
        batches = _batches(rows.token_ids, epochs[epoch], config.batch_size, order)
        for done, batch in enumerate(batches, start=steps_before[epoch] + 1):
            loss = _backward(student, rows, batch, config, objective)
            nn.utils.clip_grad_norm_(student.parameters(), config.gradient_clip)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            on_step(done, steps, loss)
        file.save(epoch + 1)


def _optimizer_and_schedule(
    student: CompactModel, steps: int, config: CompactConfig
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW on a one-cycle schedule; only the layers' matrices decay, neither word-piece vectors nor biases."""
    decayed = [student.input_weight, student.recurrent_weight, student.attention, student.output.weight]
    kept = [weight for weight in student.parameters() if not any(weight is matrix for matrix in decayed)]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
    warmup = config.warmup if config.warmup * steps > 1 else 0.0  # torch divides by zero where it is one step
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps, pct_start=warmup)
    return optimizer, schedule


def _rows_of_epoch(rows: Rows, epoch: int, epochs: int) -> Tensor:
    """Row numbers of an epoch."""
    dealt = torch.arange(rows.recurring, len(rows.token_ids))[epoch::epochs]
    return torch.cat([torch.arange(rows.recurring), dealt])


def _batches(token_ids: TokenIds, chosen: Tensor, batch_size: int, order: torch.Generator) -> Iterator[list[int]]:
    """Row numbers of every step of an epoch: rows of nearly equal length together, in a random order."""
    lengths = torch.tensor([len(token_ids[row]) for row in chosen.tolist()])
    by_length = torch.argsort(lengths + 2 * torch.rand(len(lengths), generator=order))
    batches = torch.split(chosen[by_length], batch_size)
    for number in torch.randperm(len(batches), generator=order).tolist():
        yield batches[number].tolist()


def _backward(
    student: CompactModel, rows: Rows, batch: list[int], config: CompactConfig, objective: Objective
) -> float:
    """Add the gradients of the loss on clean and on adversarially shifted vectors; returns the clean loss."""
    ids, mask = pad([rows.token_ids[row] for row in batch])
    label_ids = rows.label_ids[batch]
    soft_targets = None if rows.soft_targets is None else rows.soft_targets[batch]

    def loss_of(embedded: Tensor) -> Tensor:
        kept = torch.rand(mask.shape) >= config.word_dropout
        return objective.loss(student.classify(embedded * kept.unsqueeze(-1), mask), label_ids, soft_targets)

    embedded = student.embed(ids)
    embedded.retain_grad()
    loss = loss_of(embedded)
    loss.backward()  # type: ignore[no-untyped-call]
    if config.adversarial_radius and embedded.grad is not None:
        norm = embedded.grad.flatten(1).norm(dim=1)[:, None, None]
        shift = config.adversarial_radius * embedded.grad / (norm + 1e-12)
        loss_of(student.embed(ids) + shift).backward()  # type: ignore[no-untyped-call]
    return loss.item()
