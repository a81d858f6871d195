"""The training loop of a compact student: token ids and targets in, trained module out. Knows no text.

Each step trains on clean and on adversarially perturbed embeddings (the fast gradient method for text of Miyato, Dai
and Goodfellow, "Adversarial Training Methods for Semi-Supervised Text Classification", ICLR 2017).
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
from emoscope.training.objective import Objective
from emoscope.training.training_state import TrainingState

OnStep = Callable[[int, int, float], None]
"""Called after each step with the steps done, all steps, and the step's training loss."""


@dataclass(frozen=True)
class TokenizedRows:
    """Rows of token ids and their targets.

    Attributes:
        token_ids: token ids of each row.
        label_ids: int64 (rows,), `objective.NO_LABEL` for a row without a label.
        soft_targets: float32 (rows, labels), zeros for a row without them; or None.
        labels: number of labels, whether or not each occurs.
        epochs: int64 (rows,), the number of epochs that each row is used in; 0 for all.
        shifts: float32 (rows, labels), added to a row's logits before its label is compared with them.
    """

    token_ids: list[list[int]]
    label_ids: Tensor
    soft_targets: Tensor | None
    labels: int
    epochs: Tensor
    shifts: Tensor


def fit(
    embeddings: Tensor, rows: TokenizedRows, config: CompactConfig, state_file: Path, on_step: OnStep
) -> CompactModel:
    """Train a student.

    Only the embeddings of word pieces that occur are trained, which makes a step three times cheaper; the others keep
    their initial values. The same seed gives the same weights on the same machine, because one thread adds numbers in
    one order (a second thread would gain little on steps this small).

    Args:
        embeddings: float32 (vocabulary, dimension), the initial word-piece embeddings.
        rows: what to learn from.
        config: the recipe.
        state_file: written after each epoch. If it exists, training continues from it to the weights that an
            uninterrupted run would have reached.
        on_step: called after each step.
    """
    torch.manual_seed(config.seed)
    used = torch.tensor(sorted({token for ids in rows.token_ids for token in ids}))
    position = {token: row for row, token in enumerate(used.tolist())}
    student = _student(embeddings[used], rows.labels, config)
    with _one_thread():
        renumbered = replace(rows, token_ids=[[position[token] for token in ids] for ids in rows.token_ids])
        _run(student, renumbered, config, state_file, on_step)
    whole = _student(embeddings, rows.labels, config)
    trained = embeddings.index_copy(0, used, student.vectors.detach())
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


def _student(embeddings: Tensor, labels: int, config: CompactConfig) -> CompactModel:
    shape = CompactShape(len(embeddings), config.dimension, config.hidden, labels)
    student = CompactModel(shape, dropout=config.dropout)
    student.vectors.data.copy_(embeddings)
    return student


def _run(student: CompactModel, rows: TokenizedRows, config: CompactConfig, state_file: Path, on_step: OnStep) -> None:
    objective = Objective.of(config)
    epochs = [_rows_of_epoch(rows, epoch, config.epochs) for epoch in range(config.epochs)]
    steps_before = [0, *accumulate(math.ceil(len(chosen) / config.batch_size) for chosen in epochs)]
    steps = steps_before[-1]
    optimizer, schedule = _optimizer_and_schedule(student, steps, config)
    order = torch.Generator().manual_seed(config.seed)
    state = TrainingState(state_file, student, optimizer, schedule, order)
    student.train()
    losses = state.restore()
    for epoch in range(len(losses), config.epochs):
        total = 0.0
        batches = _batches(rows.token_ids, epochs[epoch], config.batch_size, order)
        for done, batch in enumerate(batches, start=steps_before[epoch] + 1):
            loss = _backward(student, rows, batch, config, objective)
            total += loss
            nn.utils.clip_grad_norm_(student.parameters(), config.gradient_clip)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            on_step(done, steps, loss)
        losses.append(total / (steps_before[epoch + 1] - steps_before[epoch]))
        state.save(losses)


def _optimizer_and_schedule(
    student: CompactModel, steps: int, config: CompactConfig
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW on a one-cycle schedule; weight decay applies to the layers' matrices, not to embeddings and biases."""
    decayed = [student.input_weight, student.recurrent_weight, student.attention, student.output.weight]
    others = [weight for weight in student.parameters() if not any(weight is matrix for matrix in decayed)]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
    warmup = config.warmup if config.warmup * steps > 1 else 0.0  # torch divides by zero where it is one step
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps, pct_start=warmup)
    return optimizer, schedule


def _rows_of_epoch(rows: TokenizedRows, epoch: int, epochs: int) -> Tensor:
    """Row numbers of an epoch; of the rows that are used in some epochs only, neighbours begin in different epochs."""
    partly = rows.epochs > 0
    begins = (partly.cumsum(0) - 1) % epochs
    used = ~partly | ((epoch - begins) % epochs < rows.epochs)
    return used.nonzero().squeeze(1)


def _batches(
    token_ids: list[list[int]], chosen: Tensor, batch_size: int, order: torch.Generator
) -> Iterator[list[int]]:
    """Row numbers of each step of an epoch: rows of nearly equal length together, in random order."""
    lengths = torch.tensor([len(token_ids[row]) for row in chosen.tolist()])
    by_length = torch.argsort(lengths + 2 * torch.rand(len(lengths), generator=order))
    batches = torch.split(chosen[by_length], batch_size)
    for number in torch.randperm(len(batches), generator=order).tolist():
        yield batches[number].tolist()


def _backward(
    student: CompactModel, rows: TokenizedRows, batch: list[int], config: CompactConfig, objective: Objective
) -> float:
    """Add the gradients of the loss on clean and on adversarially perturbed embeddings; returns the clean loss."""
    ids, mask = pad([rows.token_ids[row] for row in batch])
    label_ids, shifts = rows.label_ids[batch], rows.shifts[batch]
    soft_targets = None if rows.soft_targets is None else rows.soft_targets[batch]

    def loss_of(embedded: Tensor) -> Tensor:
        kept = torch.rand(mask.shape) >= config.word_dropout
        return objective.loss(student.classify(embedded * kept.unsqueeze(-1), mask), label_ids, soft_targets, shifts)

    embedded = student.embed(ids)
    embedded.retain_grad()
    loss = loss_of(embedded)
    loss.backward()  # type: ignore[no-untyped-call]
    if config.adversarial_radius and embedded.grad is not None:
        norm = embedded.grad.flatten(1).norm(dim=1)[:, None, None]
        shift = config.adversarial_radius * embedded.grad / (norm + 1e-12)
        loss_of(student.embed(ids) + shift).backward()  # type: ignore[no-untyped-call]
    return loss.item()
