"""Which model scores, and how a worker on a cluster comes by it. Knows no Ray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emoscope.classifier import EmotionClassifier
from emoscope.errors import ModelError
from emoscope.model_folder import GRAPHS, WEIGHTS, model_checksum, resolve
from emoscope.protocols import Classifier

CORES = 4
"""Cores of a worker without a GPU, where machines have as many: enough that few models are in memory."""


@dataclass(frozen=True)
class LoadedModel:
    """A classifier, and what tells it from others.

    Attributes:
        classifier: the classifier.
        identity: checksum of its files, and its device; "" where nothing is known.
    """

    classifier: Classifier
    identity: str


def load_model(name_or_path: str | Path | None, device: str) -> LoadedModel:
    """Load a model as `EmotionClassifier.from_pretrained` takes it.

    Raises:
        EmoscopeError: as there.
    """
    kinds = (GRAPHS, *WEIGHTS) if device == "cpu" else (*WEIGHTS, GRAPHS)
    folder = resolve(name_or_path, one_of=kinds)
    classifier = EmotionClassifier.from_pretrained(folder, device=device)
    return LoadedModel(classifier, f"{model_checksum(folder)} {device}")


@dataclass(frozen=True)
class Workers:
    """Processes on a Ray cluster, each of which holds the model once.

    Attributes:
        model: as `EmotionClassifier.from_pretrained` takes it, a path being one that every machine has; or a function
            without arguments that makes a classifier.
        device: "cpu", or "cuda": then each worker has a GPU of its own.
        count: how many; None for as many as the cluster has room for.
        cores: of each; None for CORES, or fewer where the smallest machine has fewer; beside a GPU, its share of the
            machine's.

    Raises:
        ModelError: values that are not allowed.
    """

    model: str | Path | Callable[[], Classifier] | None = None
    device: str = "cpu"
    count: int | None = None
    cores: int | None = None

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda"):
            raise ModelError(f"a worker is given its GPU: the device must be cpu or cuda, got {self.device!r}")
        for name, value in (("workers", self.count), ("cores of a worker", self.cores)):
            if value is not None and value < 1:
                raise ModelError(f"there must be one at least of {name}, got {value}")

    @property
    def gpus(self) -> int:
        """GPUs of each."""
        return int(self.device == "cuda")

    def load(self) -> LoadedModel:
        """Load the model, in the worker.

        Raises:
            EmoscopeError: it cannot be loaded.
        """
        return LoadedModel(self.model(), "") if callable(self.model) else load_model(self.model, self.device)
