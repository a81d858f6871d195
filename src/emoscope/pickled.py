"""A pickled classifier: where its model is, and its checksum, so that another process loads the same model."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from emoscope.errors import ChecksumError
from emoscope.model_folder import INSTALLED, cascade_agreement, model_checksum


@dataclass(frozen=True)
class Source:
    """What a classifier was loaded from.

    Attributes:
        name: the name of a model, a path or a Hub id, as it was given.
        folder: the folder of the model on the machine that loaded it; of a cascade that of the accurate model.
        device: the arguments of `from_pretrained`, as they were given.
        dtype: see `device`.
        threads: see `device`.
    """

    name: str
    folder: Path
    device: str
    dtype: str | None
    threads: int | None

    @property
    def name_or_path(self) -> str | Path:
        """Where the model is on this machine, which may be another one."""
        installed = self.name in INSTALLED or cascade_agreement(self.name)
        return self.name if installed or not self.folder.is_dir() else self.folder

    @property
    def checksum(self) -> str:
        """`model_checksum` of the folder, after the name of a cascade."""
        checksum = model_checksum(self.folder)
        return f"{self.name} {checksum}" if cascade_agreement(self.name) else checksum


def load_pickled(kind: Any, source: Source, checksum: str) -> Any:
    """The classifier, with parts that it shares with others of the same pickled model.

    Args:
        kind: the class.
        source: what it was loaded from.
        checksum: `Source.checksum` of the model.

    Raises:
        EmoscopeError: the model cannot be loaded here, or is another one.
    """
    return copy(_loaded(kind, source, checksum))


@lru_cache(maxsize=4)
def _loaded(kind: Any, source: Source, checksum: str) -> Any:
    classifier = kind.from_pretrained(
        source.name_or_path, device=source.device, dtype=source.dtype, threads=source.threads
    )
    found: Source = classifier._source
    if found.checksum != checksum:
        raise ChecksumError(
            f"the model in {found.folder} is not the one that was pickled; put the same files there, or load it with "
            "from_pretrained"
        )
    classifier._source = replace(found, name=source.name)
    return classifier
