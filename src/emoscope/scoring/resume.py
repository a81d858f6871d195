"""What a run keeps beside its output until it is done, so that after a kill nothing is scored twice.

The folder OUT.parts holds `manifest.json` (what is scored, with what, how), for each part the probabilities of its
texts under the digest of those texts, and the output as far as it is written. A run that is resumed reads and writes
everything again, but takes from here what the model said: so it ends with the same bytes, wherever it was killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError
from emoscope.files import UNFINISHED, sync, write_atomically
from emoscope.model_folder import current_checksum
from emoscope.protocols import Classifier, is_multi_label
from emoscope.score_store import ScoreStore

_FORMAT = 1
_MANIFEST = "manifest.json"


class WorkFolder:
    """The folder of one run.

    Attributes:
        path: of the folder.
        result: what the run ended with; None while it is not done. When it is, its output is to be put in place.
        output: files of the finished output, by what they are.
        resumed: whether it was taken up as it was.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        """Name the folder; nothing is read or written.

        Args:
            path: of the folder.
            run: what decides the scores, as JSON: {"model": ..., "scoring": {...}, "inputs": {name: ...}, ...}.
        """
        self.path = path
        self._store = ScoreStore(path)
        self._run = {"format": _FORMAT, **json.loads(json.dumps(run))}
        self.result: dict[str, Any] | None = None
        self.output: dict[str, Path] = {}
        self.resumed = False
        self._taken = False

    @property
    def parts(self) -> int:
        """Number of parts kept."""
        return len(self._store)

    def start(self) -> None:
        """Begin afresh: whatever is there goes.

        Raises:
            DataError: the folder is something else.
        """
        if self._holds_a_run():
            self.remove()
        self.path.mkdir(parents=True, exist_ok=True)
        self._taken = True
        self._write_manifest()

    def resume(self) -> None:
        """Take up the run that is there, if there is one.

        Raises:
            DataError: the run that is there is another.
        """
        if not self._holds_a_run():
            return
        manifest = self._manifest() or {}
        self.result = manifest.get("result")
        self.output = {role: self.path / name for role, name in manifest.get("output", {}).items()}
        if difference := _difference(manifest, self._run):
            raise DataError(
                f"{self.path} keeps a run that cannot go on: {difference}; "
                "give what it began with, or begin again with --overwrite"
            )
        for file in (*self.path.glob("*.output"), *self.path.glob(f"*{UNFINISHED}")):
            if file not in self.output.values():
                file.unlink(missing_ok=True)
        self.resumed = self._taken = True

    def new_file(self, name: str) -> Path:
        """Where a file of output may be written, not shared with another run: two at once cannot spoil each other's."""
        return self.path / f"{name}.{os.getpid()}.output"

    def remembering(self, classifier: Classifier) -> Classifier:
        """The classifier, but texts whose probabilities are kept here are not scored again."""
        return _Remembering(classifier, self._store)

    def finish(self, result: dict[str, Any], output: dict[str, Path]) -> None:
        """Record for good that the run is done.

        Args:
            result: what the run ended with, as JSON.
            output: its files in this folder, by what they are.
        """
        for file in output.values():
            sync(file)
        self.result, self.output = result, output
        self._write_manifest()

    def leave(self) -> None:
        """Leave the folder to a later run, without what was begun; remove it if nothing is kept there."""
        if not self._taken or not self.path.exists():
            return
        for file in self.path.glob(f"*.{os.getpid()}.*"):
            if file not in self.output.values():
                file.unlink(missing_ok=True)
        if [file.name for file in self.path.iterdir()] == [_MANIFEST]:
            self.remove()

    def remove(self) -> None:
        """Remove the folder, what says that it is one of ours at last."""
        for file in sorted(self.path.iterdir(), key=lambda file: file.name == _MANIFEST):
            file.unlink(missing_ok=True)
        self.path.rmdir()

    def _holds_a_run(self) -> bool:
        """Whether there is a run: not of one that was killed before it began.

        Raises:
            DataError: the folder is something else.
        """
        if not self.path.exists() or all(file.suffix == UNFINISHED for file in self.path.iterdir()):
            return False
        if self._manifest() is None:
            raise DataError(f"{self.path} is no folder of an unfinished run of this version; move it away")
        return True

    def _manifest(self) -> dict[str, Any] | None:
        try:
            manifest = json.loads((self.path / _MANIFEST).read_text())
        except (OSError, ValueError):
            return None
        return manifest if isinstance(manifest, dict) and manifest.get("format") == _FORMAT else None

    def _write_manifest(self) -> None:
        files = {role: file.name for role, file in self.output.items()}
        content = json.dumps({**self._run, "result": self.result, "output": files}, indent=1)
        write_atomically(self.path / _MANIFEST, content, durable=True)


class _Remembering:
    """A classifier that keeps what it says."""

    def __init__(self, classifier: Classifier, store: ScoreStore) -> None:
        self._classifier, self._store = classifier, store
        self.labels = classifier.labels
        self.multi_label = is_multi_label(classifier)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._store.scores(texts, self._classifier.predict_proba)


def _difference(kept: Mapping[str, Any], run: Mapping[str, Any]) -> str | None:
    """In which way the run that is kept is another, in words."""
    old, new = kept.get("inputs", {}), run["inputs"]
    if changed := [name for name in {**old, **new} if old.get(name) != new.get(name)]:
        return f"its input {changed[0]} has changed since, or is another"
    if current_checksum(str(kept.get("model"))) != str(run["model"]):
        return "it was begun with another model"
    old, new = ({**side, **side.get("scoring", {})} for side in (kept, run))
    if changed := [name for name in new if name != "scoring" and old.get(name) != new[name]]:
        return f"{changed[0]} was {old.get(changed[0])!r}, now it is {new[changed[0]]!r}"
    return None
