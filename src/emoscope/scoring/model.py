"""The model of a job, here or in workers on a cluster. Knows no Ray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emoscope.classifier import EmotionClassifier
from emoscope.errors import ModelError
from emoscope.protocols import Classifier

CORES = 4
"""Cores of a worker without a GPU, on machines that have as many: few workers keep few models in memory."""


@dataclass(frozen=True)
class LoadedModel:
    """A classifier, and what distinguishes it from others.

    Attributes:
        classifier: the classifier.
        identity: checksum of its files, and its device; "" if unknown.
    """

    classifier: Classifier
    identity: str


def load_model(name_or_path: str | Path | None, device: str) -> LoadedModel:
    """Load a model; arguments and errors are those of `EmotionClassifier.from_pretrained`."""
    classifier = EmotionClassifier.from_pretrained(name_or_path, device=device)
    return LoadedModel(classifier, f"{classifier.checksum} {device}")


@dataclass(frozen=True)
class Workers:
    """Processes on a Ray cluster, each with its own copy of the model.

    Attributes:
        model: a model as for `EmotionClassifier.from_pretrained`, where a path must exist on every machine; or a
            function without arguments that makes a classifier.
        device: "cpu", or "cuda" for workers that have a GPU each.
        count: number of workers; None for as many as the cluster has room for.
        cores: number of cores of a worker. None for CORES, or fewer if the smallest machine has fewer; with a GPU, its
            share of the cores of the machine.

    Raises:
        ModelError: values that are not allowed.
    """

    model: str | Path | Callable[[], Classifier] | None = None
    device: str = "cpu"
    count: int | None = None
    cores: int | None = None

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda"):
            raise ModelError(f"the device of workers must be cpu or cuda (Ray chooses the GPU), got {self.device!r}")
        for name, value in (("workers", self.count), ("cores of a worker", self.cores)):
            if value is not None and value < 1:
                raise ModelError(f"the number of {name} must be at least 1, got {value}")

    @property
    def gpus(self) -> int:
        """Number of GPUs of a worker."""
        return int(self.device == "cuda")

    def load(self) -> LoadedModel:
        """Load the model; called in the worker.

        Raises:
            EmoscopeError: it cannot be loaded.
        """
        return LoadedModel(self.model(), "") if callable(self.model) else load_model(self.model, self.device)
