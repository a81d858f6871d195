"""Which training row is in which fold, and the file that keeps it beside the models of the folds.

The file has no text: a row's text is known by its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.data import Examples
from emoscope.errors import ModelError, RecipeError
from emoscope.text import NORMALIZERS

FORMAT = 1
FOLDS_FILE = "folds.json"


@dataclass(frozen=True)
class Folds:
    """A partition of the training rows.

    Attributes:
        folds: how many.
        seed: of the partition.
        fingerprint: of the training rows.
        fold_of_row: fold of each row.
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
    def of(cls, train: Examples, folds: int, seed: int) -> Folds:
        """A random partition of the rows, by `assign_folds`."""
        digests = [text_digest(text) for text in train.texts]
        return cls(folds, seed, train.fingerprint, assign_folds(train.texts, folds, seed).tolist(), digests)

    @classmethod
    def read(cls, folder: Path) -> Folds:
        """The file in the folder of a cross-fitted model.

        Raises:
            ModelError: there is none, it is broken, or of another version.
        """
        file = folder / FOLDS_FILE
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            folds = cls(**values)
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"{file} cannot be read ({error}); train the folds again") from error
        if folds.format != FORMAT:
            raise ModelError(f"{file} has format {folds.format!r}, but this version of emoscope reads {FORMAT}")
        return folds

    def write(self, folder: Path) -> None:
        """Write the file."""
        (folder / FOLDS_FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


def assign_folds(texts: Sequence[str], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each row, at random; texts that are equal in their plain form are in one fold, so that none leaks.

    Args:
        texts: one a row.
        folds: how many, from 2 to the number of different texts.
        seed: of the partition.

    Returns:
        int64 (rows,), from 0 to folds - 1. The folds differ by one different text at most.

    Raises:
        RecipeError: too few or too many folds.
    """
    plain = [NORMALIZERS["plain"](text) for text in texts]
    different = list(dict.fromkeys(plain))
    if not 2 <= folds <= len(different):
        raise RecipeError(f"the number of folds must be from 2 to {len(different)}, the different texts; got {folds}")
    order = np.random.default_rng(seed).permutation(len(different))
    fold_of = dict(zip(different, (order % folds).tolist(), strict=True))
    return np.array([fold_of[text] for text in plain], np.int64)


def text_digest(text: str) -> str:
    """The first 128 bits of the SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
