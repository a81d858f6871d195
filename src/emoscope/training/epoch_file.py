"""The state of a training run after an epoch, in a file: from it the run continues to the same weights."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emoscope.files import staged_file


class EpochFile:
    """Model, optimizer, schedule and random states, with the number of epochs done."""

    def __init__(
        self,
        path: Path,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        order: torch.Generator,
    ) -> None:
        """Name what is to be saved and restored.

        Args:
            path: of the file; its folder is made.
            model: the model.
            optimizer: its optimizer.
            schedule: of the learning rate.
            order: draws the order of the rows; torch's own generator is saved beside it.
        """
        self._path = path
        self._parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "schedule": schedule}
        self._order = order

    def save(self, epochs: int) -> None:
        """Write the state in one step, so that an interrupted save leaves the previous one as it was."""
        state = {name: part.state_dict() for name, part in self._parts.items()}
        random = {"order": self._order.get_state(), "random": torch.get_rng_state()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with staged_file(self._path) as new:
            torch.save({"epochs": epochs, **state, **random}, new)

    def restore(self) -> int:
        """Bring everything to the state of the file; returns its epochs done, 0 where there is no whole file."""
        try:
            state = torch.load(self._path, weights_only=True)
        except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
            return 0
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self._order.set_state(state["order"])
        torch.set_rng_state(state["random"])
        epochs: int = state["epochs"]
        return epochs
