"""The model on a Ray cluster: a classifier for `score_table`, and a step of Ray Data. Needs the extra `ray`."""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("ray")

from emoscope.scoring.on_ray.cluster_classifier import ClusterClassifier
from emoscope.scoring.on_ray.dataset import score_dataset

__all__ = ["ClusterClassifier", "score_dataset"]
