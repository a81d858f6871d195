"""What a training run tells while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        stage: what is being fitted: "encoder"; or "temperature", then "student".
        done: steps done.
        total: steps of the stage.
        loss: training loss of the last step.
        metrics: of the last evaluation, empty before the first.
    """

    stage: str
    done: int
    total: int
    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)


OnProgress = Callable[[Progress], None]


def no_progress(progress: Progress) -> None:
    """Tells nobody."""
