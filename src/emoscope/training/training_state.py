"""A file with the state of a training run after an epoch, from which the run continues to the same weights."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emoscope.files import staged_file


@dataclass(frozen=True)
class TrainingState:
    """What is saved of a run; torch's global random state is saved too.

    Attributes:
        path: the file; its folder is created.
        model: the model.
        optimizer: its optimizer.
        schedule: the schedule of the learning rate.
        order: the generator that shuffles the rows.
    """

    path: Path
    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    order: torch.Generator

    @property
    def _parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}

    def save(self, losses: Sequence[float]) -> None:
        """Write the state atomically, with the mean loss of each epoch that is done."""
        state = {name: part.state_dict() for name, part in self._parts.items()}
        random = {"order": self.order.get_state(), "random": torch.get_rng_state()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with staged_file(self.path) as new:
            torch.save({"losses": list(losses), **state, **random}, new)

    def restore(self) -> list[float]:
        """Restore the state; returns the loss of each epoch done, none where the file is missing or incomplete."""
        try:
            state = torch.load(self.path, weights_only=True)
        except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
            return []
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self.order.set_state(state["order"])
        torch.set_rng_state(state["random"])
        losses: list[float] = state["losses"]
        return losses


def epoch_losses(path: Path) -> list[float]:
    """The mean loss of each epoch in the file of a finished training."""
    losses: list[float] = torch.load(path, weights_only=True)["losses"]
    return losses
