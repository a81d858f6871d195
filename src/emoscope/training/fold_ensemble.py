"""The models of a cross-validation as one classifier, and the record of which training row is in which fold.

The folder that they are read from holds no text: a training text is recognised by its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope import model_folder
from emoscope.classifier import EmotionClassifier
from emoscope.data import Examples
from emoscope.deprecation import warn_renamed
from emoscope.errors import ModelError, RecipeError
from emoscope.folds import assign_folds, distinct_texts
from emoscope.training.run_folder import FOLD

FORMAT = 1
FOLDS_FILE = "folds.json"
OUT_OF_FOLD_FILE = "out_of_fold.npy"
OUT_OF_FOLD_FILE_0_1 = "held_out.npy"
"""Name of the same file in folders that emoscope 0.1 wrote."""
DECISIVE_FILES = (FOLDS_FILE, "*.npy", *(f"{FOLD.format('*')}/{name}" for name in model_folder.DECISIVE_FILES))
"""The files that decide the scores of a fold ensemble."""


@dataclass(frozen=True)
class Partition:
    """Training rows divided into folds.

    Attributes:
        folds: number of folds.
        seed: seed of the partition.
        fingerprint: fingerprint of the training rows.
        fold_of_row: fold of each row, from 0.
        text_digests: `text_digest` of each row's text.
        format: version of the file.
    """

    folds: int
    seed: int
    fingerprint: str
    fold_of_row: list[int]
    text_digests: list[str]
    format: int = FORMAT

    @classmethod
    def of(cls, train: Examples, folds: int, seed: int) -> Partition:
        """A random partition, stratified by label where a row has exactly one.

        Raises:
            RecipeError: there are too few or too many folds.
        """
        distinct = distinct_texts(train.texts)
        if not 2 <= folds <= distinct:
            raise RecipeError(
                f"the number of folds must be from 2 to {distinct}, the number of distinct texts; got {folds}"
            )
        label_ids = None if train.multi_label else train.label_ids
        fold_of_row = assign_folds(train.texts, folds, seed=seed, label_ids=label_ids).tolist()
        return cls(folds, seed, train.fingerprint, fold_of_row, [text_digest(text) for text in train.texts])

    @classmethod
    def read(cls, folder: Path) -> Partition:
        """Read the record from a folder that `cross_validate` wrote.

        Raises:
            ModelError: the file is missing or broken, or has another version.
        """
        file = folder / FOLDS_FILE
        try:
            partition = cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"{file} cannot be read ({error}); train the folds again") from error
        if partition.format != FORMAT:
            raise ModelError(f"{file} has format {partition.format!r}, but this version of emoscope reads {FORMAT}")
        return partition

    def write(self, folder: Path) -> None:
        """Write the record into a folder."""
        (folder / FOLDS_FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


class FoldEnsemble:
    """The models of all folds as one classifier that recognises the texts that they were trained on.

    Attributes:
        labels: label names in index order.
    """

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        """Open a folder that `cross_validate` wrote; the models are loaded when the first text needs them.

        Raises:
            ModelError: a file is missing or broken, or the models have different labels.
        """
        self._partition = Partition.read(folder)
        self._members = [model_folder.open_folder(folder / FOLD.format(fold)) for fold in range(self._partition.folds)]
        self._device = device
        self._out_of_fold = _read_out_of_fold(folder, len(self._partition.fold_of_row))
        self.labels = self._members[0].labels.names
        if any(member.labels.names != self.labels for member in self._members):
            raise ModelError(f"{folder} has folds with different labels; train the folds again")

    @cached_property
    def members(self) -> list[EmotionClassifier]:
        """The models of the folds."""
        return [EmotionClassifier.from_pretrained(member.path, device=self._device) for member in self._members]

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Mean of the members' probabilities, float32 (len(texts), len(labels))."""
        mean: NDArray[np.float32] = np.mean([member.predict_proba(texts) for member in self.members], axis=0)
        return mean

    def out_of_fold(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities by models that were not trained on the texts, float32 (len(texts), len(labels)).

        A training text has the probabilities that were stored when the folds were trained, by the one member that did
        not see it. Any other text has the mean of the members.
        """
        rows = [self._row_of_digest.get(text_digest(text), -1) for text in texts]
        result = self._out_of_fold[rows]
        new = [position for position, row in enumerate(rows) if row < 0]
        if new:
            result[new] = self.predict_proba([texts[position] for position in new])
        return result

    def held_out(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Deprecated name of `out_of_fold`."""
        warn_renamed("FoldEnsemble.held_out", "out_of_fold")
        return self.out_of_fold(texts)

    @cached_property
    def _row_of_digest(self) -> dict[str, int]:
        return {digest: row for row, digest in enumerate(self._partition.text_digests)}


def _read_out_of_fold(folder: Path, rows: int) -> NDArray[np.float32]:
    old = folder / OUT_OF_FOLD_FILE_0_1
    file = old if old.is_file() else folder / OUT_OF_FOLD_FILE
    try:
        out_of_fold: NDArray[np.float32] = np.load(file)
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read ({error}); train the folds again") from error
    if out_of_fold.ndim != 2 or len(out_of_fold) != rows:
        raise ModelError(f"{file} has shape {out_of_fold.shape}, but there are {rows} rows; train the folds again")
    return out_of_fold


def text_digest(text: str) -> str:
    """The first 128 bits of the SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
