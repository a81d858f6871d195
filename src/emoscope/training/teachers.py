"""Teachers: classifiers with the data's labels, identified by a checksum, loaded when they first score a text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.checksums import sha256_of_files
from emoscope.classifier import EmotionClassifier
from emoscope.errors import LabelError, ModelError, RecipeError
from emoscope.labels import NEUTRAL, Labels
from emoscope.model_folder import GRAPHS, WEIGHTS, model_checksum, open_folder, resolve
from emoscope.neutral import joint
from emoscope.protocols import Classifier, neutral_predictor
from emoscope.score_store import Score
from emoscope.training.fold_ensemble import DECISIVE_FILES, FOLDS_FILE, FoldEnsemble


@dataclass(frozen=True)
class Teacher:
    """A classifier that a student learns from.

    Attributes:
        name: its name in the recipe.
        checksum: SHA-256 of the files that decide its scores; for a classifier in memory, of its name.
        columns: for each output of the student, the teacher's column.
        load: reads the classifier.
    """

    name: str
    checksum: str
    columns: list[int]
    load: Callable[[], Classifier]

    def scorer(self) -> Score:
        """A function that scores texts with this teacher, which it loads at its first call."""
        load = cache(self.load)
        return lambda texts: self.probabilities(load(), texts)

    def probabilities(self, classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
        """The loaded classifier's probabilities in the order of the data's labels, float32 (texts, labels).

        A fold ensemble scores the texts that it was trained on out of fold.

        Raises:
            ModelError: it does not return probabilities.
        """
        scored = _score(classifier, texts, len(self.columns))
        if scored.shape != (len(texts), len(self.columns)):
            raise ModelError(
                f"teacher {self.name} returned probabilities of shape {scored.shape}, "
                f"expected {(len(texts), len(self.columns))}"
            )
        if not ((scored >= 0).all() and (np.abs(scored.sum(axis=1) - 1) < 1e-3).all()):
            raise ModelError(f"teacher {self.name} returned rows that are not probabilities: they do not sum to 1")
        return scored[:, self.columns].astype(np.float32)


def _score(classifier: Classifier, texts: Sequence[str], outputs: int) -> NDArray[np.float32]:
    """One distribution a text, over the labels or, if there are more outputs than labels, over these and neutral."""
    if isinstance(classifier, FoldEnsemble):
        return classifier.out_of_fold(texts)
    if outputs > len(classifier.labels):
        return joint(neutral_predictor(classifier)(texts))
    return classifier.predict_proba(texts)


def find_teachers(names: Sequence[str], labels: Labels, in_memory: Mapping[str, Classifier]) -> list[Teacher]:
    """The teachers of a recipe, found and checked, but not loaded.

    Args:
        names: each "bundled", a model folder, a checkpoint, a folder of folds, a Hub id, or a name in `in_memory`.
        labels: the outputs of the student: the labels of the data and, if it is to learn it, neutral.
        in_memory: classifiers by name.

    Raises:
        RecipeError: there are no teachers.
        ModelError: a teacher cannot be found or read, or is multi-label.
        LabelError: a teacher has other labels than the data.
    """
    if not names:
        raise RecipeError("the recipe has no teachers; name at least one: teachers in the recipe, or --teachers MODEL")
    return [_find(name, labels, in_memory.get(name)) for name in names]


def _find(name: str, labels: Labels, classifier: Classifier | None) -> Teacher:
    if classifier is not None:
        checksum = hashlib.sha256(name.encode()).hexdigest()
        return Teacher(name, checksum, _columns(name, classifier.labels, labels), lambda: classifier)
    on_gpu = torch.cuda.is_available()
    if (Path(name) / FOLDS_FILE).is_file():
        load_folds = partial(FoldEnsemble, Path(name), device="cuda" if on_gpu else "cpu")
        checksum = sha256_of_files(Path(name), DECISIVE_FILES)
        return Teacher(name, checksum, _columns(name, load_folds().labels, labels), load_folds)
    folder = open_folder(resolve(name, one_of=(*WEIGHTS, GRAPHS) if on_gpu else (GRAPHS, *WEIGHTS)))
    if folder.calibration.multi_label:
        raise ModelError(f"teacher {name} gives several labels per text; allowed: models that give one")
    device = "cuda" if on_gpu and folder.has_weights else "cpu"
    load = partial(EmotionClassifier.from_pretrained, folder.path, device=device)
    outputs = folder.labels.names
    if folder.calibration.neutral_output and NEUTRAL in labels.names:
        outputs = (*outputs, NEUTRAL)
    return Teacher(name, model_checksum(folder.path), _columns(name, outputs, labels), load)


def _columns(name: str, teacher_labels: Sequence[str], labels: Labels) -> list[int]:
    if set(teacher_labels) != set(labels.names):
        raise LabelError(
            f"teacher {name} has the labels {', '.join(teacher_labels)}, but the data has {', '.join(labels.names)}; "
            "allowed: the labels of the data, in any order"
        )
    return [list(teacher_labels).index(label) for label in labels.names]
