"""Adds emotions to tables of texts, streamed through any `Classifier`. Needs the extra `score`.

`score_table` is the whole job on files. `Scorer` and `score_batches` are its core, Arrow in and Arrow out, for engines
that read and write themselves. Two need the extra `ray`: `score_dataset` is a step of Ray Data, and
`ClusterClassifier` runs the model of `score_table` on a cluster.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from emoscope.errors import require_extra

require_extra("score")

from emoscope.scoring.core import Scorer, Scoring, score_batches
from emoscope.scoring.job import Job, Progress, ScoreReport, score_table
from emoscope.scoring.model import Workers
from emoscope.scoring.sources import Stream
from emoscope.scoring.summary import Summary

if TYPE_CHECKING:
    from emoscope.scoring.on_ray import ClusterClassifier as ClusterClassifier
    from emoscope.scoring.on_ray import score_dataset as score_dataset

__all__ = [
    "Job",
    "Progress",
    "ScoreReport",
    "Scorer",
    "Scoring",
    "Stream",
    "Summary",
    "Workers",
    "score_batches",
    "score_table",
]


def __getattr__(name: str) -> Any:
    """Names that need Ray, imported when they are asked for; and `Report`, the old name of `ScoreReport`."""
    if name == "Report":
        warnings.warn("emoscope.scoring.Report is now ScoreReport", DeprecationWarning, stacklevel=2)
        return ScoreReport
    if name not in ("ClusterClassifier", "score_dataset"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from emoscope.scoring import on_ray

    return getattr(on_ray, name)
