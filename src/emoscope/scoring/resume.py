"""What a run keeps beside its output until it is done, so that after a kill nothing is scored twice.

The folder OUT.parts holds `manifest.json` (the inputs, the model and the options), a `ScoreStore` with the
probabilities of each part, and the unfinished output; manifest and parts carry checksums. A run that is resumed reads
and writes everything again, but takes the kept probabilities from here: so it ends with the same bytes, wherever it was
killed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import UnionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError
from emoscope.files import UNFINISHED, sync, write_atomically
from emoscope.model_folder import current_checksum
from emoscope.protocols import (
    Classifier,
    has_neutral,
    is_multi_label,
    neutral_predictor,
    prediction_sets_of,
    split_neutral,
)
from emoscope.score_store import ScoreStore

_FORMAT = 1
_MANIFEST = "manifest.json"
_CONTINUED = ("0.1.0",)
"""Earlier versions whose runs can be continued: their scores and their output are the same."""
_ADDED_OPTIONS = {"neutral": "column"}
"""Options that those versions did not have, with what they did."""


class WorkFolder:
    """The folder of one run.

    Attributes:
        path: path of the folder.
        result: what `finish` was given; None before. A finished run only has to move its output to its place.
        output: files of the finished output, by their roles.
        resumed: whether it holds a run that was begun before.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        """Name the folder; nothing is read or written.

        Args:
            path: path of the folder.
            run: what decides the output, as JSON: {"model": ..., "scoring": {...}, "inputs": {name: ...}, ...}.
        """
        self.path = path
        self._store = ScoreStore(path)
        self._run = {"format": _FORMAT, **json.loads(json.dumps(run))}
        self.result: dict[str, Any] | None = None
        self.output: dict[str, Path] = {}
        self.resumed = False
        self._is_ours = False
        self._of_0_1 = False  # a run of 0.1 keeps no probability of neutral, and its output has no column of it

    @property
    def parts(self) -> int:
        """Number of parts whose probabilities are kept."""
        return len(self._store)

    @property
    def damaged(self) -> int:
        """Number of kept parts that were damaged, and have been scored again."""
        return self._store.damaged

    def start(self) -> None:
        """Begin a new run; an old one in the folder is removed.

        Raises:
            DataError: the folder holds something else.
        """
        if self._holds_a_run():
            self.remove()
        self.path.mkdir(parents=True, exist_ok=True)
        self._is_ours = True
        self._write_manifest()

    def resume(self) -> None:
        """Continue the run in the folder, if there is one.

        Raises:
            DataError: the folder holds another run, or something else.
        """
        if not self._holds_a_run():
            return
        manifest = self._manifest() or {}
        self.result = manifest.get("result")
        self.output = {role: self.path / name for role, name in manifest.get("output", {}).items()}
        if difference := _difference(manifest, self._run):
            raise DataError(
                f"{self.path} keeps a run that cannot be continued: {difference}; "
                "give what it began with, or start again with --overwrite"
            )
        for file in (*self.path.glob("*.output"), *self.path.glob(f"*{UNFINISHED}")):
            if file not in self.output.values():
                file.unlink(missing_ok=True)
        self.resumed = self._is_ours = True
        self._of_0_1 = manifest.get("emoscope") in _CONTINUED

    def new_file(self, name: str) -> Path:
        """Path of a file of unfinished output, which another process that runs at the same time does not use."""
        return self.path / f"{name}.{os.getpid()}.output"

    def cached(self, classifier: Classifier) -> Classifier:
        """The classifier, but it does not score texts again whose probabilities are kept here."""
        return _CachedClassifier(classifier, self._store, neutral=not self._of_0_1)

    def finish(self, result: dict[str, Any], output: dict[str, Path]) -> None:
        """Record durably that the run is done.

        Args:
            result: the summary of the run, as JSON.
            output: its files in this folder, by their roles.
        """
        for file in output.values():
            sync(file)
        self.result, self.output = result, output
        self._write_manifest()

    def clean_up(self) -> None:
        """Remove unfinished output, and the folder if nothing is kept there; a later run may continue the rest."""
        if not self._is_ours or not self.path.exists():
            return
        for file in self.path.glob(f"*.{os.getpid()}.*"):
            if file not in self.output.values():
                file.unlink(missing_ok=True)
        if [file.name for file in self.path.iterdir()] == [_MANIFEST]:
            self.remove()

    def remove(self) -> None:
        """Remove the folder with everything that a run keeps; the manifest, which identifies it, last."""
        for file in sorted(self.path.iterdir(), key=lambda file: file.name == _MANIFEST):
            if file.name == _MANIFEST or file.suffix in (".npy", ".output", UNFINISHED):
                file.unlink(missing_ok=True)
        with suppress(OSError):  # it holds a file of another program
            self.path.rmdir()

    def _holds_a_run(self) -> bool:
        """Whether the folder holds a run; one that was killed before its manifest was written does not count.

        Raises:
            DataError: the folder holds something else.
        """
        if not self.path.exists() or all(file.suffix == UNFINISHED for file in self.path.iterdir()):
            return False
        if self._manifest() is None:
            raise DataError(
                f"{self.path} is not the folder of an unfinished run that this version can read; move it away"
            )
        return True

    def _manifest(self) -> dict[str, Any] | None:
        try:
            manifest = json.loads((self.path / _MANIFEST).read_text())
        except (OSError, ValueError, RecursionError):
            return None
        return manifest if isinstance(manifest, dict) and _is_sound(manifest) else None

    def _write_manifest(self) -> None:
        files = {role: file.name for role, file in self.output.items()}
        manifest = {**self._run, "result": self.result, "output": files}
        content = json.dumps({**manifest, "checksum": _checksum(manifest)}, indent=1)
        write_atomically(self.path / _MANIFEST, content, durable=True)


def _is_sound(manifest: dict[str, Any]) -> bool:
    """Whether a manifest is one of this format and undamaged; one of 0.1 has no checksum."""
    own = {key: value for key, value in manifest.items() if key != "checksum"}
    kinds: dict[str, type | UnionType] = {"inputs": dict, "scoring": dict, "output": dict, "result": dict | None}
    return (
        manifest.get("format") == _FORMAT
        and manifest.get("checksum") in (None, _checksum(own))
        and all(isinstance(manifest.get(key), kind) for key, kind in kinds.items())
        and all(isinstance(name, str) and Path(name).name == name for name in manifest["output"].values())
    )


def _checksum(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


class _CachedClassifier:
    """A classifier whose probabilities are kept in a store."""

    def __init__(self, classifier: Classifier, store: ScoreStore, *, neutral: bool) -> None:
        self._classifier, self._store = classifier, store
        self._neutral = neutral and has_neutral(classifier)
        self.labels = classifier.labels
        self.multi_label = is_multi_label(classifier)
        self._columns = len(classifier.labels) + self._neutral

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return split_neutral(self.predict_with_neutral(texts), len(self.labels))[0]

    def predict_with_neutral(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self._columns), np.float32)
        return self._store.scores(
            texts, neutral_predictor(self._classifier) if self._neutral else self._classifier.predict_proba
        )

    def prediction_sets(
        self, probabilities: NDArray[Any], coverage: float, *, texts: Sequence[str]
    ) -> NDArray[np.bool_] | None:
        return prediction_sets_of(self._classifier, probabilities, texts, coverage)


def _difference(kept: Mapping[str, Any], run: Mapping[str, Any]) -> str | None:
    """How the kept run differs from this one, in words; None if it does not."""
    old, new = kept.get("inputs", {}), run["inputs"]
    if changed := [name for name in {**old, **new} if old.get(name) != new.get(name)]:
        return f"its input {changed[0]} has changed since, or is a different one"
    if current_checksum(str(kept.get("model"))) != str(run["model"]):
        return "it was begun with another model"
    if kept.get("emoscope") in _CONTINUED:
        kept = {**_ADDED_OPTIONS, **kept, "emoscope": run["emoscope"]}
    old, new = ({**side, **side.get("scoring", {})} for side in (kept, run))
    if changed := [name for name in new if name != "scoring" and old.get(name) != new[name]]:
        return f"{changed[0]} was {old.get(changed[0])!r}, now it is {new[changed[0]]!r}"
    return None
