"""Teachers: any classifiers with the data's labels, known by a checksum, loaded when they are first asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.checksums import sha256_of_files
from emoscope.classifier import EmotionClassifier
from emoscope.errors import LabelError, ModelError, RecipeError
from emoscope.labels import Labels
from emoscope.model_folder import DECISIVE_FILES, GRAPHS, WEIGHTS, model_checksum, open_folder, resolve
from emoscope.protocols import Classifier
from emoscope.training.cross_validation import HELD_OUT_FILE, CrossFitted
from emoscope.training.folds import FOLDS_FILE
from emoscope.training.run import FOLD

DECISIVE_FILES_OF_FOLDS = (FOLDS_FILE, HELD_OUT_FILE, *(f"{FOLD.format('*')}/{name}" for name in DECISIVE_FILES))


@dataclass(frozen=True)
class Teacher:
    """A classifier that a student learns from.

    Attributes:
        name: as the recipe has it.
        checksum: SHA-256 of the files that decide what it says; of a classifier in memory, of its name.
        columns: for each label of the data, the teacher's column.
        load: reads it.
    """

    name: str
    checksum: str
    columns: list[int]
    load: Callable[[], Classifier]

    def probabilities(self, classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
        """What the loaded teacher says, in the order of the data's labels: float32 (texts, labels).

        A cross-fitted teacher judges texts of its training rows by the model that did not see them.

        Raises:
            ModelError: what it returns are not probabilities.
        """
        score = classifier.held_out if isinstance(classifier, CrossFitted) else classifier.predict_proba
        scored = score(texts)
        if scored.shape != (len(texts), len(self.columns)):
            raise ModelError(
                f"teacher {self.name} returned probabilities of shape {scored.shape}, "
                f"expected {(len(texts), len(self.columns))}"
            )
        if not ((scored >= 0).all() and (np.abs(scored.sum(axis=1) - 1) < 1e-3).all()):
            raise ModelError(f"teacher {self.name} returned rows that are no probabilities: they do not sum to 1")
        return scored[:, self.columns].astype(np.float32)


def find_teachers(names: Sequence[str], labels: Labels, in_memory: Mapping[str, Classifier]) -> list[Teacher]:
    """The teachers of a recipe, found and checked, but not loaded.

    Args:
        names: "bundled", a model folder, a checkpoint, a folder of folds, a Hub id, or a name in `in_memory`.
        labels: those of the data.
        in_memory: classifiers by name.

    Raises:
        RecipeError: no teacher.
        ModelError: one cannot be found or read, or gives several labels a text.
        LabelError: one has other labels than the data.
    """
    if not names:
        raise RecipeError("no teacher to learn from; name one or several: teachers in the recipe, or --teachers M")
    return [
        _in_memory(name, labels, in_memory[name]) if name in in_memory else _on_disk(name, labels) for name in names
    ]


def _in_memory(name: str, labels: Labels, classifier: Classifier) -> Teacher:
    checksum = hashlib.sha256(name.encode()).hexdigest()
    return Teacher(name, checksum, _columns(name, classifier.labels, labels), lambda: classifier)


def _on_disk(name: str, labels: Labels) -> Teacher:
    if (Path(name) / FOLDS_FILE).is_file():
        return _folds(name, labels)
    on_gpu = torch.cuda.is_available()
    folder = open_folder(resolve(name, one_of=(*WEIGHTS, GRAPHS) if on_gpu else (GRAPHS, *WEIGHTS)))
    if folder.calibration.multi_label:
        raise ModelError(f"teacher {name} gives several labels a text; allowed: models that give one")
    device = "cuda" if on_gpu and folder.has_weights else "cpu"
    load = partial(EmotionClassifier.from_pretrained, folder.path, device=device)
    return Teacher(name, model_checksum(folder.path), _columns(name, folder.labels.names, labels), load)


def _folds(name: str, labels: Labels) -> Teacher:
    load = partial(CrossFitted, Path(name), device="cuda" if torch.cuda.is_available() else "cpu")
    checksum = sha256_of_files(Path(name), DECISIVE_FILES_OF_FOLDS)
    return Teacher(name, checksum, _columns(name, load().labels, labels), load)


def _columns(name: str, own: Sequence[str], labels: Labels) -> list[int]:
    if set(own) != set(labels.names):
        raise LabelError(
            f"teacher {name} has the labels {', '.join(own)}, but the data's are {', '.join(labels.names)}; "
            "allowed: the data's, in any order"
        )
    return [list(own).index(label) for label in labels.names]
