"""What a training run tells while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        stage: what is being done: "encoder"; or "temperature", then "student"; before them, where there are teachers,
            "teacher 1/3" and so on. With folds, "fold 1/5, " stands before it.
        done: steps done.
        total: steps of the stage.
        loss: training loss of the last step; None where texts are scored.
        metrics: of the last evaluation, empty before the first.
        unit: what a step is: "step", or "text" where texts are scored.
    """

    stage: str
    done: int
    total: int
    loss: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    unit: str = "step"


OnProgress = Callable[[Progress], None]


def no_progress(progress: Progress) -> None:
    """Tells nobody."""
