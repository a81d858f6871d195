"""What a training run reports while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        stage: what is being done: "encoder"; or "temperature", then "student". In a distillation, scoring by the
            teachers comes first: "teacher 1/3" and so on. In a cross-validation, every stage begins with its fold:
            "fold 1/5, "; in a run of several seeds, with its seed: "seed 1/5, ".
        done: steps done.
        total: all steps of the stage.
        loss: training loss of the last step; None where texts are scored.
        metrics: results of the last evaluation, empty before the first.
        unit: what a step is: "step", or "text" where texts are scored.
    """

    stage: str
    done: int
    total: int
    loss: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    unit: str = "step"


OnProgress = Callable[[Progress], None]
"""Called with the progress of a run."""


def no_progress(progress: Progress) -> None:
    """Does nothing."""
